"""Addresses and errors of PostgreSQL: what is told, and that nothing secret is."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from streamguard.errors import PostgresError, PostgresUnavailable, ProjectError, SettingsError
from streamguard.model import Pipeline
from streamguard.postgres import connect as module
from streamguard.postgres.connect import (
    address,
    connect,
    connection_defaults,
    database_uri,
    explain,
    in_database,
    is_outage,
    open_pool,
    postgres_errors,
    require_extra,
)
from streamguard.settings import load
from streamguard.stack.ports import free_ports
from tests.stack.sentinels import POSTGRES, found_in, postgres_uri

URI = postgres_uri(5432, POSTGRES)


def parts(uri: str) -> dict[str, object]:
    return dict(psycopg.conninfo.conninfo_to_dict(uri))


def test_the_database_is_the_pipelines_unless_the_uri_has_one(tmp_path: Path) -> None:
    pipeline = Pipeline("card", postgres_database="card")
    local = load(tmp_path, environ={"STREAMGUARD_POSTGRES_URI": URI})
    assert parts(database_uri(local, pipeline))["dbname"] == "card"
    assert parts(database_uri(local, pipeline))["password"] == POSTGRES
    hosted = load(tmp_path, environ={"STREAMGUARD_POSTGRES_URI": f"{URI}theirs?sslmode=require"})
    assert parts(database_uri(hosted, pipeline))["dbname"] == "theirs"
    assert parts(database_uri(hosted, pipeline))["sslmode"] == "require"
    assert parts(in_database(f"{URI}theirs", "postgres", instead=True))["dbname"] == "postgres"


def test_a_pipeline_without_a_database_says_how_it_gets_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"init/bank\.yml names no PostgreSQL database: write `postgres: "):
        database_uri(load(tmp_path, environ={}), Pipeline("bank"))


@pytest.mark.parametrize(
    "uri",
    [
        f"postgresql://u:{POSTGRES}@h:1/d",
        "postgresql://u:p@ss@h/d",
        "postgresql://u:p/ss@h/d",
        "postgresql://u:p%zzss@h/d",
        f"mongodb://{POSTGRES}",
        POSTGRES,
    ],
)
def test_what_is_no_uri_is_refused_without_being_repeated(uri: str) -> None:
    with pytest.raises(SettingsError, match="STREAMGUARD_POSTGRES_URI is no PostgreSQL URI") as caught:
        address(uri)
    assert found_in(str(caught.value)) == []
    assert "ss@h" not in str(caught.value)


def test_an_address_has_neither_user_nor_password() -> None:
    assert address(f"{URI}card") == "127.0.0.1:5432/card"


def test_what_the_uri_says_comes_before_the_defaults() -> None:
    assert "connect_timeout" not in connection_defaults(f"{URI}?connect_timeout=1")
    assert connection_defaults(URI)["application_name"] == "streamguard"


def test_a_server_that_does_not_answer_is_told_with_its_address_only() -> None:
    (port,) = free_ports(1)
    with pytest.raises(PostgresUnavailable, match=f"PostgreSQL does not answer at 127.0.0.1:{port}/card: ") as caught:
        connect(in_database(postgres_uri(port, POSTGRES), "card"))
    assert found_in(repr(caught.value) + str(caught.value)) == []
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_pool_is_there_at_once_also_while_no_server_is() -> None:
    (port,) = free_ports(1)
    uri = postgres_uri(port, POSTGRES)
    with (
        open_pool(uri, 2, timeout=0.1) as pool,
        pytest.raises(PostgresUnavailable, match="does not answer"),
        postgres_errors(uri),
        pool.connection(),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg.errors.InsufficientPrivilege("secret"), "it needs the rights of the database's owner"),
        (psycopg.errors.TooManyConnections("secret"), "has no connection left: raise its max_connections"),
        (psycopg.errors.DiskFull("secret"), "has no room left on its disk"),
        (psycopg.errors.ReadOnlySqlTransaction("secret"), "name the primary server"),
        (psycopg.errors.UniqueViolation("secret"), r"refuses: UniqueViolation \(SQLSTATE 23505\)"),
        (psycopg.errors.InvalidTextRepresentation("secret"), r"refuses: InvalidTextRepresentation \(SQLSTATE 22P02\)"),
        (psycopg.OperationalError("secret"), "does not answer at"),
        (psycopg.errors.AdminShutdown("secret"), "does not answer at"),
    ],
)
def test_an_error_says_what_next_and_no_value(error: psycopg.Error, told: str) -> None:
    with pytest.raises(PostgresError, match=told) as caught:
        raise explain(error, URI)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (psycopg.OperationalError(), True),
        (psycopg.InterfaceError(), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.UndefinedTable(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (PoolTimeout(), True),
        (psycopg.errors.NumericValueOutOfRange(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.ProgramLimitExceeded(), False),
        (ValueError(), False),
    ],
)
def test_an_outage_is_waited_for_and_a_fault_of_the_data_is_not(error: Exception, outage: bool) -> None:
    assert is_outage(error) is outage


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(PostgresError, match=r"needs the package psycopg: pip install 'streamguard\[postgres\]'"):
        address(URI)
    monkeypatch.setattr(module, "EXTRA", ("streamguard_no_such_package",))
    with pytest.raises(PostgresError, match="needs the package streamguard_no_such_package: pip install"):
        require_extra()
