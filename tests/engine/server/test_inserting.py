"""Rows of /inserts-stream as records."""

from __future__ import annotations

import pytest

from streamguard.engine.analysis.changes import change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.execution.inserts import Insertion
from streamguard.engine.language.parse import parse_one
from streamguard.engine.server.inserting import row_inserter
from streamguard.engine.server.rejection import Rejection


def inserted(columns: str, row: str, *, kind: str = "STREAM", target: str = "s") -> Insertion:
    statement = parse_one(
        f"CREATE {kind} S ({columns}) WITH (KAFKA_TOPIC='s', KEY_FORMAT='JSON', VALUE_FORMAT='JSON');"
    )
    metastore = change(statement, Metastore(), 1).metastore  # type: ignore[arg-type]
    return row_inserter(target, metastore)(row.encode(), 7)


def test_names_are_taken_in_any_case_and_in_back_quotes() -> None:
    made = inserted("k STRING KEY, a INT, `b` STRING", '{"`K`": "x", "A": 1, "`b`": "y"}', target="`S`")
    assert (made.key, made.value, made.time) == (b'"x"', b'{"A":1,"b":"y"}', 7)


@pytest.mark.parametrize("name", ["D", "`D`"])
def test_a_decimal_keeps_its_digits(name: str) -> None:
    made = inserted("d DECIMAL(38, 10)", f'{{"{name}": 1234567890123456789012345678.1234567890}}')
    assert made.value == b'{"D":1234567890123456789012345678.1234567890}'


def test_moments_are_taken_in_isos_form_and_as_numbers() -> None:
    columns = "d DATE, t TIME, ts TIMESTAMP"
    made = inserted(columns, '{"d": "1970-01-03", "`T`": "00:00:01", "TS": "1970-01-01T00:00:02"}')
    assert made.value == b'{"D":2,"T":1000,"TS":2000}'
    assert inserted(columns, '{"d": 2, "t": null, "ts": 3}').value == b'{"D":2,"T":null,"TS":3}'


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("[1]", "Failed to insert values into 'S'"),
        ("null", "a row must be a JSON object"),
        ('{"`k`": "\\ud800"}', "Failed to insert values into 'S'"),
        ('{"d": "tomorrow"}', "Failed to insert values into 'S'"),
        ('{"d": "1970-01-03"}', "Value for primary key column(s) K is required for tables"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(row: str, told: str) -> None:
    with pytest.raises(Rejection) as refused:
        inserted("k STRING PRIMARY KEY, d DATE", row, kind="TABLE")
    assert told in refused.value.message


def test_a_source_that_is_not_there_is_told_by_its_name() -> None:
    with pytest.raises(Rejection, match="Cannot insert values into an unknown stream: `OTHER`"):
        inserted("k INT", "{}", target="other")
