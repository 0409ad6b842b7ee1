"""A real mail server that keeps what it receives, and can be made to misbehave."""

from __future__ import annotations

import ssl
from asyncio import Transport
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.conftest import free_port


class MailServer:
    """A mail server on a local port.

    Args:
        **options: Options of aiosmtpd's Controller, such as a TLS context.

    Attributes:
        port: The port, which stays the same after a restart.
        received: The mails.
        envelopes: The same mails with their senders and recipients.
        answers: What it answers, instead of accepting, to the command MAIL, RCPT or DATA.
        loses_answers: Whether it closes the connection after it has accepted a mail, without an answer.
        tries: How often it got each command.
    """

    def __init__(self, **options: Any) -> None:
        self.port, self._options = free_port(), options
        self.received: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answers: dict[str, str] = {}
        self.loses_answers = False
        self.tries: Counter[str] = Counter()
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """Its SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        """The recipients of all mails, in the order of their arrival."""
        return [address for envelope in self.envelopes for address in envelope.rcpt_tos]

    def start(self) -> None:
        """Start it."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        """Stop it; its connections break."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def _answer(self, command: str) -> str | None:
        self.tries[command] += 1
        return self.answers.get(command)

    async def handle_MAIL(  # noqa: N802  the name that aiosmtpd calls, as below
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a sender."""
        envelope.mail_from = address
        return self._answer("MAIL") or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient."""
        if answer := self._answer("RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a mail."""
        if answer := self._answer("DATA"):
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.envelopes.append(envelope)
        self.received.append(message)
        if self.loses_answers:
            assert isinstance(server.transport, Transport)
            server.transport.abort()
        return "250 OK"


def only(user: str, password: str) -> Any:
    """Return what accepts one login, for the option `authenticator`."""

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (user.encode(), password.encode()))

    return authenticate


def tls(certificate: str) -> ssl.SSLContext:
    """Return the TLS context of a server with a certificate, whose key is beside it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.replace(".pem", ".key"))
    return context
