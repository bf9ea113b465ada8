"""Which partitions have records from an offset on: found by reading, since offsets alone do not tell.

The end of a transaction takes an offset too, and an aborted record keeps its own. So a group that has read everything
may be behind the end for ever, and only a reader of committed records knows whether anything is left for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streamguard.kafka import clients
from streamguard.kafka.reader import GROUP
from streamguard.model import Place
from streamguard.settings import Settings

SECONDS = 10.0
BATCH = 500
LITTLE: dict[str, Any] = {
    "enable.partition.eof": True,
    "fetch.message.max.bytes": 4_096,
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 1_024,
}


def with_records(settings: Settings, starts: Mapping[Place, int]) -> set[Place]:
    """The partitions that have a committed record at their offset or later. One that does not answer in time counts."""
    if not starts:
        return set()
    consumer = clients.consumer(settings, GROUP, **LITTLE)
    open_, found, end = dict(starts), set[Place](), time.monotonic() + SECONDS
    try:
        with clients.translated(settings):
            consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in starts.items()])
            while open_ and time.monotonic() < end:
                for message in consumer.consume(BATCH, 0.2):
                    place = (message.topic() or "", message.partition() or 0)
                    error = message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    if open_.pop(place, None) is not None:
                        consumer.incremental_unassign([TopicPartition(*place)])
                        if error is None:
                            found.add(place)
    finally:
        consumer.close()
    return found | open_.keys()
