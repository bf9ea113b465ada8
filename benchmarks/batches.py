"""What the hand-written yardsticks share: batches of 10,000, lz4, exactly once, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

Write = Callable[[list[Any], Callable[..., None]], dict[int, int]]
"""Writes what a batch gives, with a producer's `produce`: the next offset of each partition in it."""


def run(bootstrap: str, group: str, source: str, count: int, write: Write) -> None:
    """Read, write, commit until `count` records are through."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "queued.min.messages": 200_000,
            "fetch.message.max.bytes": 10_485_760,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": group,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "retry.backoff.ms": 5,  # Kafka answers "not yet" to the offsets of a transaction that follows closely
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    consumer.subscribe([source])
    done = 0
    while done < count:
        messages: list[Any] = consumer.consume(10_000, timeout=0.5)
        if not messages:
            continue
        producer.begin_transaction()
        positions = write(messages, producer.produce)
        done += len(messages)
        offsets = [TopicPartition(source, partition, offset) for partition, offset in positions.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()
