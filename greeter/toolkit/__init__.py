"""Everything that a tool needs to import from greeter."""

from celery.exceptions import SoftTimeLimitExceeded

from greeter.toolkit.errors import ProgramError, ToolError
from greeter.toolkit.fasta import longest_sequence
from greeter.toolkit.fields import ProteinFastaField
from greeter.toolkit.job import Job, Result
from greeter.toolkit.tool import MemoryNeed, tool

__all__ = [
    "Job",
    "MemoryNeed",
    "ProgramError",
    "ProteinFastaField",
    "Result",
    "SoftTimeLimitExceeded",
    "ToolError",
    "longest_sequence",
    "tool",
]
