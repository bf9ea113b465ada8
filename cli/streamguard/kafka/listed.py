"""Offsets of partitions, as the brokers list them: the first, the next, or those of a time."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamguard.model import Place

UNLED = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
    }
)
"""What is said of a partition that is new, or has another leader than before: librdkafka does not ask again."""
PAUSE = 0.05
"""Seconds before those partitions are asked for again."""


def listed(
    admin: AdminClient,
    places: Iterable[Place],
    spec: OffsetSpec,
    *,
    seconds: float,
    wait: float,
    committed: bool = True,
) -> dict[Place, int]:
    """The offset of each partition that `spec` means; -1 for a time after which there is no record.

    The brokers have `seconds` to answer, the answer `wait` seconds to be here: TimeoutError. `committed`: the next
    offset is that of the first open transaction, if there is one.
    """
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    end, found = time.monotonic() + seconds, dict[Place, int]()
    left = [TopicPartition(topic, number) for topic, number in places]
    while left:
        answers = admin.list_offsets(dict.fromkeys(left, spec), isolation_level=level, request_timeout=seconds)
        left = []
        for at, answer in answers.items():
            try:
                found[at.topic, at.partition] = answer.result(wait).offset
            except KafkaException as exc:
                if exc.args[0].code() not in UNLED or time.monotonic() > end:
                    raise
                left.append(at)
        time.sleep(PAUSE if left else 0)
    return found
