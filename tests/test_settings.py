"""The settings."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from greeter.settings import Settings, SettingsError
from tests.conftest import PROCFILE, ROOT

EXAMPLE = ROOT / ".env.example"


def test_the_example_lists_exactly_the_settings_and_their_defaults():
    """Whoever copies .env.example sees every setting, and gets the default of each."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    example = dict(line.split("=", 1) for line in lines)
    assert list(example) == [field.name.upper() for field in fields(Settings)]
    assert Settings.from_env(example) == Settings()


def test_what_is_missing_or_empty_keeps_its_default():
    """A .env needs only the lines that differ."""
    assert Settings.from_env({"WEB_PORT": " ", "OTHER": "x"}) == Settings()
    assert Settings.from_env({"WEB_PORT": "8000"}).web_port == 8000


def test_no_proxy_is_a_number_and_hosts_are_a_list():
    """As a person writes them."""
    assert Settings.from_env({"PROXY_HOPS": "0"}).proxy_hops == 0
    assert Settings.from_env({"TRUSTED_HOSTS": "a.org, .b.org,"}).trusted_hosts == ("a.org", ".b.org")


def test_all_problems_come_in_one_message():
    """Nobody should have to start five times to find five mistakes."""
    wrong = {"WEB_PORT": "http", "MAX_RECORDS": "0", "REDIS_URL": "localhost", "FLOWER_BASIC_AUTH": "greeter"}
    wrong |= {"FLOWER_PORT": "65536", "PROXY_HOPS": "-1"}
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(wrong)
    assert all(name in str(raised.value) for name in wrong)


@pytest.mark.parametrize("url", ["redis://", "redis://:secret@host:port", "http://host", "redis://host:99999"])
def test_a_redis_url_is_checked_and_not_shown(url: str) -> None:
    """A password may be in it."""
    with pytest.raises(SettingsError, match="REDIS_URL") as raised:
        Settings.from_env({"REDIS_URL": url})
    assert "secret" not in str(raised.value)


def test_the_data_folder_is_absolute():
    """A worker that changes its folder must find the same files."""
    assert Settings.from_env({"DATA_DIR": "data"}).data_dir == Path("data").absolute()


SECRETS = {"FLOWER_BASIC_AUTH": "greeter:" + "x" * 16, "REDIS_URL": f"redis://:{'y' * 16}@127.0.0.1:5556/0"}

PUBLIC = {"TRUSTED_HOSTS": "your.host", "CONTACT": "you@your.host"}


def test_production_wants_secrets_of_its_own():
    """Neither those of the example, nor short ones, nor none; the message has none of them."""
    production = SECRETS | {"PRODUCTION": "yes"} | PUBLIC
    assert Settings.from_env(production).production
    with pytest.raises(SettingsError, match="CONTACT should be an address of yours"):
        Settings.from_env(production | {"CONTACT": ""})
    with pytest.raises(SettingsError, match="TRUSTED_HOSTS should name"):
        Settings.from_env(production | {"TRUSTED_HOSTS": ""})
    for name, weak in (
        ("FLOWER_BASIC_AUTH", ""),
        ("FLOWER_BASIC_AUTH", "greeter:sesame-sesame"),
        ("METRICS_TOKEN", "change-me-change-me"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "redis://127.0.0.1:5556/0"),
        ("REDIS_URL", "redis://:change-me-change-me@127.0.0.1:5556/0"),
    ):
        Settings.from_env(SECRETS | {name: weak})
        with pytest.raises(SettingsError, match=f"{name} should have a secret of your own") as raised:
            Settings.from_env(production | {name: weak})
        assert not re.search("change-me|sesame", str(raised.value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("RETENTION_DAYS", {"RETENTION_DAYS": "1", "SOFT_TIME_LIMIT": "86200"}),
        ("SILENCE_LIMIT", {"SILENCE_LIMIT": "4"}),
        ("FLOWER_PORT", {"FLOWER_PORT": "5554"}),
        ("FLOWER_PORT", {"FLOWER_PORT": "5556"}),
        ("WEB_PORT", {"WEB_PORT": "5556"}),
        ("PRODUCTION", {"PRODUCTION": "maybe"}),
        ("TIME_LIMIT_GRACE", {"TIME_LIMIT_GRACE": "-1"}),
    ],
)
def test_what_cannot_go_together_is_refused(name: str, given: dict[str, str]) -> None:
    """In production or not. A hard time limit below the soft one cannot even be written: it is what comes on top."""
    with pytest.raises(SettingsError, match=f"\n{name} should"):
        Settings.from_env(given)


@pytest.mark.parametrize(
    "command",
    [*(line.removeprefix("exec ") for line in PROCFILE.values()), "flask check-settings", "flask selftest"],
)
def test_no_process_starts_with_bad_settings(command: str) -> None:
    """The web, the worker, Flower, the embedded Redis and the commands: one message, no traceback, one exit status."""
    wrong = {"PRODUCTION": "yes", "FLOWER_BASIC_AUTH": "greeter:change-me", "SILENCE_LIMIT": "1"}
    ended = run(command, wrong)
    assert ended.returncode == os.EX_CONFIG
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("These settings cannot be used:\n")
    assert all(name in ended.stderr for name in ("REDIS_URL", "FLOWER_BASIC_AUTH", "SILENCE_LIMIT"))
    assert ended.stderr.strip().endswith("and start again.")


def test_good_settings_are_told_to_be_good() -> None:
    """With exit status 0, and without Redis."""
    ended = run("flask check-settings", SECRETS | {"PRODUCTION": "yes"} | PUBLIC)
    assert (ended.returncode, ended.stdout) == (0, "The settings can be used.\n")


def run(command: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment that the tests run in."""
    program, *arguments = command.split()
    program = str(Path(sys.executable).parent / program)
    environ = {name: value for name, value in os.environ.items() if name not in SECRETS} | settings
    environ["FLASK_SKIP_DOTENV"] = "1"  # or Flask tells where a .env lies that it does not read
    return subprocess.run([program, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
