"""The check that Redis and its client libraries keep jobs safe, when the web or a worker starts and while they run."""

import logging
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from redis import AuthenticationError, Redis, RedisError
from redis.exceptions import NoPermissionError, ResponseError

from greeter.redis_url import RedisUrl

log = logging.getLogger(__name__)

_OLDEST = {"redis_version": (7, 0), "valkey_version": (7, 2)}
_NOT_SUPPORTED = {
    "cluster": "it is a node of a cluster, which is not supported",
    "sentinel": "it is a sentinel, whose URL starts with sentinel://",
}
_FIX = "Fix its configuration or name another server in REDIS_URL, as docs/redis.md describes"
_UNKNOWN = "it does not show its appendfsync, and unless that is always, a crash can lose the last accepted jobs"


def check(redis_url: str) -> None:
    """Exit with a message if Redis, or a client library, is not suitable. A Redis that is down may still come up."""
    kombu, client = version("kombu"), version("redis")
    if _major_minor(kombu) < (5, 7) or not (8, 0) <= _major_minor(client) < (9, 0):
        _exit(
            f"This software was not tested with these versions of its packages: kombu {kombu} and redis {client}.",
            "Install the versions in requirements.txt, and start again.",
        )
    url = RedisUrl.parse(redis_url)
    try:
        problems = _problems_of_sentinels(url) or _problems_of_server(url)
    except RedisError as error:
        if not (problem := _lasting_problem(error)):
            log.warning("Redis is unavailable, so its version could not be checked: %s", error)
            return
        problems = [problem]
    if problems:
        _exit(f"The Redis server in REDIS_URL cannot be used: {'; '.join(problems)}.", f"{_FIX}, and start again.")


def risk(server: Redis) -> str:
    """Return why this server may lose accepted jobs, and what to do; empty if it shows no reason.

    Its configuration can change while it runs, and Sentinel can promote a server with another one. Raises
    redis.RedisError.
    """
    info = server.info()
    found = "; ".join(_problems(info)) or _weakness(info, server)
    return f"The Redis server in REDIS_URL may lose jobs: {found}. {_FIX}." if found else ""


def _exit(problem: str, advice: str) -> None:
    print(problem, advice, sep="\n", file=sys.stderr)
    sys.exit(os.EX_CONFIG)


def _problems_of_server(url: RedisUrl) -> list[str]:
    """Return what makes the server, or the current primary, unsuitable. Raises redis.RedisError."""
    with url.connect() as server:
        info = server.info()
        problems = list(_problems(info))
        if not problems and (weakness := _weakness(info, server, unknown=_UNKNOWN)):
            log.warning("a crash of Redis may lose jobs: %s. Use appendonly yes and appendfsync always.", weakness)
    return problems


def _problems(info: Mapping[str, object]) -> Iterator[str]:
    """Yield what makes a server unsuitable, given its reply to INFO."""
    mode = str(info.get("server_mode") or info.get("redis_mode"))  # of Valkey, of Redis
    if mode in _NOT_SUPPORTED:
        yield _NOT_SUPPORTED[mode]
        return
    name = "valkey_version" if "valkey_version" in info else "redis_version"
    if _major_minor(str(info[name])) < _OLDEST[name]:
        yield f"its version is {info[name]}, but Redis 7.0 or Valkey 7.2, or newer, is required"
    if info["maxmemory_policy"] != "noeviction":
        yield f"its maxmemory-policy is {info['maxmemory_policy']}, but any policy except noeviction may drop jobs"


def _problems_of_sentinels(url: RedisUrl) -> list[str]:
    """Return why the sentinels that answer cannot name the primary; empty if one can, or if none answers."""
    if not url.service:
        return []
    problems = []
    for (host, port), sentinel in zip(url.nodes, url.sentinel().sentinels, strict=True):
        try:
            if url.service in sentinel.sentinel_masters():
                return []
            problems.append(f"the sentinel {host}:{port} does not know the service {url.service}")
        except RedisError as error:
            if problem := _lasting_problem(error):
                problems.append(f"the sentinel {host}:{port}: {problem}")
    return problems


def _lasting_problem(error: BaseException | None) -> str:
    """Return what an operator has to correct after this error; empty if the server may just be down."""
    match error:
        case AuthenticationError():
            return "its password is not the one in REDIS_URL"
        case NoPermissionError():
            return "the user in REDIS_URL may not run INFO"
        case ResponseError():
            return f"it answers {error}"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {error.verify_message}"
        case None:
            return ""
    return _lasting_problem(error.__cause__ or error.__context__)


def _weakness(info: Mapping[str, object], server: Redis, unknown: str = "") -> str:
    """Return why a crash of this server can lose accepted jobs; empty if it cannot, `unknown` if it does not say."""
    if not info["aof_enabled"]:
        return "it has appendonly off, and when it restarts, it loses the jobs since its last snapshot"
    try:
        policy = server.config_get("appendfsync")["appendfsync"]
    except (ResponseError, KeyError):
        return unknown
    if policy != "always":
        return f"it has appendfsync {policy}, and a crash can lose the jobs accepted in the last seconds"
    return ""


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
