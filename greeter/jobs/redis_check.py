"""The check, when the web or a worker starts, that Redis and its client libraries keep jobs safe."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from redis import AuthenticationError, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

_OLDEST = {"redis_version": (7, 0), "valkey_version": (7, 2)}


def check(redis_url: str) -> None:
    """Exit with a message if Redis, or a client library, is not suitable. A Redis that is down may still come up."""
    kombu, client = version("kombu"), version("redis")
    if _major_minor(kombu) < (5, 7) or not (8, 0) <= _major_minor(client) < (9, 0):
        _exit(
            f"greeter was not tested with these versions of its packages: kombu {kombu} and redis {client}.",
            "Install the versions in requirements.txt, and start again.",
        )
    try:
        with Redis.from_url(redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as server:
            problems = list(_problems(server.info()))
            if weakness := _weakness(server):
                log.warning("%s. Use appendonly yes and appendfsync always.", weakness)
    except AuthenticationError:
        problems = ["its password is not the one in REDIS_URL"]
    except RedisError as error:
        log.warning("Redis is unavailable, so its version could not be checked: %s", error)
        return
    if problems:
        _exit(
            f"The Redis server in REDIS_URL cannot be used: {'; '.join(problems)}.",
            "Fix its configuration or name another server in REDIS_URL, and start again.",
        )


def _exit(problem: str, advice: str) -> None:
    print(problem, advice, sep="\n", file=sys.stderr)
    sys.exit(os.EX_CONFIG)


def _problems(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield what makes a server unsuitable, given its reply to INFO."""
    name = "valkey_version" if "valkey_version" in info else "redis_version"
    if _major_minor(info[name]) < _OLDEST[name]:
        yield f"its version is {info[name]}, but Redis 7.0 or Valkey 7.2, or newer, is required"
    if info["maxmemory_policy"] != "noeviction":
        yield f"its maxmemory-policy is {info['maxmemory_policy']}, but any policy except noeviction may drop jobs"


def _weakness(server: Redis) -> str:
    """Return why a crash of this server can lose accepted jobs; empty if it cannot."""
    if not server.info("persistence")["aof_enabled"]:
        return "Redis has appendonly off: when it restarts, it loses the jobs since its last snapshot"
    try:
        policy = server.config_get("appendfsync")["appendfsync"]
    except (RedisError, KeyError):  # managed servers often deny CONFIG
        return "Redis does not show its appendfsync: unless it is always, a crash can lose the last accepted jobs"
    if policy != "always":
        return f"Redis has appendfsync {policy}: a crash can lose the jobs accepted in the last seconds"
    return ""


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).split(".")[:2])
