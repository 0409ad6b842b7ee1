"""Every setting of greeter, read once from the environment; `.env.example` explains each one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """The settings that cannot be used, one a line, each with what it should be."""


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("should be a whole number above 0")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("should be a whole number, or 0")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError("should be a port: a whole number from 1 to 65535")
    return int(text)


def _redis_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("redis", "rediss") or not url.hostname or (url.port is not None and not url.port):
        raise ValueError("should be like redis://:PASSWORD@HOST:PORT/0, or rediss:// for TLS")
    return text


def _user_and_password(text: str) -> str:
    if not all(text.partition(":")):
        raise ValueError("should be USER:PASSWORD")
    return text


def _mail_address(text: str) -> str:
    if not all(text.partition("@")) or not text.isprintable() or " " in text:
        raise ValueError("should be a mail address")
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "int": _whole_number,
    "str": str,
    "tuple[str, ...]": lambda text: tuple(text.replace(",", " ").split()),
    "Path": lambda text: Path(text).absolute(),
    "web_port": _port,
    "proxy_hops": _count,
    "flower_port": _port,
    "contact": _mail_address,
    "redis_url": _redis_url,
    "flower_basic_auth": _user_and_password,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one installation. Times are in seconds, sizes in bytes."""

    web_host: str = "127.0.0.1"
    web_port: int = 5554
    contact: str = "operator@example.org"
    proxy_hops: int = 0
    trusted_hosts: tuple[str, ...] = ()
    flower_port: int = 5555
    flower_basic_auth: str = "greeter:change-me"
    redis_url: str = "redis://:change-me@127.0.0.1:5556/0"
    data_dir: Path = Path("var").absolute()  # noqa: RUF009  a Path never changes
    worker_concurrency: int = 2
    soft_time_limit: int = 5000
    time_limit_grace: int = 300
    max_upload_bytes: int = 10 * 1024 * 1024
    max_records: int = 50_000
    max_residues: int = 10_000_000
    max_file_bytes: int = 1024 * 1024 * 1024
    max_waiting: int = 1000
    max_active: int = 20
    submits_per_minute: int = 60
    requests_per_minute: int = 6000
    retention_days: int = 7
    silence_limit: int = 60

    @property
    def retention(self) -> int:
        """How many seconds an ended job is kept."""
        return self.retention_days * 86_400

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from a mapping such as `os.environ`; what is missing or empty keeps its default.

        Raises SettingsError, which names every setting that cannot be used.
        """
        values, problems = {}, []
        for field in fields(cls):
            name = field.name.upper()
            if text := environ.get(name, "").strip():
                try:
                    values[field.name] = _READERS.get(field.name, _READERS[str(field.type)])(text)
                except ValueError as error:
                    problems.append(f"{name} {error}.")
        if problems:
            raise SettingsError("\n".join([*problems, "Correct this in .env and start again."]))
        return cls(**values)
