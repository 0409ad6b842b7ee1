"""Hand a mail over to the mail server."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL, SMTPResponseException

from greeter.jobs.mails import MailState
from greeter.smtp_url import SmtpUrl

log = logging.getLogger(__name__)

_TIMEOUT = 20  # seconds for each answer; LEASE is longer than the steps after `begin`


def deliver(server: SmtpUrl, message: EmailMessage, begin: Callable[[], bool]) -> MailState | None:
    """Hand a mail over to the mail server.

    Args:
        server: The server.
        message: The mail, with one address in From and one in To.
        begin: Called when the server has accepted the address, before the mail is sent; returns whether to send it.

    Returns:
        The outcome: DELAYED if the mail was certainly not accepted, UNKNOWN if nobody can know. None if `begin` has
        returned false.
    """
    try:
        connection = _connect(server)
    except OSError as error:
        _log_failure(error)
        return MailState.DELAYED
    try:
        return _send(connection, message, begin)
    finally:
        with suppress(OSError):
            connection.quit()
        connection.close()


def _connect(server: SmtpUrl) -> SMTP:
    """Connect and log in. Raises OSError, of which the exceptions of smtplib are subclasses."""
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        connection: SMTP = SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=context)
    else:
        connection = SMTP(server.host, server.port, timeout=_TIMEOUT)
    try:
        if server.scheme == "smtp+starttls":
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
        connection.ehlo_or_helo_if_needed()
    except BaseException:
        connection.close()
        raise
    return connection


def _send(connection: SMTP, message: EmailMessage, begin: Callable[[], bool]) -> MailState | None:
    try:
        code, _ = connection.mail(message["From"].addresses[0].addr_spec)
        if code != 250:
            log.warning("the mail server refuses MAIL_FROM with status %s", code)
            return MailState.DELAYED
        code, _ = connection.rcpt(message["To"].addresses[0].addr_spec)
        if code not in (250, 251):
            return _refused(code, MailState.REFUSED)
    except OSError as error:
        _log_failure(error)
        return MailState.DELAYED
    if not begin():
        return None
    try:
        code, _ = connection.data(message.as_bytes())
    except SMTPResponseException as error:  # to the command, so that nothing was sent
        code = error.smtp_code
    except OSError as error:
        _log_failure(error)
        return MailState.UNKNOWN
    return MailState.SENT if code == 250 else _refused(code, MailState.FAILED)


def _refused(code: int, for_good: MailState) -> MailState:
    """Return the outcome for a status that is not a success: after 4xx, the mail may be tried again."""
    log.info("the mail server refuses a mail with status %s", code)
    return for_good if code >= 500 else MailState.DELAYED


def _log_failure(error: OSError) -> None:
    """Log why there is no answer, without the text of the server, which may quote the address."""
    reason = f"status {error.smtp_code}" if isinstance(error, SMTPResponseException) else type(error).__name__
    log.warning("the mail server cannot be used: %s", reason)
