"""The yardstick of windows: a count per account and minute with a changelog, written by hand for this one case.

The same work as the statements in `benchmarks.windowed`: one decode a record, a result for each, the counts that a
batch changed in a compacted topic, exactly once. It restores nothing, forgets no window and takes no late record apart.
Ends when it has committed `count` records.

    python -m benchmarks.handwritten_window BOOTSTRAP GROUP COUNT
"""

from __future__ import annotations

import struct
import sys
from collections import defaultdict
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

SOURCE = "bench-payments"
RESULT = "handwritten-counts"
CHANGELOG = "handwritten-changelog"
MINUTE = 60_000

PACK = struct.Struct(">q").pack


def count_payments(bootstrap: str, group: str, count: int) -> None:
    """Read, count, write, commit until `count` records are through."""
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
    consumer.subscribe([SOURCE])
    produce = producer.produce
    windows: defaultdict[tuple[int, int], dict[bytes, int]] = defaultdict(dict)
    done = 0
    while done < count:
        messages: list[Any] = consumer.consume(10_000, timeout=0.5)
        if not messages:
            continue
        producer.begin_transaction()
        positions: dict[int, int] = {}
        changed: dict[tuple[int, int, bytes], int] = {}
        for message in messages:
            row = orjson.loads(message.value())
            if row["amount"] is not None:
                account, partition, (_, time) = message.key(), message.partition(), message.timestamp()
                start = time - time % MINUTE
                rows = windows[partition, start]
                number = rows[account] = rows.get(account, 0) + 1
                changed[partition, start, account] = number
                produce(RESULT, orjson.dumps({"PAYMENTS": number}), account + PACK(start), timestamp=time)
            positions[message.partition()] = message.offset() + 1
            done += 1
        for (partition, start, account), number in changed.items():
            produce(CHANGELOG, b"%d" % number, PACK(start) + account, partition)
        offsets = [TopicPartition(SOURCE, partition, offset) for partition, offset in positions.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()


if __name__ == "__main__":
    count_payments(sys.argv[1], sys.argv[2], int(sys.argv[3]))
