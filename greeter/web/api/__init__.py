"""The API for scripts, which /api describes. Its shape follows OGC API Processes: processes, execution, jobs, results.

The modules `processes`, `jobs` and `site` have its operations, in the order of its document.
"""

from greeter.web.api import jobs, processes, site
from greeter.web.api.operations import bp

__all__ = ["bp", "jobs", "processes", "site"]
