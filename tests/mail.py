"""A real mail server that keeps what it receives, and can be made to misbehave."""

from __future__ import annotations

import ssl
from asyncio import BaseTransport, CancelledError, Transport, sleep
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
        answers: What it answers, instead of accepting, to the command MAIL, RCPT or DATA, or to the TEXT of a mail.
        delayed: One of these, which it does not answer as long as this is set.
        loses_answers: Whether it closes the connection after it has accepted a mail, without an answer.
        tries: How often it got each of these.
        connections: The open ones.
        spoiled: The recipients that it refused, whose mails it refused, or with whose mails it was stopped.
        cut_off: The recipients of mails whose last line did not arrive.
    """

    def __init__(self, **options: Any) -> None:
        self.port, self._options = free_port(), options
        self.received: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answers: dict[str, str] = {}
        self.delayed = ""
        self.loses_answers = False
        self.tries: Counter[str] = Counter()
        self.connections: set[SMTP] = set()
        self.spoiled: set[str] = set()
        self.cut_off: set[str] = set()
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
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        """Stop it; its connections break."""
        if self._controller:
            connections = [*self.connections]
            self._controller.stop()
            self._controller = None
            for connection in connections:
                self.spoiled.update(connection.envelope.rcpt_tos if connection.envelope else ())

    async def answer(self, step: str, recipients: list[str]) -> str | None:
        """Return what to answer instead of accepting, after the delay. What it refuses is spoiled."""
        if found := self.answers.get(step):
            self.spoiled.update(recipients)
        self.tries[step] += 1
        while self.delayed == step:
            await sleep(0.01)
        return found

    async def handle_MAIL(  # noqa: N802  the name that aiosmtpd calls, as below
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a sender."""
        envelope.mail_from = address
        return await self.answer("MAIL", []) or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient."""
        if answer := await self.answer("RCPT", [address]):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a mail, and keep it before the answer."""
        if "TEXT" in self.answers:
            return await self.answer("TEXT", envelope.rcpt_tos) or "451 Later"
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.envelopes.append(envelope)
        self.received.append(message)
        if self.loses_answers:
            assert isinstance(server.transport, Transport)
            server.transport.abort()
        await self.answer("TEXT", [])
        return "250 OK"


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Connection(self.handler, **self.SMTP_kwargs)


class _Connection(SMTP):
    event_handler: MailServer

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.event_handler.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.event_handler.connections.discard(self)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        assert self.envelope
        envelope = self.envelope
        if answer := await self.event_handler.answer("DATA", envelope.rcpt_tos):
            await self.push(answer)
            return
        try:
            await super().smtp_DATA(arg)
        except CancelledError:  # the connection was lost
            if envelope not in self.event_handler.envelopes:
                self.event_handler.cut_off.update(envelope.rcpt_tos)
            raise


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
