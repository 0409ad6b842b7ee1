"""Flask with RQ, as its documentation shows it: a route that fetches a job and returns its state and meta as JSON."""

import os
from typing import Any

from flask import Flask
from redis import Redis
from rq.job import Job

app = Flask(__name__)
redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=1)


@app.get("/jobs/<job_id>")
def status(job_id: str) -> dict[str, Any]:
    """Return the state of a job."""
    job = Job.fetch(job_id, connection=redis)
    return {"status": job.get_status(refresh=False), "meta": job.meta}
