from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from streamguard.errors import KafkaUnavailable
from streamguard.kafka.publish import Publisher, reason
from streamguard.settings import Settings

FEW = 1_000
KEYS: list[bytes | None] = [b"key"] * FEW
VALUES: list[bytes | None] = [b"value"] * FEW


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """One whose Kafka is not there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with Publisher(Settings(kafka_bootstrap=f"127.0.0.1:{held.getsockname()[1]}")) as made:
            yield made


def ignore(_error: object | None, _record: object) -> None:
    """Nobody waits for this report."""


def test_a_full_queue_refuses_records_that_have_times_instead_of_waiting_or_raising(publisher: Publisher) -> None:
    sent = 0
    while (more := publisher.send("t", KEYS, VALUES, [1] * FEW, ignore)) == FEW:
        sent += more
    assert sent + more > 10_000
    assert publisher.send("t", KEYS, VALUES, [1] * FEW, ignore) == 0


@pytest.mark.parametrize("times", [None, [1, 2, 3]])
def test_a_record_that_is_too_large_is_reported_or_refused_and_the_others_are_sent(
    publisher: Publisher, times: list[int] | None
) -> None:
    reported: list[tuple[Any, Any]] = []
    large = bytes(17 * 1024 * 1024)

    def report(error: Any, record: Any) -> None:
        reported.append((reason(error), record.value()))

    assert publisher.send("t", [b"1", b"2", b"3"], [b"a", large, b"c"], times, report) == 3
    ((why, value),) = reported
    assert "too large" in why
    assert value == large
    publisher.give_up()
    assert sorted(value for _, value in reported[1:]) == [b"a", b"c"]


def test_what_is_given_up_is_reported_as_without_an_answer(publisher: Publisher) -> None:
    reported: list[str] = []
    publisher.send("t", KEYS, VALUES, None, lambda error, _record: reported.append(reason(error)))
    publisher.give_up()
    assert reported == ["it did not answer in time"] * FEW


def test_a_kafka_that_is_not_there_is_told_before_the_first_record(publisher: Publisher) -> None:
    with pytest.raises(KafkaUnavailable, match="no Kafka broker answers"):
        publisher.require_topics(["t"], timeout=0.2)


def test_the_reason_of_a_report_is_its_text() -> None:
    assert reason("gone") == "gone"
