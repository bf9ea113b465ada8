"""Columns of a record's headers."""

from __future__ import annotations

import pytest

from streamguard.engine.execution.topology import Record
from streamguard.errors import AnalysisError
from tests.engine.records import applied, run

ALL = "CREATE STREAM i (k STRING KEY, a INT, h ARRAY<STRUCT<key STRING, value BYTES>> HEADERS) "
ALL += "WITH (kafka_topic='i', value_format='JSON');"
NAMED = "CREATE STREAM i (k STRING KEY, h1 BYTES HEADER('one'), a INT, h2 BYTES HEADER('two')) "
NAMED += "WITH (kafka_topic='i', value_format='JSON');"
WITH = "(kafka_topic='i', value_format='JSON')"
GIVEN = [("one", b"!"), ("one", b"#"), ("", None)]


def test_all_headers_are_an_array_and_go_on_with_the_result() -> None:
    text = "\n".join([ALL, "CREATE STREAM o AS SELECT *, ARRAY_LENGTH(h) AS n FROM i;"])
    written = run(applied(text), "i", [Record(b'{"a":1}', b"k", with_headers=GIVEN), Record(b'{"a":2}', b"k")])
    first, second = written.values("O")
    shown = [{"KEY": "one", "VALUE": "IQ=="}, {"KEY": "one", "VALUE": "Iw=="}, {"KEY": "", "VALUE": None}]
    assert (first, second) == ({"A": 1, "H": shown, "N": 3}, {"A": 2, "H": [], "N": 0})
    assert [record.with_headers for record in written.to("O")] == [GIVEN, None]


def test_a_named_header_is_the_last_of_that_name() -> None:
    text = "\n".join([NAMED, "CREATE STREAM o AS SELECT k, h1, h2 FROM i;"])
    written = run(applied(text), "i", [Record(b'{"a":1}', b"k", with_headers=GIVEN), Record(b'{"H1":"IQ=="}', b"k")])
    assert written.values("O") == [{"H1": "Iw==", "H2": None}, {"H1": None, "H2": None}]


def test_headers_filter_group_and_make_keys() -> None:
    text = "\n".join(
        [
            ALL,
            """
        CREATE STREAM filtered AS SELECT k, a FROM i WHERE h[1]->key = 'one';
        CREATE TABLE counted AS SELECT h[1]->key AS name, COUNT(*) AS n FROM i GROUP BY h[1]->key;
        CREATE STREAM keyed WITH (key_format='JSON') AS SELECT h[1]->value AS v, a FROM i PARTITION BY h[1]->value;
    """,
        ]
    )
    records = [Record(b'{"a":1}', b"k", with_headers=GIVEN), Record(b'{"a":2}', b"k", with_headers=[("x", b"y")])]
    written = run(applied(text), "i", records)
    assert written.values("FILTERED") == [{"A": 1}]
    assert [(each.raw_key, each.raw_value) for each in written.to("COUNTED")] == [
        (b"one", b'{"N":1}'),
        (b"x", b'{"N":1}'),
    ]
    assert [each.raw_key for each in written.to("KEYED")] == [b'"IQ=="', b'"eQ=="']


def test_they_stand_behind_the_other_columns() -> None:
    metastore = applied(NAMED)
    assert (
        metastore.sources["I"].schema()
        == "`K` STRING KEY, `A` INTEGER, `H1` BYTES HEADER('one'), `H2` BYTES HEADER('two')"
    )
    assert [field["name"] for field in metastore.sources["I"].fields()] == ["K", "A", "H1", "H2"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            "a INT HEADERS",
            "Invalid type for HEADERS column: expected ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>>, got INTEGER",
        ),
        ("a INT HEADER('x')", "Invalid type for HEADER('x') column: expected BYTES, got INTEGER"),
        ("a BYTES HEADER('x'), b BYTES HEADER('x')", "Schema already contains a HEADER('x') column."),
        (
            "a BYTES HEADER('x'), b ARRAY<STRUCT<key STRING, value BYTES>> HEADERS",
            "Schema already contains a HEADERS column.",
        ),
        ("a INT, a BYTES HEADER('x')", "Duplicate value columns found in schema: `A` BYTES"),
    ],
)
def test_what_a_column_of_headers_can_not_be(columns: str, told: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        applied(f"CREATE STREAM i (k STRING KEY, {columns}) WITH {WITH};")
    assert told in str(refused.value)


def test_nothing_is_inserted_into_them() -> None:
    text = "\n".join([NAMED, "CREATE STREAM j (k STRING KEY, a INT) WITH (kafka_topic='j', value_format='JSON');"])
    with pytest.raises(AnalysisError, match="Cannot insert into I because it has header columns"):
        applied("\n".join([text, "INSERT INTO i SELECT * FROM j;"]))
