"""The life of a job, from its submission to its removal.

- Changes: service submits, cancels, requeues, ends and deletes jobs; submission and runner have what it gets and
  returns; errors has the messages for users.
- The record in Redis: store and worker_store read it, and change it with the Lua scripts in lua/, which scripts calls
  through connections; statistics and log_fields are replies of those scripts. scripts also lists every key.
- Reading a job: reader, record, phase, progress. samples has the jobs that are kept forever. params distinguishes files
  and databases from other parameters, and inputs restores them from a record.
- Files: files has the folders of the jobs, attempts what workers do with those of attempts, uploads those of forms;
  trees has what all need, bounds limits them, and quota their bytes; result_files, media_types, pictures and
  pdf_renderer show them.
- Celery: celery_app, registration, task, request, consumer, pool, transport, and backend, which keeps results in the
  record.
- While a job runs: reporting and ticker send heartbeats and enforce limits; interrupts, resource_limits, containment
  and leftover_processes control its process and the processes that it starts; meter measures its files; pool_process
  and process_state decide whether its process is fit for the next job.
- Recovery: sweeper, cleaner, intake, unknown_tools, watchdog. active_jobs and release end the jobs of a worker.
  fitness, installation and probe check the disk; redis_check checks Redis, and redis_copy copies all records to another
  one.
- Reference databases: databases, staging. versions has the versions of what a job uses.
- Emails: mails, mailer, mail_server.
"""
