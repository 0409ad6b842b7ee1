"""Flask with nothing but two routes: one that says hello, and one that reads one value from Redis."""

import os

from flask import Flask
from redis import Redis

app = Flask(__name__)
redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=1)


@app.get("/hello")
def hello() -> str:
    """Say hello."""
    return "hello"


@app.get("/get")
def get() -> bytes:
    """Return a value from Redis."""
    found: bytes = redis.get("bench")  # type: ignore[assignment]
    return found
