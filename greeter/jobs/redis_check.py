"""Whether Redis, and what speaks with it, keep jobs safe: asked once, when the web or a worker starts."""

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
    """End this process, and say why, when Redis cannot serve; one that is not there yet may still come."""
    kombu, client = version("kombu"), version("redis")
    if _numbers(kombu) < (5, 7) or not (8, 0) <= _numbers(client) < (9, 0):
        print(f"The Python packages kombu {kombu} and redis {client} are not those known to work.", file=sys.stderr)
        print("Install what requirements.txt names, and start again.", file=sys.stderr)
        sys.exit(os.EX_CONFIG)
    try:
        with Redis.from_url(redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as server:
            problems = list(_problems(server.info()))
    except AuthenticationError:
        problems = ["its password is not the one in REDIS_URL"]
    except RedisError as error:
        log.warning("Redis cannot be asked for its version yet: %s", error)
        return
    if problems:
        print(f"The Redis of REDIS_URL cannot be used: {'; '.join(problems)}.", file=sys.stderr)
        print("Mend it, or name another in REDIS_URL, and start again.", file=sys.stderr)
        sys.exit(os.EX_CONFIG)


def _problems(told: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a server that tells this of itself."""
    name = "valkey_version" if "valkey_version" in told else "redis_version"
    if _numbers(told[name]) < _OLDEST[name]:
        yield f"its version is {told[name]}, and it takes Redis 7.0 or Valkey 7.2, or newer"
    if told["maxmemory_policy"] != "noeviction":
        yield f"its maxmemory-policy is {told['maxmemory_policy']}, and any but noeviction may drop jobs unseen"


def _numbers(version: Any) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(part) for part in str(version).split(".")[:2])
