"""The life of a job, from its submission to its removal.

service.py submits, cancels, requeues and deletes jobs. store.py keeps their records in Redis, changed only by the
scripts in lua/, and files.py keeps their folders. celery_app.py, task.py and backend.py connect them to Celery.
reporting.py sends heartbeats while a job runs, and sweeper.py recovers jobs whose heartbeats have stopped.
"""
