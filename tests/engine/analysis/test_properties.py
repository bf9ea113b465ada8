"""The WITH clause: what it means, and the words in which ksqlDB refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from streamguard.engine.analysis import properties
from streamguard.engine.analysis.metastore import FormatOptions, SourceWindow, TimestampColumn
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import Place
from streamguard.errors import AnalysisError

PLACE = Place(1, 1, 0, 1)


def understood(*, insert: bool = False, query: bool = False, **given: Any) -> properties.With:
    listed = [s.Property(name.upper(), value, place=PLACE) for name, value in given.items()]
    return properties.read(listed, lambda reason, _: AnalysisError(reason), insert=insert, query=query)


def test_every_property_has_its_meaning() -> None:
    made = understood(
        kafka_topic="t",
        format="delimited",
        partitions="3",
        replicas=1,
        key_delimiter="TAB",
        value_delimiter=";",
        timestamp="ts",
        timestamp_format="yyyy-MM-dd",
        window_type="tumbling",
        window_size="10 seconds",
        retention_ms=5,
    )
    assert (made.topic, made.key_format, made.value_format) == ("t", "DELIMITED", "DELIMITED")
    assert (made.partitions, made.replicas, made.retention_ms) == (3, 1, 5)
    assert made.key_options == FormatOptions("\t")
    assert made.value_options == FormatOptions(";")
    assert made.timestamp == TimestampColumn("TS", "yyyy-MM-dd")
    assert made.window == SourceWindow("TUMBLING", 10_000)
    assert understood(wrap_single_value="false").value_options.wrap is False
    assert understood(timestamp="`ts`").timestamp == TimestampColumn("ts")
    assert understood(query_id="q", insert=True).query_id == "q"
    assert understood(window_type="session").window == SourceWindow("SESSION")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kafka_topik": "t"}, "Invalid config variable(s) in the WITH clause: KAFKA_TOPIK (did you mean KAFKA_TOPIC?)"),
    ({"value_format": "FOO"}, "Unknown format: FOO"),
    ({"key_format": "JSN"}, "Unknown format: JSN (did you mean JSON?)"),
    ({"value_format": "avro"}, "VALUE_FORMAT 'AVRO' is not supported yet by the embedded engine"),
    ({"format": "JSON", "key_format": "KAFKA"}, "Cannot supply both 'KEY_FORMAT' and 'FORMAT' properties, as 'FORMAT'"),
    ({"format": "JSON", "value_format": "JSON"}, "Cannot supply both 'VALUE_FORMAT' and 'FORMAT' properties"),
    ({"value_delimiter": ""}, "Configuration VALUE_DELIMITER is invalid: Delimiter cannot be empty, if you meant"),
    ({"key_delimiter": "<>"}, "Configuration KEY_DELIMITER is invalid: Invalid delimiter value: '<>'."),
    ({"value_format": "JSON", "value_delimiter": ";"}, "JSON does not support the following configs: [delimiter]"),
    (
        {"format": "JSON", "value_schema_full_name": "x"},
        "JSON does not support the following configs: [fullSchemaName]",
    ),
    (
        {"value_format": "JSON", "value_schema_id": 1},
        "VALUE_FORMAT should support schema inference when VALUE_SCHEMA_ID",
    ),
    ({"partitions": "many"}, "Invalid value many for configuration PARTITIONS: Not a number of type INT"),
    ({"partitions": 0}, "Invalid value 0 for configuration PARTITIONS"),
    ({"partitions": True}, "Invalid value true for configuration PARTITIONS"),
    ({"replicas": 2**31}, "for configuration REPLICAS"),
    ({"wrap_single_value": "maybe"}, "WRAP_SINGLE_VALUE: Expected value to be either true or false"),
    ({"kafka_topic": 1}, "Invalid value 1 for configuration KAFKA_TOPIC: Expected value to be a string"),
    (
        {"timestamp_format": "bogus"},
        "Invalid datetime format for config:TIMESTAMP_FORMAT, reason:Unknown pattern letter",
    ),
    ({"window_type": "tumbling"}, "TUMBLING windows require 'WINDOW_SIZE' to be provided in the WITH clause."),
    ({"window_type": "session", "window_size": "1 DAY"}, "'WINDOW_SIZE' should not be set for SESSION windows."),
    ({"window_type": "sliding"}, "Invalid value sliding for configuration WINDOW_TYPE: String must be one of"),
    (
        {"window_type": "hopping", "window_size": "3 bobs"},
        "Configuration WINDOW_SIZE is invalid: Invalid duration: '3 bobs'. Unknown time unit: 'BOBS'",
    ),
    ({"window_type": "hopping", "window_size": "x days"}, "Not numeric: 'x'"),
    ({"cleanup_policy": "compact"}, "Users can't set the CLEANUP_POLICY config manually"),
    ({"query_id": "q"}, "Invalid config variable(s) in the WITH clause: QUERY_ID"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=lambda each: str(each)[:50])
def test_what_a_property_does_not_take_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        understood(**given)
    assert words in str(caught.value)


def test_windows_are_not_declared_for_a_query() -> None:
    with pytest.raises(AnalysisError, match="WINDOW_TYPE"):
        understood(window_type="session", query=True)


def test_a_property_stands_once() -> None:
    twice = [s.Property("PARTITIONS", 1, place=PLACE)] * 2
    with pytest.raises(AnalysisError, match="given twice"):
        properties.read(twice, lambda reason, _: AnalysisError(reason))
