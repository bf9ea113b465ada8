"""Offsets of partitions, as the brokers list them: the first, the next, or those of a time."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamguard.model import Place


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
    asked = {TopicPartition(topic, number): spec for topic, number in places}
    if not asked:
        return {}
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    answers = admin.list_offsets(asked, isolation_level=level, request_timeout=seconds)
    return {(at.topic, at.partition): answer.result(wait).offset for at, answer in answers.items()}
