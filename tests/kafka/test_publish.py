from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from streamguard.errors import KafkaError, KafkaUnavailable
from streamguard.kafka.publish import Publisher, reason
from streamguard.settings import Settings


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """One whose Kafka is not there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with Publisher(Settings(kafka_bootstrap=f"127.0.0.1:{held.getsockname()[1]}"), "somewhere") as made:
            yield made


def ignore(_error: object | None, _record: object) -> None:
    """Nobody waits for this report."""


def test_a_full_queue_refuses_the_record_instead_of_waiting_or_raising(publisher: Publisher) -> None:
    sent = 0
    while publisher.send(b"key", b"value", ignore):
        sent += 1
    assert sent > 10_000
    assert not publisher.send(b"key", b"value", ignore)


def test_a_record_that_no_broker_takes_is_an_error_at_once(publisher: Publisher) -> None:
    with pytest.raises(KafkaError, match="refused"):
        publisher.send(b"key", bytes(17 * 1024 * 1024), ignore)


def test_a_kafka_that_is_not_there_is_told_before_the_first_record(publisher: Publisher) -> None:
    with pytest.raises(KafkaUnavailable, match="no Kafka broker answers"):
        publisher.require_topic(timeout=0.2)


def test_the_reason_of_a_report_is_its_text() -> None:
    assert reason("gone") == "gone"
