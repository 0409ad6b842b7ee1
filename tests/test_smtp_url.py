"""SMTP_URL and MAIL_FROM: what they mean, and which are refused."""

import pytest

from greeter.settings_loader import SettingsError, read_settings
from greeter.smtp_url import SmtpUrl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtps://ada%40x.org:p%3Aw%2F@mail.x.org", ("smtps", "mail.x.org", 465, "ada@x.org", "p:w/")),
        ("smtp+starttls://u:p@mail.x.org:2525/", ("smtp+starttls", "mail.x.org", 2525, "u", "p")),
        ("smtp://relay", ("smtp", "relay", 25, "", "")),
        ("smtp://u:p@127.0.0.1:2525", ("smtp", "127.0.0.1", 2525, "u", "p")),
        ("smtp://[::1]", ("smtp", "::1", 25, "", "")),
    ],
)
def test_the_parts_of_a_url(text: str, expected: tuple[str, str, int, str, str]) -> None:
    """Each scheme has its usual port, and special characters of the login are percent-encoded."""
    url = SmtpUrl.parse(text)
    assert (url.scheme, url.host, url.port, url.user, url.password) == expected


@pytest.mark.parametrize(
    "text",
    [
        "relay:25",
        "http://relay",
        "smtp://",
        "smtp://relay:x",
        "smtps://user@host",
        "smtp://user:secret@host",
        "smtps://h?",
    ],
)
def test_a_wrong_url_is_refused_without_quoting_it(text: str) -> None:
    """Including one that would send a password without encryption to another machine."""
    text = text.replace("?", "?tls=no")
    with pytest.raises(SettingsError, match="SMTP_URL should be like smtps://") as raised:
        read_settings({"SMTP_URL": text})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("address", ["nobody", "a@b, c@d", "Ada <ada@x.org>", "ädä@x.org"])
def test_mails_come_from_one_plain_address(address: str) -> None:
    """The sender must be an address that every mail server takes."""
    with pytest.raises(SettingsError, match="MAIL_FROM should be an email address"):
        read_settings({"SMTP_URL": "smtp://relay", "MAIL_FROM": address})
    assert read_settings({"SMTP_URL": "smtp://relay", "MAIL_FROM": "robot@x.org"}).mail_from == "robot@x.org"
