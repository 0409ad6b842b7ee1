"""What every tool needs. The names here are all that the author of a tool has to know."""

from celery.exceptions import SoftTimeLimitExceeded

from greeter.core.errors import ToolError
from greeter.core.fasta import FastaField
from greeter.core.job import Job
from greeter.core.tool import tool

__all__ = ["FastaField", "Job", "SoftTimeLimitExceeded", "ToolError", "tool"]
