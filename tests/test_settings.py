"""The settings."""

from dataclasses import fields
from pathlib import Path

import pytest

from greeter.settings import Settings, SettingsError

EXAMPLE = Path(__file__).parents[1] / ".env.example"


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
