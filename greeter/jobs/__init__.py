"""The life of a job, from its submission to its removal.

- Changes: service submits, cancels, requeues and deletes jobs, as submission and runner describe; errors has the
  messages for users.
- The record in Redis: store and worker_store, which only the scripts in lua/ change; scripts and connections call them;
  statistics and log_fields are what they return.
- Reading a job: reader, record, phase, progress, params. samples has the jobs that are kept forever.
- Files: files has the folders of the jobs, uploads those of forms, trees what both need; bounds limits them;
  result_files, media_types, pictures and pdf_renderer show them.
- Celery: celery_app, registration, task, request, consumer, pool, transport, and backend, which keeps results in the
  record.
- While a job runs: claimed_job, reporting and ticker send heartbeats and enforce limits; interrupts, resource_limits,
  containment and survivors control its process and what that starts; pool_process and process_state decide whether it
  is fit for the next job.
- Recovery: sweeper, cleaner, intake, watchdog. fitness, installation and probe check the disk, redis_check Redis, which
  redis_copy moves.
- Reference databases: databases, staging, database_use. versions has the versions of what a job uses.
- Mails: mails, mailer, mail_server.
"""
