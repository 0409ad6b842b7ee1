"""The web application. Only greeter/__init__.py and gunicorn.conf.py import it.

- The application: app creates it; services has what all views share; site and site_pages are the operator's own parts.
- Pages: pages (the front page, help, forms), jobs and job_actions with job_context and poll_cache (the page of a job),
  mail, errors.
- Forms: forms, field_checks, uploads, request_body, multipart. submitting submits a job or says why not;
  availability says whether the programs of a tool are installed.
- Results: previews, downloads, residues; for tables paging, table_index, table_query, table_view.
- Provenance: crate, crate_graph and crate_run write the archive of a job, crate_reader reads it; describe describes
  tools for registries.
- Scripts and monitors: api/, problems, health, metrics.
- Every request: request_log, limits, security, compression, gunicorn_worker with gunicorn_client, gunicorn_polls
  and gunicorn_response, malformed. Every page: template_filters, tool_templates.
- Commands, which share commands: cli, drain, add_database and database_commands, check_tools, run_tool with terminal,
  rerun.
"""
