"""Flask with Celery as tutorials have had it since 2014: a page that shows the state of an AsyncResult."""

import os

from celery import Celery
from flask import Flask, render_template

app = Flask(__name__)
celery = Celery("ancestor", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])


@app.get("/status/<task_id>")
def status(task_id: str) -> str:
    """Show how far a task is."""
    task = celery.AsyncResult(task_id)
    info = task.info if isinstance(task.info, dict) else {}
    return render_template("ancestor.html", task_id=task_id, state=task.state, info=info)
