"""The processing log has ksqlDB's shape, says where a record stands, and never what is in it."""

from __future__ import annotations

from typing import Any

import orjson

from streamguard.engine.execution.topology import Record
from streamguard.engine.runtime import processing_log
from tests.engine.records import applied, run

SQL = """
    CREATE STREAM i (k INT KEY, a INT, s STRING) WITH (kafka_topic='i', value_format='JSON');
    CREATE STREAM o AS SELECT k, CAST(s AS INT) AS n FROM i;
"""


class Placed(Record):
    """A record that knows its topic."""

    def topic(self) -> str:
        return "i"


def entries(record: Placed) -> list[Any]:
    written = run(applied(SQL), "i", [record])
    return [orjson.loads(processing_log.entry(record, query, reason, 7)) for query, reason in written.errors]


def test_a_value_that_does_not_fit_its_columns_is_a_deserialization_error() -> None:
    (made,) = entries(Placed(b'{"a": "secret"}', b"\0\0\0\1", position=5, in_partition=2))
    assert made["logger"] == "processing.CSAS_O_0.deserializer"
    assert (made["level"], made["time"], made["message"]["type"]) == ("ERROR", 7, 0)
    told = made["message"]["deserializationError"]
    assert (told["target"], told["topic"], told["partition"], told["offset"]) == ("value", "i", 2, 5)
    assert "requiredType: INTEGER, path: $.A" in told["errorMessage"]
    assert made["message"]["recordProcessingError"] is None


def test_a_key_that_does_not_fit_says_so() -> None:
    (made,) = entries(Placed(b"{}", b"secret!"))
    assert made["message"]["deserializationError"]["target"] == "key"


def test_an_expression_that_fails_is_a_processing_error() -> None:
    (made,) = entries(Placed(b'{"s": "secret"}', b"\0\0\0\1"))
    assert made["message"]["type"] == 1
    assert made["message"]["recordProcessingError"]["errorMessage"].startswith("N: ")
    assert "secret" not in orjson.dumps(made).decode()


def test_a_stream_over_the_log_reads_it() -> None:
    text = f"CREATE STREAM log ({processing_log.COLUMNS}) WITH (kafka_topic='log', value_format='JSON');"
    select = "CREATE STREAM o AS SELECT message->deserializationError->`topic` AS t, logger FROM log;"
    record = Placed(b'{"a": "secret"}', b"\0\0\0\1")
    ((query, reason),) = run(applied(SQL), "i", [record]).errors
    written = run(applied(text + select), "log", [Record(processing_log.entry(record, query, reason, 7))])
    assert written.values("O") == [{"T": "i", "LOGGER": "processing.CSAS_O_0.deserializer"}]
    assert processing_log.topic("bank") == "bankksql_processing_log"
