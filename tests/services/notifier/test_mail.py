"""A mail arrives at a real server, or what went wrong is told by codes."""

from __future__ import annotations

from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from streamguard.services.notifier.decision import Reason
from streamguard.services.notifier.grouping import Group, Item
from streamguard.services.notifier.mail import Mail
from streamguard.services.notifier.messages import Message, message
from streamguard.services.notifier.sending import MessageRefused, NotDelivered
from tests.connect.certificates import make as make_certificates
from tests.services.notifier.made import channel, decision
from tests.services.notifier.receivers import mail_server

TO = ("a@example.com", "b@example.com")


def mail(port: int, **fields: Any) -> Mail:
    return Mail("127.0.0.1", port, **{"tls": "none", "sender": "me@example.com", "recipients": TO, **fields})


def made(text: str = "because") -> Message:
    return message(
        channel("email", options={}), "card", Group("all", "", (Item(0, decision(reasons=(Reason("R", text),))),))
    )


def test_a_mail_arrives_with_subject_text_and_an_id() -> None:
    with mail_server() as (mailbox, port):
        sent = made("zażółć · €")
        mail(port)(sent)
        (arrived,) = mailbox.mails
    assert str(make_header(decode_header(str(arrived["Subject"])))) == "[card] 1 decision of card, 1 decline: high"
    assert arrived["To"] == "a@example.com, b@example.com"
    assert arrived["Message-ID"] == f"<{sent.message_id}@example.com>"
    body = arrived.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "R: zażółć · €" in body.decode()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 later", NotDelivered), ("554 no ACC-1 please", MessageRefused), ("552 big", MessageRefused)],
)
def test_what_the_server_says_about_a_mail_is_told_by_its_code(answer: str, kind: type[Exception]) -> None:
    with mail_server() as (mailbox, port):
        mailbox.refusal = answer
        with pytest.raises(kind, match=f"^SMTP {answer[:3]}$"):
            mail(port)(made())


def test_a_mail_that_one_recipient_gets_is_told_and_not_sent_again() -> None:
    with mail_server() as (mailbox, port):
        mailbox.refused_recipients = {TO[0]: "550 nobody"}
        mail(port)(made())
        assert len(mailbox.mails) == 1


def test_when_nobody_gets_it_it_is_tried_again() -> None:
    with mail_server() as (mailbox, port):
        mailbox.refused_recipients = {TO[0]: "550 nobody", TO[1]: "451 later"}
        with pytest.raises(NotDelivered, match=r"every recipient is refused \(SMTP 451, SMTP 550\)"):
            mail(port)(made())


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # what the test is about
def test_a_password_that_is_wrong_is_told_and_not_shown() -> None:
    def refuse(*_: object) -> AuthResult:
        return AuthResult(success=False, handled=False)

    with mail_server(authenticator=refuse, auth_require_tls=False, auth_required=True) as (_, port):
        sender = mail(port, username="me", password="s3cret")
        assert "s3cret" not in repr(sender)
        with pytest.raises(NotDelivered, match=r"^the user name or password is refused \(SMTP 535\)$"):
            sender(made())


def test_a_server_without_tls_gets_no_mail_from_who_wants_it() -> None:
    with mail_server() as (mailbox, port):
        with pytest.raises(NotDelivered):
            mail(port, tls="starttls")(made())
        with pytest.raises(NotDelivered):
            mail(port, tls="tls")(made())
        assert mailbox.mails == []


def test_nobody_there_is_told() -> None:
    with mail_server() as (_, port):
        pass
    with pytest.raises(NotDelivered, match="no connection"):
        mail(port)(made())


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_goes_over_tls_to_a_server_whose_certificate_is_known(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    context = certificates.server()
    config = {"ssl_context": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
    with mail_server(**config) as (mailbox, port):
        with pytest.raises(NotDelivered, match="certificate"):
            mail(port, tls=tls)(made())
        assert mailbox.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
        mail(port, tls=tls)(made())
        assert len(mailbox.mails) == 1
