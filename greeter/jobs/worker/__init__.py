"""The Celery worker: it takes jobs and runs each in a process of its pool.

- Celery: celery_app, registration, consumer, transport and pool adapt Celery. task is the Celery task that runs a tool.
- While a job runs: reporting and ticker send heartbeats and enforce limits; meter measures its files; active_jobs
  lists the jobs of the worker.
- Its process: interrupts, resource_limits, containment and leftover_processes control the process of a job and those
  that it starts; pool_process and process_state decide whether it is fit for the next job.
- The machine: fitness checks whether this worker can run jobs; shutdown gives its jobs back when it stops.
"""
