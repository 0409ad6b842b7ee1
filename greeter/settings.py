"""Every setting of greeter, read once from the environment; `.env.example` explains each one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_SHORTEST_SECRET = 16
_SHORTEST_SILENCE_LIMIT = 5  # a worker gives a sign of life every two seconds
_WHAT_TO_DO = "Correct them in .env, or where else this process gets its environment from, and start again."


class SettingsError(ValueError):
    """The settings that cannot be used, one a line, each with what it should be; no value is in it."""


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "true", "no", "false"):
        raise ValueError("should be yes or no")
    return text.lower() in ("yes", "true")


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
    with suppress(ValueError):  # of urlsplit, whose messages may quote the password
        url = urlsplit(text)
        if url.scheme in ("redis", "rediss") and url.hostname and url.port != 0:
            return text
    raise ValueError("should be like redis://:PASSWORD@HOST:PORT/0, or rediss:// for TLS")


def _user_and_password(text: str) -> str:
    if not all(text.partition(":")):
        raise ValueError("should be USER:PASSWORD")
    return text


def _mail_address(text: str) -> str:
    if not all(text.partition("@")) or not text.isprintable() or " " in text:
        raise ValueError("should be a mail address")
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "bool": _yes_or_no,
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

    production: bool = False
    web_host: str = "127.0.0.1"
    web_port: int = 5554
    contact: str = "operator@example.org"
    proxy_hops: int = 0
    trusted_hosts: tuple[str, ...] = ()
    flower_host: str = "127.0.0.1"
    flower_port: int = 5555
    flower_url_prefix: str = ""
    flower_basic_auth: str = "greeter:change-me"
    metrics_token: str = ""
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
    def load(cls) -> Settings:
        """The settings of this process, which ends with one message when they cannot be used."""
        os.umask(0o077)  # what it writes is its visitors', and for no other user of this machine to read
        try:
            return cls.from_env(os.environ)
        except SettingsError as error:
            print(error, file=sys.stderr)
            sys.exit(os.EX_CONFIG)  # the units in deploy/ know it: starting again would not help

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from a mapping such as `os.environ`; what is missing or empty keeps its default.

        Raises SettingsError, which names every setting that cannot be used.
        """
        values, problems = {}, {}
        for field in fields(cls):
            name = field.name.upper()
            if text := environ.get(name, "").strip():
                try:
                    values[field.name] = _READERS.get(field.name, _READERS[str(field.type)])(text)
                except ValueError as error:
                    problems[name] = str(error)
        settings = cls(**values)
        for name, problem in _impossible(settings):
            problems.setdefault(name, problem)
        if problems:
            lines = [f"{name} {problem}." for name, problem in problems.items()]
            raise SettingsError("\n".join(["These settings cannot be used:", *lines, _WHAT_TO_DO]))
        return settings


def _impossible(settings: Settings) -> Iterator[tuple[str, str]]:
    """The settings that do not go with others, each with what it should be."""
    redis = urlsplit(settings.redis_url)
    own_redis = redis.port if redis.hostname in ("127.0.0.1", "localhost", "::1") else None
    if settings.flower_port in (settings.web_port, own_redis):
        yield "FLOWER_PORT", "should differ from WEB_PORT and from the port of REDIS_URL"
    if settings.web_port == own_redis:
        yield "WEB_PORT", "should differ from the port of REDIS_URL"
    if settings.retention < settings.soft_time_limit + settings.time_limit_grace:
        yield "RETENTION_DAYS", "should be longer than a job may run: SOFT_TIME_LIMIT + TIME_LIMIT_GRACE"
    if settings.silence_limit < _SHORTEST_SILENCE_LIMIT:
        yield "SILENCE_LIMIT", f"should be {_SHORTEST_SILENCE_LIMIT} or more, or jobs that run seem lost"
    if settings.production:
        yield from _weak_secrets(settings, redis.password or "")
        if not settings.trusted_hosts:
            yield "TRUSTED_HOSTS", "should name the host of this site, such as your.host"
        if settings.contact.endswith("@example.org"):
            yield "CONTACT", "should be an address of yours, to which visitors can write"


def _weak_secrets(settings: Settings, redis_password: str) -> Iterator[tuple[str, str]]:
    """The secrets of a public site that somebody might guess."""
    secrets = {"FLOWER_BASIC_AUTH": settings.flower_basic_auth.partition(":")[2], "REDIS_URL": redis_password}
    if settings.metrics_token:
        secrets["METRICS_TOKEN"] = settings.metrics_token
    for name, secret in secrets.items():
        if len(secret) < _SHORTEST_SECRET or "change-me" in secret:
            yield name, f"should have a secret of your own, of {_SHORTEST_SECRET} characters or more"
