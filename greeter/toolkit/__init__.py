"""What every tool needs. The names here are all that the author of a tool has to know."""

from celery.exceptions import SoftTimeLimitExceeded

from greeter.toolkit.errors import ToolError
from greeter.toolkit.fasta import FastaField
from greeter.toolkit.job import Job
from greeter.toolkit.tool import tool

__all__ = ["FastaField", "Job", "SoftTimeLimitExceeded", "ToolError", "tool"]
