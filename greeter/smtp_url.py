"""What SMTP_URL means: the mail server, how to log in there, and what is encrypted."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

_PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
_LOCAL = ("127.0.0.1", "localhost", "::1")
_FORM = (
    "should be like smtps://USER:PASSWORD@HOST or smtp+starttls://USER:PASSWORD@HOST, or smtp://HOST without a login"
)


@dataclass(frozen=True)
class SmtpUrl:
    """A parsed SMTP_URL."""

    scheme: str  # smtps for TLS from the start, smtp+starttls for TLS by the command STARTTLS, smtp for no encryption
    host: str
    port: int
    user: str  # the user to log in as. If empty, no login
    password: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL. Raises ValueError with what it should be; the message never quotes the URL."""
        try:
            url = urlsplit(text)
            port = url.port or _PORTS[url.scheme]
        except (ValueError, LookupError):  # messages of urlsplit may quote the password
            raise ValueError(_FORM) from None
        user, password = unquote(url.username or ""), unquote(url.password or "")
        if not url.hostname or bool(user) != bool(password) or url.path not in ("", "/") or url.query:
            raise ValueError(_FORM)
        if password and url.scheme == "smtp" and url.hostname not in _LOCAL:
            raise ValueError(_FORM)
        return cls(url.scheme, url.hostname, port, user, password)
