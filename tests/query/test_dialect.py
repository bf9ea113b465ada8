"""The SQL that ships is Athena's, and its DDL says what init/ says."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from streamguard.project import find_project

PROJECT = find_project(Path(__file__))
QUERIES = sorted(PROJECT.init.glob("*/queries/*.athena.sql"))
TABLES = sorted(PROJECT.init.glob("*/athena/tables/*.sql"))
VIEWS = sorted(PROJECT.init.glob("*/athena/views/*.sql"))
ATHENA_TYPES = {"int": "int", "long": "bigint"}  # the others have one name in both


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
@pytest.mark.parametrize("dialect", ["athena", "trino"])
def test_a_query_is_one_select_with_a_stable_order(path: Path, dialect: str) -> None:
    [statement] = sqlglot.parse(path.read_text(), dialect=dialect)
    assert isinstance(statement, exp.Select)
    assert statement.args.get("order") is not None


@pytest.mark.parametrize("path", sorted(PROJECT.init.glob("*/queries/*.postgres.sql")), ids=lambda path: path.name)
def test_a_query_of_postgresql_is_one_select_that_ends_as_psql_wants(path: Path) -> None:
    [statement] = sqlglot.parse(path.read_text(), dialect="postgres")
    assert isinstance(statement, exp.Select)
    assert path.read_text().endswith(";\n")


@pytest.mark.parametrize("path", [*TABLES, *VIEWS], ids=lambda path: path.name)
def test_ddl_is_one_create_statement_named_like_its_file(path: Path) -> None:
    [statement] = sqlglot.parse(path.read_text(), dialect="athena")
    assert isinstance(statement, exp.Create)
    table = statement.find(exp.Table)
    assert table is not None
    assert table.name == path.stem


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_the_tables_of_athena_are_those_of_init(path: Path) -> None:
    lake = PROJECT.pipeline(path.parent.parent.parent.name).lake
    assert lake is not None
    [table] = [table for table in lake.tables if table.name == path.stem]
    [statement] = sqlglot.parse(path.read_text(), dialect="athena")
    assert statement is not None
    columns = [
        (column.name, column.args["kind"].sql(dialect="hive").lower()) for column in statement.find_all(exp.ColumnDef)
    ]
    assert columns == [(column.name, ATHENA_TYPES.get(column.type, column.type)) for column in table.columns]


def test_every_table_of_a_lake_has_its_ddl() -> None:
    for name in PROJECT.pipelines():
        lake = PROJECT.pipeline(name).lake
        ddl = {path.stem for path in TABLES if path.parent.parent.parent.name == name}
        assert ddl == {table.name for table in (lake.tables if lake else ())}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_names_that_begin_with_an_underscore_are_quoted_as_athena_wants(path: Path) -> None:
    assert "`_partition`" in path.read_text()
    assert "`_offset`" in path.read_text()
