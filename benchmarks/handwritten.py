"""The yardstick: the bank pipeline's routing as an engineer would write it by hand for this one case.

One decode, one flat result and two users a record, batches of 10,000, lz4, exactly once. It does the same work as
`ksql/bank/*.sql` and nothing else: no schema, no coercion, no errors. Ends when it has committed `count` records.

    python -m benchmarks.handwritten BOOTSTRAP GROUP COUNT
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

SOURCE = "fraudulent-transactions"
RESULT = "handwritten-result"
USERS = "handwritten-users"


def user(details: dict[str, Any]) -> bytes:
    """A user record, as the statements write it."""
    return orjson.dumps(
        {
            "ID": details["id"],
            "NAME": details["name"],
            "ADDRESS": details["address"],
            "EMAIL": details["email"],
            "BIRTHDATE": details["birthdate"],
            "PHONE_NUMBER": details["phone_number"],
            "JOB": details["job"],
            "COMPANY": details["company"],
            "SSN": details["ssn"],
            "BLOOD_GROUP": details["blood_group"],
            "WEBSITE": details["website"],
            "USERNAME": details["username"],
            "BANK_ACCOUNT": details["bank_account"],
            "SOURCE_PROCESS": "ksql",
        }
    )


def result(row: dict[str, Any]) -> bytes:
    """The flat result of a transaction."""
    return orjson.dumps(
        {
            "TRANSACTION_ID": row["transaction_id"],
            "SENDER_BANK_ACCOUNT": row["sender_bank_account"],
            "SENDER_ID": row["sender_details"]["id"],
            "RECEIVER_BANK_ACCOUNT": row["receiver_bank_account"],
            "RECEIVER_ID": row["receiver_details"]["id"],
            "AMOUNT": row["amount"],
            "STATUS": row["status"],
            "EVALUATION": row["evaluation"],
            "TRANSFER_DATE": row["transfer_date"],
            "SENDER_BANK": row["sender_bank"],
            "SOURCE_PROCESS": "ksql",
        }
    )


def route(bootstrap: str, group: str, count: int) -> None:
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
    consumer.subscribe([SOURCE])
    produce = producer.produce
    done = 0
    while done < count:
        messages: list[Any] = consumer.consume(10_000, timeout=0.5)
        if not messages:
            continue
        producer.begin_transaction()
        positions: dict[int, int] = {}
        for message in messages:
            row = orjson.loads(message.value())
            _, time = message.timestamp()
            positions[message.partition()] = message.offset() + 1
            produce(RESULT, result(row), row["transaction_id"].encode(), timestamp=time)
            for details in (row["sender_details"], row["receiver_details"]):
                produce(USERS, user(details), details["id"].encode(), timestamp=time)
            done += 1
        offsets = [TopicPartition(SOURCE, partition, offset) for partition, offset in positions.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()


if __name__ == "__main__":
    route(sys.argv[1], sys.argv[2], int(sys.argv[3]))
