"""Send the emails that users want when their jobs have ended."""

import logging
import time
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from secrets import token_hex
from threading import Event, Thread

from redis import RedisError

from greeter.jobs.errors import JobNotFound
from greeter.jobs.mail.mail_server import deliver
from greeter.jobs.mail.mails import LEASE, MailState, Taken
from greeter.jobs.phase import Phase
from greeter.jobs.records.store import Store
from greeter.settings import Settings
from greeter.smtp_url import SmtpUrl

log = logging.getLogger(__name__)

_POLICY = SMTP.clone(cte_type="7bit")  # every server takes it
_PAUSE = 1  # seconds until Redis is asked again

_ENDS = {
    Phase.FINISHED: ("has finished", "Its result is on its page:"),
    Phase.STOPPED: ("was stopped at its time limit", "Its partial result is on its page:"),
    Phase.CANCELLED: ("was cancelled", "Its page:"),
    Phase.FAILED: ("has failed", "Its page says why, and what to do:"),
}


def mail_about(phase: Phase, page: str, address: str, settings: Settings) -> EmailMessage:
    """Write the email about the end of a job, whose page has this address.

    It contains no text chosen by a user, so nobody can send spam with it.
    """
    end, hint = _ENDS[phase]
    sender = settings.mail_from or settings.contact
    message = EmailMessage(_POLICY)
    message["From"], message["To"] = Address(settings.site_name, addr_spec=sender), address
    message["Subject"] = f"Your job {end} - {settings.site_name}"
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps out-of-office replies away
    message.set_content(
        f"Your job at {settings.site_name} {end}. {hint}\n\n{page}\n\n"
        f"Somebody entered this address on that page. The site has deleted it now, and sends no other email about the "
        f"job.\nIf it was not you, you can ignore this email. Questions: {settings.contact}\n"
    )
    return message


class Mailer:
    """Sends emails in a thread of a worker's main process, whose heartbeats must not wait for a mail server."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._mails, self._settings = store, store.mails, settings
        self._stopped = Event()
        self._thread: Thread | None = None

    def run(self) -> None:
        """Start to send the emails that are due, unless the last call still does. Called every two seconds."""
        if self._settings.smtp_url and not (self._thread and self._thread.is_alive()):
            self._thread = Thread(target=self.send_all, name="mails")
            self._thread.start()

    def stop(self) -> None:
        """Send no more emails than the current one. The process ends after that."""
        self._stopped.set()

    def send_all(self) -> None:
        """Send the emails that are due."""
        try:
            while not self._stopped.is_set() and (mail := self._mails.take(token_hex(8))):
                self._send(mail)
        except RedisError as error:
            log.warning("Redis is unavailable: %s", error)

    def _send(self, mail: Taken) -> None:
        try:
            message = mail_about(self._store.find(mail.job_id).phase, mail.page, mail.address, self._settings)
            outcome = deliver(SmtpUrl.parse(self._settings.smtp_url), message, lambda: self._mails.begin(mail))
        except JobNotFound:  # it was deleted
            return
        except RedisError as error:  # before the email was sent
            log.warning("Redis is unavailable: %s", error)
            outcome = MailState.DELAYED
        if outcome and (state := self._settle(mail, outcome)):
            log.info("mail %s", state, extra={"job": mail.job_id[:8]})

    def _settle(self, mail: Taken, outcome: MailState) -> MailState | None:
        """Store the outcome once Redis is available. After LEASE, the state of the email is UNKNOWN anyway."""
        end = time.monotonic() + LEASE
        while True:
            try:
                return self._mails.settle(mail, outcome)
            except RedisError:
                if time.monotonic() > end or self._stopped.wait(_PAUSE):
                    raise
