"""Copy all records from one Redis server to another, whatever their versions.

Redis 7 cannot read the files of Valkey 9, or its replies to DUMP. So this copies the values of the keys.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT

_BATCH = 100  # keys; a result has up to MAX_RESULT_BYTES
_SILENCE = 3  # seconds in which nothing may change; a worker sends a heartbeat every two

_READ: dict[str, Callable[[Pipeline, bytes], object]] = {
    "string": lambda pipeline, key: pipeline.get(key),
    "hash": lambda pipeline, key: pipeline.hgetall(key),
    "list": lambda pipeline, key: pipeline.lrange(key, 0, -1),
    "set": lambda pipeline, key: pipeline.smembers(key),
    "zset": lambda pipeline, key: pipeline.zrange(key, 0, -1, withscores=True),
}
_WRITE = {"string": "SET", "hash": "HSET", "list": "RPUSH", "set": "SADD", "zset": "ZADD"}
_ARGUMENTS: dict[str, Callable[..., Iterable[EncodableT]]] = {
    "string": lambda text: [text],
    "hash": lambda fields: chain(*sorted(fields.items())),
    "list": lambda items: items,
    "set": sorted,
    "zset": lambda pairs: chain(*((score, member) for member, score in pairs)),
}
"""What the command that writes a value takes after the key, given what the one that reads it returned."""


class CopyRefused(Exception):
    """Nothing was copied. The message says why, and what to do."""


@dataclass(frozen=True)
class _Entry:
    """A key with its value, as the command that writes it takes it.

    The time to live is in milliseconds, negative if there is none.
    """

    key: bytes
    kind: str
    arguments: tuple[EncodableT, ...]
    ttl: int


def copy(source: Redis, target: Redis, *, replace: bool) -> Counter[str]:
    """Copy all keys of a database, and compare the copy.

    Args:
        source: The server to read from, to which nothing may write meanwhile.
        target: The server to write to.
        replace: Whether to delete first what the target has.

    Returns:
        How many keys of each type were copied.

    Raises:
        CopyRefused: The source is not an installation, the target has keys, or the source has changed.
        RedisError: A server does not answer, or refuses a command.
    """
    if _identity(source) == _identity(target):
        raise CopyRefused("Both URLs name the same database. Set REDIS_URL to the server that will get the records.")
    if not source.exists("installation"):
        problem = "The source server has no records of a site."
        raise CopyRefused(f"{problem} Check the database number at the end of its URL.")
    if target.dbsize() and not replace:
        raise CopyRefused("The server in REDIS_URL has records. Use an empty database, or delete them with --replace.")
    _clear(target)
    started = time.monotonic()
    try:
        copied = _copy(source, target)
        time.sleep(max(0, started + _SILENCE - time.monotonic()))
        if _lasting(source) != _lasting(target):
            raise CopyRefused(
                "The records changed while they were copied, so the copy was deleted. "
                "Stop the web, all workers and Flower, and copy again."
            )
    except BaseException:
        _clear(target)
        raise
    return copied


def _identity(server: Redis) -> tuple[str, int]:
    """Return what distinguishes a database from all others."""
    return server.info("server")["run_id"], server.connection_pool.connection_kwargs["db"]


def _clear(server: Redis) -> None:
    for keys in _batches(server):
        server.unlink(*keys)


def _copy(source: Redis, target: Redis) -> Counter[str]:
    copied: Counter[str] = Counter()
    for keys in _batches(source):
        with target.pipeline(transaction=False) as pipeline:
            for entry in _read(source, keys):
                pipeline.execute_command(_WRITE[entry.kind], entry.key, *entry.arguments)
                if entry.ttl > 0:
                    pipeline.pexpire(entry.key, entry.ttl)
                copied[entry.kind] += 1
            pipeline.execute()
    return copied


def _batches(server: Redis) -> list[list[bytes]]:
    keys = list(set(server.scan_iter(count=1000)))
    return [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]


def _read(server: Redis, keys: list[bytes]) -> Iterator[_Entry]:
    """Read keys in two round trips. Those that have expired are left out."""
    with server.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.type(key)
        kinds = {key: kind.decode() for key, kind in zip(keys, pipeline.execute(), strict=True)}
        kinds = {key: kind for key, kind in kinds.items() if kind != "none"}
        if unknown := set(kinds.values()) - _READ.keys():
            raise CopyRefused(f"The database has a {unknown.pop()}, which no site creates. Use the database of a site.")
        for key, kind in kinds.items():
            _READ[kind](pipeline, key)
            pipeline.pttl(key)
        replies = iter(pipeline.execute())
    for (key, kind), value, ttl in zip(kinds.items(), replies, replies, strict=True):
        if value:
            yield _Entry(key, kind, tuple(_ARGUMENTS[kind](value)), ttl)


def _lasting(server: Redis) -> dict[bytes, int]:
    """Return a hash of each value, except those that expire."""
    entries = (entry for keys in _batches(server) for entry in _read(server, keys))
    return {entry.key: hash(entry.arguments) for entry in entries if entry.ttl < 0}
