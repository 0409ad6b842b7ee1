"""Redis and Valkey servers, sentinels and certificates that a test starts and makes itself."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from greeter.jobs.worker.celery_app import CeleryApp
from greeter.redis_server import find_server
from tests.conftest import ROOT, Installation, find_program, free_port, listens, wait_for

CERTIFY = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
DURABLE = 'appendonly yes\nappendfsync always\nsave ""\n'


def documented(title: str) -> str:
    """Return the block of docs/redis.md with this title."""
    blocks = re.findall("^```text\n# (.*)\n([^`]*)```", (ROOT / "docs/redis.md").read_text(), re.MULTILINE)
    return dict(blocks)[title]


class Server(subprocess.Popen[bytes]):
    """A server that listens on a local port."""

    port: int
    redis: Redis


@contextmanager
def server(folder: Path, config: str = "", *, program: str = "", options: str = "") -> Iterator[Server]:
    """Run a server in a folder, with these lines of configuration: that of the wheel, or another program.

    Yields the process of the server, which listens, with a connection that logs in with `requirepass`.
    """
    folder.mkdir(parents=True)
    port = free_port()
    ports = f"port 0\ntls-port {port}" if "tls-cert-file" in config else f"port {port}"
    file = folder / "server.conf"
    file.write_text(f"{ports}\ndir {folder}\nlogfile {folder}/log\n{config}")
    path = find_program(program) if program else find_server()
    password = re.search("^requirepass (.*)", config, re.MULTILINE)
    with Server([str(path), str(file), *options.split()], stdout=subprocess.DEVNULL) as process:
        process.port, process.redis = port, Redis(port=port, password=password.group(1) if password else None)
        try:
            wait_for(lambda: listens(port))
            yield process
        finally:
            process.redis.close()
            process.kill()


def use(site: Installation, **settings: Any) -> None:
    """Change the settings of an installation that has not started anything yet."""
    site.settings = dataclasses.replace(site.settings, **settings)
    site.redis.close()
    site.celery = CeleryApp(site.settings)


def make_authority(folder: Path, name: str) -> Path:
    """Make a certificate authority, and return the path of its certificate; its key is beside it."""
    certificate = folder / f"{name}.pem"
    _openssl(CERTIFY, "-subj", f"/CN={name}", "-out", str(certificate))
    return certificate


def issue(authority: Path, host: str) -> str:
    """Make a certificate for a host, and return the lines of the configuration of a server that has it."""
    certificate = authority.with_name(f"{authority.stem}-{host}.pem")
    key = certificate.with_suffix(".key")
    signed = ["-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")), "-out", str(certificate)]
    name = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    _openssl(CERTIFY, *name, *signed)
    return f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {authority}\ntls-auth-clients no\n"


def _openssl(command: str, *arguments: str) -> None:
    key = Path(arguments[-1]).with_suffix(".key")
    subprocess.run(["openssl", *command.split(), *arguments, "-keyout", str(key)], check=True, capture_output=True)
