"""The jobs' records in Redis and their folders on disk: the only place that knows a Redis key.

A record is one hash, `job:<id>`. Celery's task state is one of its fields (greeter/core/backend.py writes it),
so whoever reads a record reads everything about the job in one round trip. `jobs:waiting` is a sorted set of
the ids that no worker has begun, by time of submission: a job's rank there is its place in the queue.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery.states import PENDING, READY_STATES
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from greeter.core.errors import JobNotFound
from greeter.core.record import FIELDS, Record
from greeter.settings import Settings

_WAITING = "jobs:waiting"

_READ = """
local reply = redis.call('HMGET', KEYS[1], unpack(ARGV, 2))
reply[#reply + 1] = redis.call('ZRANK', KEYS[2], ARGV[1])
return reply
"""

# An end state is for ever, and a record that was removed does not come back.
_WRITE = f"""
local ended = {{{", ".join(f"{state} = true" for state in sorted(READY_STATES))}}}
local state = redis.call('HGET', KEYS[1], 'state')
if not state or ended[state] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""


def _key(job_id: str) -> str:
    return f"job:{job_id}"


class Store:
    """The jobs' records and folders. Every method that asks Redis raises redis.RedisError when it cannot be had."""

    def __init__(self, settings: Settings) -> None:
        self._jobs_dir = settings.data_dir / "jobs"
        # One second twice: whoever looks at a page gets an answer within three, also when Redis hangs.
        self._redis = Redis.from_url(
            settings.redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1)
        )
        self._read = self._redis.register_script(_READ)
        self._write = self._redis.register_script(_WRITE)

    def folder(self, job_id: str) -> Path:
        """The folder of a job: `inputs/` holds what was submitted, `outputs/` what the tool made."""
        return self._jobs_dir / job_id

    def create(self, job_id: str, tool: str, params: Mapping[str, Any]) -> None:
        """Keep a new job. A parameter given as bytes becomes the file `inputs/<its name>`."""
        files = {name: value for name, value in params.items() if isinstance(value, bytes)}
        plain = {name: value for name, value in params.items() if name not in files}
        inputs = self.folder(job_id) / "inputs"
        try:
            inputs.mkdir(parents=True)
            for name, content in files.items():
                (inputs / name).write_bytes(content)
            now = time.time()
            record: Any = {"tool": tool, "params": json.dumps(plain), "state": PENDING, "submitted": now}
            with self._redis.pipeline() as pipe:
                pipe.hset(_key(job_id), mapping=record)
                pipe.zadd(_WAITING, {job_id: now})
                pipe.execute()
        except BaseException:
            shutil.rmtree(self.folder(job_id), ignore_errors=True)
            raise

    def find(self, job_id: str) -> Record:
        """Read a record, in one round trip. Raises JobNotFound."""
        reply = self._read(keys=[_key(job_id), _WAITING], args=[job_id, *FIELDS])
        if reply[0] is None:
            raise JobNotFound(job_id)
        return Record(job_id, reply)

    def params(self, job_id: str) -> dict[str, Any]:
        """The parameters of a job; those that are files as their Path. Raises JobNotFound."""
        plain: Any = self._redis.hget(_key(job_id), "params")
        if plain is None:
            raise JobNotFound(job_id)
        files = {path.name: path for path in (self.folder(job_id) / "inputs").iterdir()}
        return {**json.loads(plain), **files}

    def write(self, job_id: str, fields: Mapping[str, str | bytes | float]) -> bool:
        """Change fields of a job that has begun; False, and nothing changes, when it has ended or was removed."""
        flat = [part for pair in fields.items() for part in pair]
        return bool(self._write(keys=[_key(job_id), _WAITING], args=[job_id, *flat]))

    def outputs(self, job_id: str) -> list[Path]:
        """The result files of a job, by name."""
        return sorted((self.folder(job_id) / "outputs").glob("*"))

    def delete(self, job_id: str) -> None:
        """Remove a record and its folder."""
        with self._redis.pipeline() as pipe:
            pipe.delete(_key(job_id))
            pipe.zrem(_WAITING, job_id)
            pipe.execute()
        shutil.rmtree(self.folder(job_id), ignore_errors=True)
