"""ksqlDB's processing log: a topic that says which records a query could not take, and why.

The records are shaped as ksqlDB's, so that a stream declared over its log reads ours; they tell the record's place as
well, and never its content. They are written in the transaction of the batch: what was skipped is told exactly once.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from streamguard.engine.codecs.errors import Misfit

DESERIALIZATION, PROCESSING = 0, 1
PLACE = "`topic` VARCHAR, `partition` INT, `offset` BIGINT"
COLUMNS = (
    "logger VARCHAR, level VARCHAR, time BIGINT, message STRUCT<type INT, "
    f"deserializationError STRUCT<target VARCHAR, errorMessage VARCHAR, recordB64 VARCHAR, cause ARRAY<VARCHAR>, "
    f"{PLACE}>, "
    f"recordProcessingError STRUCT<errorMessage VARCHAR, record VARCHAR, cause ARRAY<VARCHAR>, {PLACE}>>"
)
"""The columns of a stream over the log."""


class Placed(Protocol):
    """The part of `confluent_kafka.Message` that says where a record stands."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...


def topic(service_id: str) -> str:
    """The name of the log's topic, as ksqlDB has it by default."""
    return f"{service_id}ksql_processing_log"


def entry(record: Placed, query_id: str, reason: str, now: int) -> bytes:
    """A record of the log; `now` in milliseconds. `reason` is what `compile.OnError` is given."""
    place = {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()}
    undecodable: dict[str, Any] | None = None
    unprocessed: dict[str, Any] | None = None
    logger = f"processing.{query_id}"
    if isinstance(reason, Misfit):
        undecodable = {"target": reason.target, "errorMessage": reason, "recordB64": None, "cause": [], **place}
        logger += ".deserializer"
    else:
        unprocessed = {"errorMessage": reason, "record": None, "cause": [], **place}
    message = {
        "type": PROCESSING if undecodable is None else DESERIALIZATION,
        "deserializationError": undecodable,
        "recordProcessingError": unprocessed,
        "productionError": None,
        "serializationError": None,
        "kafkaStreamsThreadError": None,
    }
    return orjson.dumps({"level": "ERROR", "logger": logger, "time": now, "message": message})
