"""Dead letters: a record that can not be handled goes on unchanged, with headers that say where, why and from whom.

It is written in the transaction that also commits the offset of the record, so it is there exactly once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamguard.errors import RecordRefused

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streamguard.kafka.exactly_once.produce import Headers, Produce

SUFFIX = "-dead-letter"
PREFIX = "sg-dlq-"
REPLAYS = "sg-replays"
"""The header by which a replayed record says how often it was: the only thing that a replay adds."""
MAX_REPLAYS = 3
"""How often a record is replayed: one that came back as often is refused for what no replay cures."""
CODES = (
    "E_CHANNEL",
    "E_DATABASE",
    "E_DATE",
    "E_DUPLICATE",
    "E_EMPTY",
    "E_EVALUATION",
    "E_JSON",
    "E_KEY",
    "E_RANGE",
    "E_REFUSED",
    "E_SCHEMA",
    "E_TEXT",
    "E_VALIDATOR",
)
"""What services refuse records with."""


def topic_for(topic: str) -> str:
    """The dead-letter topic of a topic."""
    return topic + SUFFIX


def write(produce: Produce, record: Message, refusal: RecordRefused, service: str) -> str:
    """Write `record` to its dead-letter topic, bytes, key, timestamp and headers unchanged; the topic's name."""
    topic = topic_for(record.topic() or "")
    produce(
        topic, record.value(), record.key(), time_of(record), [*headers_of(record), *_story(record, refusal, service)]
    )
    return topic


def headers_of(record: Message) -> Headers:
    """The headers of a record; an empty list if there are none."""
    return list(record.headers() or ())  # type: ignore[arg-type]


def time_of(record: Message) -> int | None:
    """The timestamp of a record in milliseconds since 1970, None if it has none."""
    time: int = record.timestamp()[1]
    return time if time >= 0 else None


def _story(record: Message, refusal: RecordRefused, service: str) -> Headers:
    facts = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "code": refusal.code,
        "reason": str(refusal),
        "service": service,
    }
    return [(PREFIX + name, str(fact).encode()) for name, fact in facts.items()]
