"""The connection to Redis, its keys, and the Lua scripts in lua/.

Only store, upkeep, scripts, redis_copy, lua/ and the limiter use the keys.

| key | type | what it has |
|---|---|---|
| `job:<id>` | hash | the record; Celery's task state is one of its fields |
| `jobs:running` | sorted set | ids by time of the last heartbeat |
| `jobs:ended` | sorted set | ids by time of end |
| `queues` | set | the queues that have jobs or workers |
| `queue:<queue>` | sorted set | ids of waiting jobs in their order: the rank of an id is its place in the queue |
| `waiting:<queue>` | sorted set | the same ids by time of submission |
| `sent:<queue>` | sorted set | those whose message was put into the broker's list, by the time of that |
| `clients:<queue>` | sorted set | clients by the score of their last job |
| `fair:<queue>` | hash | the score of the last job that started, and the number of jobs that were added |
| `workers:<queue>` | sorted set | workers that take jobs from the queue, by time of their last heartbeat |
| `unfit` | hash | workers that cannot run jobs: the time of their last heartbeat, and why |
| `tools` | sorted set | names and signatures of the tools that workers have, by time of their last heartbeat |
| `workers:tools` | sorted set | the same, only of workers that take jobs |
| `jobs:unknown` | hash | seconds without a worker that has a tool |
| `clock` | hash | the last reading of the clock, from when on it is trusted, and when it was set back |
| `installation` | string | the id of the installation, which the folder of the jobs has too |
| `client:<address>` | set | the active jobs of one client |
| `client_key` | string | the random key of the hash that stands for a client while files of it are kept |
| `mail:<id>` | hash | where to send the email about the end |
| `mails` | sorted set | ended jobs with an email, by time of the next attempt |
| `mails:<hash>` | string | how many emails an address or client wanted today |
| `bytes` | hash | the bytes of the files and records of `all` jobs, and of each client by that hash |
| `named:<database>` | set | the jobs that use the database |
| `removed:<database>` | string | exists for an hour after the database was removed |
| `token:<sha256>` | string | the id of the job that a form or request created, for as long as the job exists |
| `statistics` | hash | how many jobs ended, by tool and outcome, and how long they ran |
| `write_check` | string | shows that Redis takes writes |
| `limits:...` | string | how often each client submitted in this minute; not on the disk (greeter/web/limits.py) |

Celery's broker has keys of its own: a list for each queue, which has its name, and `_kombu...`.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from typing import Any

from redis.exceptions import NoScriptError

from greeter.jobs.errors import NotConfirmed
from greeter.jobs.records.connections import Connections
from greeter.redis_url import RedisUrl
from greeter.settings import Settings

_FOLDER = Path(__file__).with_name("lua")
_SHARED = ("prelude", "queue", "finish", "databases", "bytes")  # prepended to each script
_WITH_PRELUDE_ONLY = ("read", "heartbeat")  # called all the time; the other definitions would double their time
_PATIENCE = 1  # seconds that Redis may take to reply
_CONFIRM_TIMEOUT = 800  # milliseconds that the replicas have to confirm a change; less than the timeout of the socket

Argument = str | bytes | int | float
"""An argument of a script."""

Fields = Mapping[str, str | bytes | int]
"""Fields of a record."""


class Scripts:
    """The scripts, by the names of their files. Methods raise redis.RedisError when Redis is unavailable."""

    def __init__(self, settings: Settings) -> None:
        # If Redis does not answer, a page has to report that within three seconds, even to many visitors at once.
        self.redis = RedisUrl.parse(settings.redis_url).connect(_PATIENCE, _PATIENCE, retries=1)
        self.call = Connections(self.redis.connection_pool).call  # sends any other command
        self._replicas, self._client_key = settings.confirm_replicas, b""
        self._scripts = {name: self.redis.register_script(source) for name, source in _sources().items()}

    def run(self, script: str, *args: Argument) -> Any:
        """Run a script and return its reply."""
        found = self._scripts[script]
        try:
            return self.call("EVALSHA", found.sha, 0, *args)
        except NoScriptError:  # Redis has restarted
            return found(args=args)

    def run_confirmed(self, script: str, *args: Argument) -> Any:
        """Run a script and wait until CONFIRM_REPLICAS replicas have what it wrote, or raise NotConfirmed."""
        if not self._replicas:
            return self.run(script, *args)
        with self.redis.pipeline(transaction=False) as pipeline:
            self._scripts[script](args=args, client=pipeline)
            pipeline.wait(self._replicas, _CONFIRM_TIMEOUT)  # for all writes so far, even if a repeated call wrote none
            reply, confirmed = pipeline.execute()
        if confirmed < self._replicas:
            raise NotConfirmed(f"{confirmed} of {self._replicas} replicas confirmed a change")
        return reply

    def keyed_hash(self, text: str, *, waits: bool = True) -> str:
        """Return a keyed hash to store instead of a client or an address; "" for "".

        Without `waits`, the key may be one that this process has read before, so a Redis that hangs causes no delay.
        """
        if waits or not self._client_key:
            while not (key := self.call("GET", "client_key")):
                self.call("SET", "client_key", token_bytes(32), "NX")
            self._client_key = key
        return blake2b(text.encode(), key=self._client_key, digest_size=16).hexdigest() if text else ""


@cache
def _sources() -> dict[str, str]:
    names = {path.stem for path in _FOLDER.glob("*.lua")}
    return {name: _source(name) for name in names.difference(_SHARED)}


def _source(name: str) -> str:
    """Put what is shared before a script, but after its flags line, which Redis reads only as the first line."""
    shared_names = _SHARED[:1] if name in _WITH_PRELUDE_ONLY else _SHARED
    *parts, script = ((_FOLDER / f"{part}.lua").read_text() for part in (*shared_names, name))
    shared = "".join(parts)
    if not script.startswith("#!"):
        return shared + script
    flags, _, body = script.partition("\n")
    return f"{flags}\n{shared}{body}"


def flat(fields: Fields) -> list[str | bytes | int]:
    """Return fields and values as arguments of a script."""
    return [part for pair in fields.items() for part in pair]


def texts(reply: Iterable[bytes]) -> list[str]:
    """Return a reply as texts."""
    return [item.decode() for item in reply]


def pairs(reply: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return a reply as pairs of texts, such as fields and their values."""
    items = iter(texts(reply))
    return list(zip(items, items, strict=True))
