"""The life of a job, from its submission to its removal.

- The job: submission is what a user sends, request and runner say which attempt of it runs where, record is what is
  known of it, with its phase and progress; params distinguishes files and databases from other parameters; log_fields
  is what the log says of it; errors has why one is refused, and failures why one fails.
- Changes: service submits, cancels, requeues, ends and deletes jobs. backend keeps Celery's results in the record.
- Reference databases: databases, staging. versions has the versions of what a job uses. installation identifies the
  Redis and the folder that belong together.
- records/ stores the jobs in Redis, files/ in the folder. worker/ runs them, recovery/ requeues those that were lost
  and removes old ones, and mail/ sends the emails about them.
"""
