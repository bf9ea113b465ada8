from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamguard.kafka.listed import listed


class Scripted:
    """An admin client whose brokers answer for each partition, in order: an offset, or an error's code."""

    def __init__(self, **answers: list[int | KafkaError]) -> None:
        self.answers = {topic: deque(each) for topic, each in answers.items()}
        self.asked: list[set[str]] = []

    def list_offsets(self, asked: dict[TopicPartition, OffsetSpec], **_options: Any) -> dict[TopicPartition, Any]:
        self.asked.append({at.topic for at in asked})
        return {at: self._answer(at.topic) for at in asked}

    def _answer(self, topic: str) -> Future[Any]:
        future: Future[Any] = Future()
        answer = self.answers[topic].popleft()
        if isinstance(answer, KafkaError):
            future.set_exception(KafkaException(answer))
        else:
            future.set_result(SimpleNamespace(offset=answer))
        return future


def ask(admin: Scripted, *topics: str) -> dict[tuple[str, int], int]:
    places = [(topic, 0) for topic in topics]
    return listed(cast("AdminClient", admin), places, OffsetSpec.latest(), seconds=5, wait=1)


def test_a_partition_without_a_leader_yet_is_asked_for_again_and_the_others_are_not() -> None:
    admin = Scripted(old=[7], new=[KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION), 3])
    assert ask(admin, "old", "new") == {("old", 0): 7, ("new", 0): 3}
    assert admin.asked == [{"old", "new"}, {"new"}]


def test_another_error_is_raised_at_once() -> None:
    admin = Scripted(gone=[KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)])
    with pytest.raises(KafkaException):
        ask(admin, "gone")
    assert len(admin.asked) == 1


def test_of_nothing_nothing_is_asked() -> None:
    admin = Scripted()
    assert ask(admin) == {}
    assert admin.asked == []
