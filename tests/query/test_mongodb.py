"""What MongoDB answers, as rows and as sentences."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo.errors import ConfigurationError, OperationFailure, ServerSelectionTimeoutError

from streamguard.errors import QueryError
from streamguard.project import find_project
from streamguard.query import mongodb
from streamguard.query.files import find_query
from streamguard.query.mongodb import shape
from streamguard.settings import load

pytestmark = pytest.mark.slow

PROJECT = find_project(Path(__file__))
QUERY = find_query(PROJECT, "fraud-report")
BANK = PROJECT.pipeline("bank")


def test_every_row_has_every_column_in_the_order_of_the_query() -> None:
    rows = shape([{"b": 1}, {"a": 2, "b": 3}], ("a", "b"))
    assert rows.columns == ("a", "b")
    assert [list(row.items()) for row in rows.rows] == [[("a", None), ("b", 1)], [("a", 2), ("b", 3)]]


def test_without_named_columns_they_come_from_the_documents() -> None:
    assert shape([{"b": 1}, {"a": 2}]).columns == ("b", "a")
    assert shape([]).rows == []


def test_types_of_bson_become_plain_ones() -> None:
    number = ObjectId("0123456789ab0123456789ab")
    [row] = shape([{"n": Int64(3), "d": Decimal128("1.20"), "o": number}]).rows
    assert type(row["n"]) is int
    assert row == {"n": 3, "d": Decimal("1.20"), "o": "0123456789ab0123456789ab"}


def test_a_server_that_does_not_answer_is_named_within_seconds_and_without_the_uri(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    uri = f"mongodb://anna:geheim@127.0.0.1:{unused_tcp_port}/"
    settings = load(tmp_path, environ={"STREAMGUARD_MONGODB_URI": uri})
    with pytest.raises(QueryError, match="MongoDB does not answer") as caught:
        mongodb.run(QUERY, BANK, settings)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("uri", ["mongodb://anna:ge@heim@host/", "http://geheim", "mongodb://h:geheim/"])
def test_a_malformed_uri_is_refused_without_being_quoted(tmp_path: Path, uri: str) -> None:
    settings = load(tmp_path, environ={"STREAMGUARD_MONGODB_URI": uri})
    with pytest.raises(QueryError, match="STREAMGUARD_MONGODB_URI is not a MongoDB URI") as caught:
        mongodb.run(QUERY, BANK, settings)
    assert "heim@" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_refusal_says_its_kind_and_no_value_of_a_document() -> None:
    failure = OperationFailure("Failed to parse 'Anna'", 241, {"codeName": "ConversionFailure"})
    assert str(mongodb._refused(QUERY, failure)).endswith("refuses the aggregation: ConversionFailure (code 241)")
    assert "refuses the user" in str(mongodb._refused(QUERY, OperationFailure("no", 18, {})))
    assert "is the stack up" in str(mongodb._refused(QUERY, ServerSelectionTimeoutError("geheim")))
    unknown = ConfigurationError("The DNS query name does not exist: _mongodb._tcp.c.ab1cd.mongodb.net.")
    assert str(mongodb._refused(QUERY, unknown)).startswith("nobody knows the host of MongoDB: ")
    yours = str(mongodb._refused(QUERY, ServerSelectionTimeoutError("geheim"), "external"))
    assert yours.startswith("MongoDB does not answer: see that STREAMGUARD_MONGODB_URI, or MY_MONGODB_CLUSTER, is its")


def test_a_pipeline_without_a_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="names no MongoDB database"):
        mongodb.run(QUERY, replace(BANK, mongodb_database=None), load(tmp_path, environ={}))
