"""Hosts on one machine: network namespaces with a name and an address of their own, and links that can be cut."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_SWITCH = "switch"
_NETWORK = "10.77.0"


def _enter(namespace: Path) -> None:
    """Move this thread to a network namespace. Its new sockets and processes are there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(namespace))


class Network:
    """A switch and the hosts that are connected to it. Nothing of it is visible outside these namespaces."""

    def __init__(self, *hosts: str) -> None:
        self._names = {name: f"greeter-{os.getpid()}-{name}" for name in (_SWITCH, *hosts)}
        self._addresses = {name: f"{_NETWORK}.{number}" for number, name in enumerate(hosts, 1)}

    def __enter__(self) -> Network:
        """Create the namespaces."""
        try:
            for name in self._names:
                self._ip("netns", "add", self._names[name])
                self._ip("link", "set", "lo", "up", inside=name)
            self._ip("link", "add", "bridge", "type", "bridge", inside=_SWITCH)
            self._ip("address", "add", f"{_NETWORK}.254/24", "dev", "bridge", inside=_SWITCH)
            self._ip("link", "set", "bridge", "up", inside=_SWITCH)
            for name, address in self._addresses.items():
                pair = ["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self._names[name]]
                self._ip(*pair, inside=_SWITCH)
                self._ip("address", "add", f"{address}/24", "dev", "eth0", inside=name)
                self._ip("link", "set", "eth0", "up", inside=name)
                self._ip("link", "set", name, "up", inside=_SWITCH)
                self.restore(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove all of them, with their links."""
        for name in self._names.values():
            with suppress(subprocess.CalledProcessError):  # it was not created
                self._ip("netns", "delete", name)

    def address(self, host: str) -> str:
        """Return the address of a host."""
        return self._addresses[host]

    def command(self, host: str, command: list[str]) -> list[str]:
        """Return a command that runs another one on a host. The process keeps its id."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh", *command]
        return ["ip", "netns", "exec", self._names[host], *named]

    def cut(self, host: str) -> None:
        """Drop everything that a host sends and gets, without an error anywhere, as if a cable had been pulled."""
        self._ip("link", "set", host, "nomaster", inside=_SWITCH)

    def restore(self, host: str) -> None:
        """Connect a host again."""
        self._ip("link", "set", host, "master", "bridge", inside=_SWITCH)

    @contextmanager
    def inside(self, host: str = _SWITCH) -> Iterator[None]:
        """Move this thread to a host for a while."""
        with Path("/proc/thread-self/ns/net").open() as before:
            _enter(Path("/run/netns", self._names[host]))
            try:
                yield
            finally:
                _enter(Path(f"/proc/self/fd/{before.fileno()}"))

    def _ip(self, *arguments: str, inside: str = "") -> None:
        namespace = ["-netns", self._names[inside]] if inside else []
        subprocess.run(["ip", *namespace, *arguments], check=True, capture_output=True)
