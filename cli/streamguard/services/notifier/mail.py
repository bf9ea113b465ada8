"""E-mail over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from streamguard.services.notifier.messages import Message
from streamguard.services.notifier.sending import ANSWER_SECONDS, MessageRefused, NotDelivered


@dataclass(frozen=True)
class Mail:
    """A mail to all recipients, over a connection of its own. `tls`: starttls, tls or none."""

    host: str
    port: int
    tls: str
    sender: str
    recipients: tuple[str, ...]
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __call__(self, message: Message) -> None:
        """A server that takes it for one recipient has taken it: again, the others would get it twice."""
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{message.message_id}@{self.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        with _told():
            server = self._opened()
            try:
                server.send_message(mail)
            finally:
                with suppress(smtplib.SMTPException, OSError):  # a goodbye that fails takes nothing back
                    server.quit()
                server.close()

    def _opened(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=ANSWER_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            if self.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.username:
                server.login(self.username, self.password)
        except BaseException:
            server.close()
            raise
        return server


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong, by codes only: texts of servers repeat addresses."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as exc:
        codes = sorted({code for code, _ in exc.recipients.values()})
        raise NotDelivered(f"every recipient is refused ({', '.join(f'SMTP {code}' for code in codes)})") from None
    except smtplib.SMTPDataError as exc:
        told = f"SMTP {exc.smtp_code}"
        raise (MessageRefused(told) if exc.smtp_code >= 500 else NotDelivered(told)) from None
    except smtplib.SMTPResponseException as exc:
        raise NotDelivered(f"{_step(exc)} (SMTP {exc.smtp_code})") from None
    except TimeoutError:
        raise NotDelivered("no answer in time") from None
    except ssl.SSLError:
        raise NotDelivered("no TLS with that server: is its certificate good, and tls right?") from None
    except (smtplib.SMTPException, OSError) as exc:
        raise NotDelivered(f"no connection ({type(exc).__name__})") from None


def _step(exc: smtplib.SMTPResponseException) -> str:
    if isinstance(exc, smtplib.SMTPAuthenticationError):
        return "the user name or password is refused"
    return "the sender is refused" if isinstance(exc, smtplib.SMTPSenderRefused) else "the server refuses"
