"""What a REDIS_URL means."""

from pathlib import Path

import pytest

from greeter.redis_url import RedisUrl
from greeter.settings_loader import SettingsError, read_settings


@pytest.mark.parametrize(
    "url",
    [
        "redis://host,other/0",
        "redis://host/0?service=ours",
        "redis://host/0?ssl_ca_certs=ca.pem",
        "rediss://host/0?ssl_cert_reqs=none",
        "rediss://host/0?ssl_check_hostname=false",
        "redis://host/first",
        "sentinel://host/0",
        "sentinel://host/0?service=",
        "sentinel://host,/0?service=ours",
        "sentinel://host:x/0?service=ours",
    ],
)
def test_a_url_that_means_nothing_or_is_unsafe_is_refused(url: str) -> None:
    """The message has the forms that are accepted, and names the page that explains them."""
    with pytest.raises(SettingsError, match=r"REDIS_URL should be like redis://.*docs/redis\.md"):
        read_settings({"REDIS_URL": url})


def test_a_url_names_a_server_a_user_and_a_database() -> None:
    """Escaped characters are decoded; without a port it is Redis's."""
    url = RedisUrl.parse("redis://a%40b:c%2Fd@[::1]/2")
    assert (url.nodes, url.login, url.database) == ((("::1", 6379),), {"username": "a@b", "password": "c/d"}, 2)
    assert url.broker()["broker_url"] == "redis://a%40b:c%2Fd@[::1]:6379/2"
    assert not url.is_embedded
    assert RedisUrl.parse("redis://:c@localhost:5556").is_embedded


def test_sentinels_are_named_with_their_own_login_and_certificates(tmp_path: Path) -> None:
    """The broker gets the same sentinels as the store."""
    (tmp_path / "ca.pem").touch()
    options = f"service=ours&sentinel_username=watch&sentinel_password=hush&ssl_ca_certs={tmp_path}/ca.pem"
    url = RedisUrl.parse(f"sentinels://:secret@one,two:1234/0?{options}")
    assert (url.nodes, url.service, url.is_embedded) == ((("one", 26379), ("two", 1234)), "ours", False)
    broker = url.broker()
    assert broker["broker_url"] == "sentinel://:secret@one:26379/0;sentinel://:secret@two:1234/0"
    assert broker["broker_use_ssl"]["ssl_ca_certs"] == f"{tmp_path}/ca.pem"
    login = broker["broker_transport_options"]["sentinel_kwargs"]
    assert (login["username"], login["password"], login["ssl_check_hostname"]) == ("watch", "hush", True)
