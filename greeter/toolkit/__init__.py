"""Everything that a tool needs to import from greeter."""

from celery.exceptions import SoftTimeLimitExceeded

from greeter.toolkit.errors import ToolError
from greeter.toolkit.fields import ProteinFastaField
from greeter.toolkit.job import Job, Result
from greeter.toolkit.tool import tool

__all__ = ["Job", "ProteinFastaField", "Result", "SoftTimeLimitExceeded", "ToolError", "tool"]
