"""The API for scripts, which /api describes. Its shape follows OGC API Processes: processes, execution, jobs, results.

- Operations, in the order of the document: processes, jobs, site. operations declares them, and databases lists the
  reference databases.
- Requests: inputs reads them, and idempotency recognizes repeats.
- Answers: status, results, json_values, problem.
- The document: openapi makes it from what operations, schemas, form_schema, outputs and process_info declare.
"""

from greeter.web.api import jobs, processes, site
from greeter.web.api.operations import bp

__all__ = ["bp", "jobs", "processes", "site"]
