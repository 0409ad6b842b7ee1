"""Hand an email over to the mail server."""

import logging
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL, SMTPResponseException

from greeter.jobs.mail.mails import MailState
from greeter.smtp_url import SmtpUrl

log = logging.getLogger(__name__)

_TIMEOUT = 20  # seconds for each answer; LEASE must exceed the two timeouts after `begin`
_LAST_LINE = b".\r\n"  # without it, the server drops the text


def deliver(server: SmtpUrl, message: EmailMessage, begin: Callable[[], bool]) -> MailState | None:
    """Hand an email over to the mail server.

    Args:
        server: The server.
        message: The email, with one address in From and one in To.
        begin: Called when only the last line has to be sent; returns whether to send it.

    Returns:
        The outcome: DELAYED if the email was certainly not accepted, UNKNOWN if that cannot be determined. None if
        `begin` returned false.
    """
    try:
        connection = _connect(server)
    except OSError as error:
        _log_failure(error)
        return MailState.DELAYED
    try:
        outcome = _send(connection, message, begin)
        if outcome:  # otherwise the server would read QUIT as a line of the email
            with suppress(OSError):
                connection.quit()
        return outcome
    finally:
        connection.close()


def _connect(server: SmtpUrl) -> SMTP:
    """Connect and log in. Raises OSError, of which the exceptions of smtplib are subclasses."""
    if server.scheme == "smtps":
        context = ssl.create_default_context()
        connection: SMTP = SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=context)
    else:
        connection = SMTP(server.host, server.port, timeout=_TIMEOUT)
    try:
        if server.scheme == "smtp+starttls":
            connection.starttls(context=ssl.create_default_context())
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
        code, _ = connection.docmd("DATA")
        if code != 354:
            return _refused(code, MailState.FAILED)
        connection.send(re.sub(rb"(?m)^\.", b"..", message.as_bytes()))  # RFC 5321, 4.5.2
    except OSError as error:
        _log_failure(error)
        return MailState.DELAYED
    if not begin():
        return None
    try:
        connection.send(_LAST_LINE)
        code, _ = connection.getreply()
    except OSError as error:
        _log_failure(error)
        return MailState.UNKNOWN
    if code // 100 in (4, 5):
        return _refused(code, MailState.FAILED)
    return MailState.SENT if code // 100 == 2 else MailState.UNKNOWN


def _refused(code: int, for_good: MailState) -> MailState:
    """Return the outcome for a status that is not a success: after 4xx, the email may be tried again."""
    log.info("the mail server refuses a mail with status %s", code)
    return for_good if code >= 500 else MailState.DELAYED


def _log_failure(error: OSError) -> None:
    """Log why there is no answer, without the text of the server, which may quote the address."""
    reason = f"status {error.smtp_code}" if isinstance(error, SMTPResponseException) else type(error).__name__
    log.warning("the mail server cannot be used: %s", reason)
