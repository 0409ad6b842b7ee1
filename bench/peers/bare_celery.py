"""Celery with nothing but a task that does nothing, and Celery's own result backend for Redis."""

import os

from celery import Celery

url = os.environ["REDIS_URL"]
app = Celery("bare", broker=url, backend=url)
app.conf.task_default_queue = "bare"


@app.task
def empty() -> dict[str, int]:
    """Do nothing."""
    return {"done": 1}
