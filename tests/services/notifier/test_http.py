"""One POST a message, to a real server; what went wrong is told without the address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from streamguard.services.notifier import http
from streamguard.services.notifier.grouping import groups
from streamguard.services.notifier.http import Slack, Webhook
from streamguard.services.notifier.messages import Message, message
from streamguard.services.notifier.sending import MessageRefused, NotDelivered
from tests.services.notifier.made import channel, items
from tests.services.notifier.receivers import Answer, Receiver, receiver


@pytest.fixture
def desk() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def made(count: int = 2, kind: str = "webhook") -> Message:
    (group,) = groups(items(count), "all", 500)
    return message(channel(kind), "card", group)


def test_a_webhook_gets_the_decisions_and_an_id_to_know_the_message_by(desk: Receiver) -> None:
    Webhook(desk.url + "/in", {"Authorization": "Bearer s3cret"})(made())
    (post,) = desk.posts
    assert post.path == "/in"
    assert post.headers["Authorization"] == "Bearer s3cret"
    assert post.headers["Idempotency-Key"] == post.document["message_id"]
    assert [each["decision_id"] for each in post.document["decisions"]] == ["d-0", "d-1"]


def test_slack_gets_the_text(desk: Receiver) -> None:
    Slack(desk.url)(made(kind="slack"))
    assert desk.posts[0].document["text"].startswith("2 decisions of card")


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 408, 410, 429, 500, 502, 503])
def test_an_answer_that_is_not_about_the_message_is_a_reason_to_try_again(desk: Receiver, status: int) -> None:
    desk.answer = lambda _document: Answer(status, {"Location": desk.url + "/elsewhere"})
    with pytest.raises(NotDelivered, match=f"HTTP {status}"):
        Webhook(desk.url, {})(made())
    assert len(desk.posts) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_about_the_message_is_a_refusal(desk: Receiver, status: int) -> None:
    desk.answer = lambda _document: Answer(status)
    with pytest.raises(MessageRefused, match=f"HTTP {status}"):
        Webhook(desk.url, {})(made())


def test_slacks_word_for_the_error_is_told_and_nothing_else_of_a_body(desk: Receiver) -> None:
    desk.answer = lambda _document: Answer(404, {}, b"no_service")
    with pytest.raises(NotDelivered, match=r"^HTTP 404 no_service$"):
        Slack(desk.url)(made())
    desk.answer = lambda _document: Answer(404, {}, b"no account ACC-1 here")
    with pytest.raises(NotDelivered, match=r"^HTTP 404$"):
        Slack(desk.url)(made())


@pytest.mark.parametrize("form", ["number", "date"])
def test_the_time_that_the_server_asks_for_is_heard(desk: Receiver, form: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    desk.answer = lambda _document: Answer(429, {"Retry-After": "30" if form == "number" else later})
    with pytest.raises(NotDelivered) as told:
        Slack(desk.url)(made())
    assert 28 <= told.value.retry_after <= 30


def test_nobody_there_is_told_without_the_address(desk: Receiver) -> None:
    url = f"http://127.0.0.1:{desk.port}/services/S3CRET"
    desk.close()
    with pytest.raises(NotDelivered) as told:
        Slack(url)(made())
    assert str(told.value) == "no connection (ConnectionError)"
    assert told.value.__cause__ is None


@pytest.mark.parametrize("url", ["no address S3CRET", "http://", "ftp://S3CRET", "http://[S3CRET"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(NotDelivered) as told:
        Slack(url)(made())
    assert "S3CRET" not in str(told.value)


def test_a_server_that_does_not_answer_is_given_up(desk: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    end = threading.Event()

    def hang(_document: object) -> Answer:
        end.wait(10)
        return Answer()

    desk.answer = hang
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.1)
    with pytest.raises(NotDelivered, match="no answer in time"):
        Slack(desk.url)(made())
    end.set()


def test_a_text_that_slack_would_cut_is_made_of_fewer_decisions(
    desk: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SLACK_LONGEST", 100)
    with pytest.raises(MessageRefused):
        Slack(desk.url)(made(3, "slack"))
    Slack(desk.url)(made(1, "slack"))
    assert len(desk.posts[0].document["text"]) == 102
