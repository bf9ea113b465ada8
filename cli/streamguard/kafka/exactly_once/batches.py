"""Batches of the loop: who handles one, and where it ends in each partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from confluent_kafka import Message, TopicPartition

from streamguard.kafka.exactly_once.produce import Produce

T = TypeVar("T")
Handle = Callable[[Sequence[Message], Produce], None]


@dataclass(frozen=True)
class AskFirst(Generic[T]):
    """A handler that needs an answer from somebody else: `ask` begins to ask about a batch, `handle` has the answer.

    While the answer is waited for, however long, Kafka is polled, so the place in the group is kept. A stop and a
    change of the assignment cancel the future.
    """

    ask: Callable[[Sequence[Message]], Future[T]]
    handle: Callable[[Sequence[Message], Produce, T], None]


def offsets_after(batch: Sequence[Message], partitions: int) -> list[TopicPartition]:
    """The offsets to commit: last + 1 of each partition in the batch, of which there are at most `partitions`."""
    after: dict[tuple[str | None, int | None], int] = {}
    for record in reversed(batch):
        partition = (record.topic(), record.partition())
        if partition not in after:
            after[partition] = (record.offset() or 0) + 1
            if len(after) == partitions:
                break
    return [TopicPartition(topic or "", partition or 0, offset) for (topic, partition), offset in after.items()]
