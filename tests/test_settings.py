"""Settings: defaults, parsing, checks, and what processes do with bad ones."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from greeter.settings import Settings
from greeter.settings_loader import SettingsError, read_settings
from tests.conftest import PROCFILE, ROOT

EXAMPLE = ROOT / ".env.example"


def test_the_example_is_printed_from_the_declarations() -> None:
    """`.env.example` is exactly the output of `python -m greeter.settings`, which warns about nothing."""
    printed = run("python -m greeter.settings", {})
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == EXAMPLE.read_text(), "run: python -m greeter.settings > .env.example"


def test_the_example_has_lines_of_at_most_120_characters() -> None:
    """Comments in `.env.example` are wrapped, headings and values included."""
    assert max(map(len, EXAMPLE.read_text().splitlines())) <= 120


def test_the_example_lists_every_setting_with_its_default() -> None:
    """`.env.example` lists the settings in the order of their declarations, and gives the defaults when it is read."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    example = dict(line.split("=", 1) for line in lines)
    assert list(example) == [field.name.upper() for field in fields(Settings)]
    assert read_settings(example) == Settings()


def test_missing_and_empty_settings_keep_their_defaults() -> None:
    """A `.env` needs only the lines that differ from the defaults; unknown names are ignored."""
    assert read_settings({"WEB_PORT": " ", "OTHER": "x"}) == Settings()
    assert read_settings({"WEB_PORT": "8000"}).web_port == 8000


def test_zero_proxies_and_lists_of_hosts_are_parsed() -> None:
    """PROXY_HOPS may be 0, and TRUSTED_HOSTS is split at commas and spaces."""
    assert read_settings({"PROXY_HOPS": "0"}).proxy_hops == 0
    hosts = read_settings({"TRUSTED_HOSTS": "A.org, .b.org,c-1:80 bücher.example"}).trusted_hosts
    assert hosts == ("a.org", ".b.org", "c-1:80", "bücher.example")
    assert read_settings({"CORS_ORIGINS": "https://A.org http://b:80"}).cors_origins == ("https://a.org", "http://b:80")
    assert read_settings({"CORS_ORIGINS": "*"}).cors_origins == ("*",)


def test_one_message_names_all_bad_settings() -> None:
    """Every bad setting is in the message, so that one attempt is enough to find all mistakes."""
    wrong = {"WEB_PORT": "http", "MAX_RECORDS": "0", "REDIS_URL": "localhost", "FLOWER_BASIC_AUTH": "greeter"}
    wrong |= {"FLOWER_PORT": "65536", "PROXY_HOPS": "-1"}
    with pytest.raises(SettingsError) as raised:
        read_settings(wrong)
    assert all(name in str(raised.value) for name in wrong)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://:secret@host:port",
        "http://host",
        "redis://host:99999",
        "redis://user:secret/words@host",
        "redis://:secret\u2100@host",
    ],
)
def test_a_bad_redis_url_is_refused_without_showing_it(url: str) -> None:
    """The message says what REDIS_URL should be, but does not quote it, because it may contain a password."""
    with pytest.raises(SettingsError, match="REDIS_URL should") as raised:
        read_settings({"REDIS_URL": url})
    assert "secret" not in str(raised.value)


def test_the_data_folder_is_absolute() -> None:
    """A relative DATA_DIR becomes absolute, so that a worker in another directory finds the same files."""
    assert read_settings({"DATA_DIR": "data"}).data_dir == Path("data").absolute()


SECRETS = {"FLOWER_BASIC_AUTH": "greeter:" + "x" * 16, "REDIS_URL": f"redis://:{'y' * 16}@127.0.0.1:5556/0"}

PUBLIC = {"TRUSTED_HOSTS": "your.host", "CONTACT": "you@your.host"}


def test_production_requires_strong_secrets() -> None:
    """Default, short and missing secrets are refused, and the message does not quote them; so are default hosts."""
    production = SECRETS | {"PRODUCTION": "yes"} | PUBLIC
    assert read_settings(production).production
    with pytest.raises(SettingsError, match="CONTACT should be your own address"):
        read_settings(production | {"CONTACT": ""})
    with pytest.raises(SettingsError, match="TRUSTED_HOSTS should name"):
        read_settings(production | {"TRUSTED_HOSTS": ""})
    for name, weak in (
        ("FLOWER_BASIC_AUTH", ""),
        ("FLOWER_BASIC_AUTH", "greeter:sesame-sesame"),
        ("METRICS_TOKEN", "change-me-change-me"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "redis://127.0.0.1:5556/0"),
        ("REDIS_URL", "redis://:change-me-change-me@127.0.0.1:5556/0"),
    ):
        read_settings(SECRETS | {name: weak})
        with pytest.raises(SettingsError, match=f"{name} should have a secret of your own") as raised:
            read_settings(production | {name: weak})
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
        ("TRUSTED_HOSTS", {"TRUSTED_HOSTS": "https://your.host"}),
        ("TRUSTED_HOSTS", {"TRUSTED_HOSTS": "your.host *"}),
        ("TRUSTED_HOSTS", {"TRUSTED_HOSTS": "your_host"}),
        ("CORS_ORIGINS", {"CORS_ORIGINS": "https://your.host/"}),
        ("CORS_ORIGINS", {"CORS_ORIGINS": "your.host"}),
    ],
)
def test_conflicting_and_impossible_settings_are_refused(name: str, given: dict[str, str]) -> None:
    """The message names the setting. TIME_LIMIT_GRACE is above 0, so the hard limit is above the soft one."""
    with pytest.raises(SettingsError, match=f"\n{name} should"):
        read_settings(given)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [*(line.removeprefix("exec ") for line in PROCFILE.values()), "flask check-settings", "flask selftest"]
)
def test_no_process_starts_with_bad_settings(command: str) -> None:
    """Each process and command prints one message, without a traceback, and exits with status 78."""
    wrong = {"PRODUCTION": "yes", "FLOWER_BASIC_AUTH": "greeter:change-me", "SILENCE_LIMIT": "1"}
    ended = run(command, wrong)
    assert ended.returncode == os.EX_CONFIG
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("These settings cannot be used:\n")
    assert all(name in ended.stderr for name in ("REDIS_URL", "FLOWER_BASIC_AUTH", "SILENCE_LIMIT"))
    assert ended.stderr.strip().endswith("and start again.")


def test_check_settings_accepts_good_settings() -> None:
    """`flask check-settings` needs no Redis, and exits with status 0."""
    ended = run("flask check-settings", SECRETS | {"PRODUCTION": "yes"} | PUBLIC)
    assert (ended.returncode, ended.stdout) == (0, "The settings can be used.\n")


def test_flower_says_what_to_do_when_its_port_is_in_use() -> None:
    """It would print only a traceback. This is its configuration, which it loads first."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run("python flowerconfig.py", {"FLOWER_PORT": str(port)})
    assert ended.returncode == 1
    problem = f"Flower cannot listen on 127.0.0.1, port {port}: Address already in use."
    assert ended.stderr == f"{problem} Stop what uses it, or change FLOWER_HOST or FLOWER_PORT.\n"


def run(command: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command from the Python environment of the tests."""
    program, *arguments = command.split()
    program = str(Path(sys.executable).parent / program)
    environ = {name: value for name, value in os.environ.items() if name not in SECRETS} | settings
    environ["FLASK_SKIP_DOTENV"] = "1"  # or Flask warns about a .env that it does not read
    return subprocess.run([program, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
