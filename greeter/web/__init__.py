"""The web application. Only greeter/__init__.py and gunicorn.conf.py import it.

- The application: app creates it; services has what all views share; site and site_pages are the operator's own parts.
- Pages: pages (the front page, help, forms), jobs and job_actions with job_context and poll_cache (the page of a job),
  mail, errors; availability says whether the programs of a tool are installed.
- Scripts and monitors: api/, problems, health, metrics.
- Every request: request_log, limits, security, compression. Every page: template_filters, tool_templates.
- input/ reads and checks what visitors send, results/ prepares results for pages and downloads, provenance/ writes
  and reads the archive of a job, commands/ has the commands of `flask`, and server/ what greeter adds to gunicorn.
"""
