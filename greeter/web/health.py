"""Whether the site works, for whatever watches over it: a proxy, a container engine, or a monitor."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from redis import RedisError

from greeter.web.services import services

bp = Blueprint("health", __name__, url_prefix="/health")


def init_app(app: Flask) -> None:
    """Add the answers to the app."""
    app.register_blueprint(bp)


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Say that this process answers."""
    return _answer("")


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Say whether a job that is submitted now would run: Redis takes writes, and a worker was heard of."""
    try:
        statistics = services().jobs.store.statistics()
    except RedisError as error:
        return _answer(f"Redis does not answer, or takes no writes ({type(error).__name__}). Look into its log.")
    return _answer("" if statistics.workers else "No worker was heard of lately. Start one, or look into its log.")


def _answer(reason: str) -> ResponseReturnValue:
    headers = {"Cache-Control": "no-store"}
    if reason:
        return {"status": "unavailable", "reason": reason}, 503, headers | {"Retry-After": "5"}
    return {"status": "ok"}, 200, headers
