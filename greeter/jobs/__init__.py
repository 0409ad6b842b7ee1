"""The life of a job, from its submission to its removal.

service.py submits, cancels, requeues and deletes jobs. store.py keeps their records in Redis, changed only by the
scripts in lua/, and files.py keeps their folders; record.py, reader.py and samples.py read them. celery_app.py,
task.py, backend.py and transport.py connect them to Celery. While a job runs, reporting.py sends its heartbeats and
enforces its limits. sweeper.py and watchdog.py recover from what has stopped. errors.py has the messages for users.
"""
