"""The Athena SQL on DuckDB: what it reads, what it may not do, and the view with each user once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from streamguard.errors import CatalogError, QueryError
from streamguard.project import find_project
from streamguard.query import lake
from streamguard.query.files import Query, find_query, projected_columns, queries, read_aggregation
from streamguard.settings import load

pytestmark = pytest.mark.slow

PROJECT = find_project(Path(__file__))
BANK = PROJECT.pipeline("bank")
QUERY = find_query(PROJECT, "fraud-report")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the bank pipeline's tables, empty, and its views."""
    assert BANK.lake is not None
    with duckdb.connect(config=dict(lake.CLOSED)) as opened:
        lake.prepare(opened, BANK.lake, QUERY.view_files)
        yield opened


def test_a_query_reads_the_columns_that_it_needs_and_no_others(connection: duckdb.DuckDBPyConnection) -> None:
    needed = lake.columns_read(connection, QUERY.athena_file)
    assert set(needed) == {"raw_fraudulent_transactions_result", "raw_users_log"}
    assert set(needed["raw_users_log"]) == {"id", "name", "address", "email", "_partition", "_offset"}
    assert "status" not in needed["raw_fraudulent_transactions_result"]


def test_a_query_reads_no_table_that_it_does_not_name(connection: duckdb.DuckDBPyConnection) -> None:
    banks = find_query(PROJECT, "fraud-by-bank")
    assert set(lake.columns_read(connection, banks.athena_file)) == {"raw_fraudulent_transactions_result"}


def test_counting_rows_reads_no_column(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "count.sql"
    path.write_text("SELECT count(*) AS n FROM raw_users_log;")
    assert lake.columns_read(connection, path) == {"raw_users_log": ()}
    assert lake.execute(connection, path).rows == [{"n": 0}]


def test_of_each_user_the_view_has_the_row_that_came_last(connection: duckdb.DuckDBPyConnection) -> None:
    for name, offset in (("new", 12), ("old", 3), ("older", 1)):
        connection.execute(
            "INSERT INTO raw_users_log BY NAME SELECT 'u' AS id, ? AS name, 2 AS _partition, ? AS _offset",
            [name, offset],
        )
    connection.execute(
        "INSERT INTO raw_users_log BY NAME SELECT 'v' AS id, 'other' AS name, 2 AS _partition, 99 AS _offset"
    )
    rows = connection.execute("SELECT id, name FROM raw_users ORDER BY id").fetchall()
    assert rows == [("u", "new"), ("v", "other")]


def test_a_transaction_whose_people_have_not_arrived_is_in_the_report(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "INSERT INTO raw_fraudulent_transactions_result BY NAME SELECT 't' AS transaction_id, 'u' AS sender_id"
    )
    [row] = lake.execute(connection, QUERY.athena_file).rows
    assert row["transaction_id"] == "t"
    assert row["sender_name"] is None


def test_a_limit_cuts_the_rows(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "INSERT INTO raw_fraudulent_transactions_result BY NAME SELECT 't' || range AS transaction_id FROM range(9)"
    )
    assert [row["transaction_id"] for row in lake.execute(connection, QUERY.athena_file, 2).rows] == ["t0", "t1"]


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('/etc/passwd')", "INSTALL httpfs", "SELECT * FROM 'https://example.org/x.parquet'"]
)
def test_a_query_reaches_neither_files_nor_the_network(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    path = tmp_path / "curious.sql"
    path.write_text(sql)
    with pytest.raises(QueryError, match=r"curious\.sql: "):
        lake.execute(connection, path)


def test_a_mistake_in_the_sql_is_one_sentence_with_the_file(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "typo.sql"
    path.write_text("SELECT amont FROM raw_fraudulent_transactions_result")
    with pytest.raises(QueryError, match=r'typo\.sql: Binder Error: .*"amont"') as caught:
        lake.columns_read(connection, path)
    assert "\n" not in str(caught.value)


def test_a_catalog_that_does_not_answer_is_named(tmp_path: Path, unused_tcp_port: int) -> None:
    variables = {"STREAMGUARD_S3_CATALOG": f"http://127.0.0.1:{unused_tcp_port}", "STREAMGUARD_S3_SECRET_KEY": "geheim"}
    settings = load(tmp_path, environ={**variables, "STREAMGUARD_S3_ACCESS_KEY": "name"})
    with pytest.raises(CatalogError, match=f"{unused_tcp_port} does not answer") as caught:
        lake.run(QUERY, BANK, settings)
    assert "geheim" not in str(caught.value)


def test_a_pipeline_without_a_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="names no lake"):
        lake.run(QUERY, replace(BANK, lake=None), load(tmp_path, environ={}))


BOTH = [query for query in queries(PROJECT) if {"mongodb", "duckdb"} <= {*query.engines}]


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
def test_both_languages_give_the_same_columns(connection: duckdb.DuckDBPyConnection, query: Query) -> None:
    wanted = projected_columns(read_aggregation(query.mongodb_file))
    assert lake.execute(connection, query.athena_file).columns == wanted
