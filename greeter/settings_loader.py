"""Read the settings of a process from its environment, and check that they can be used together."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from greeter import env
from greeter.redis_url import RedisUrl
from greeter.settings import Settings

_SHORTEST_SECRET = 16  # characters
_WHAT_TO_DO = "Correct them in .env, or wherever this process gets its environment from, and start again."


class SettingsError(ValueError):
    """Some settings cannot be used. The message names each of them and what it should be, but never its value."""


def load_settings() -> Settings:
    """Read the settings of this process and make its files private.

    If a setting cannot be used, print every problem and exit with status 78 (EX_CONFIG).
    """
    os.umask(0o077)  # the files belong to visitors, and no other user of this machine may read them
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(os.EX_CONFIG)  # the units in deploy/systemd do not restart after this status


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from a mapping by variable name, such as `os.environ`. Raises SettingsError.

    A missing or empty value means the default; other variables are ignored.
    """
    settings, problems = env.read(Settings, environ)
    for name, problem in _conflicts(settings):
        problems.setdefault(name, problem)
    if problems:
        lines = [f"{name} {problem}." for name, problem in problems.items()]
        raise SettingsError("\n".join(["These settings cannot be used:", *lines, _WHAT_TO_DO]))
    return settings


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the variable name of each setting that conflicts with others, and what it should be."""
    redis = RedisUrl.parse(settings.redis_url)
    local_redis_port = redis.nodes[0][1] if redis.is_embedded else None
    if settings.flower_port in (settings.web_port, local_redis_port):
        yield "FLOWER_PORT", "should differ from WEB_PORT and from the port of REDIS_URL"
    if settings.web_port == local_redis_port:
        yield "WEB_PORT", "should differ from the port of REDIS_URL"
    if settings.retention < settings.soft_time_limit + settings.time_limit_grace:
        yield "RETENTION_DAYS", "should be longer than a job may run: SOFT_TIME_LIMIT + TIME_LIMIT_GRACE"
    yield from _missing_site_files(settings)
    if settings.smtp_url and not (settings.mail_from or settings.contact).isascii():
        yield "MAIL_FROM", "should be an email address of ASCII characters, which every mail server accepts"
    if settings.production:
        yield from _unfit_for_production(settings, redis.password)


def _missing_site_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Find the settings that name a folder or a file of the site that does not exist, or is not sent to visitors."""
    logo = Path(settings.site_logo)
    if settings.site_dir and not settings.site_dir.is_dir():
        yield "SITE_DIR", "should be an existing folder"
    elif settings.site_logo and (
        ".." in logo.parts
        or logo.is_absolute()
        or not (settings.site_dir and (settings.site_dir / "static" / logo).is_file())
    ):
        yield "SITE_LOGO", "should be the name of a file in the folder static of SITE_DIR"


def _unfit_for_production(settings: Settings, redis_password: str) -> Iterator[tuple[str, str]]:
    """Find the settings that a public site must not have: secrets that can be guessed, no host name, no contact."""
    secrets = {"FLOWER_BASIC_AUTH": settings.flower_basic_auth.partition(":")[2], "REDIS_URL": redis_password}
    if settings.metrics_token:
        secrets["METRICS_TOKEN"] = settings.metrics_token
    for name, secret in secrets.items():
        if len(secret) < _SHORTEST_SECRET or "change-me" in secret:
            yield name, f"should have a secret of your own, of {_SHORTEST_SECRET} characters or more"
    if not settings.trusted_hosts:
        yield "TRUSTED_HOSTS", "should name the host of this site, such as your.host"
    if settings.contact.endswith("@example.org"):
        yield "CONTACT", "should be your own address, to which visitors can write"
