"""PostgreSQL of the local stack: who may come in, what a kill costs, its schema, and the queries that ship."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from streamguard.commands import run
from streamguard.errors import PostgresError, QueryError
from streamguard.model import Pipeline
from streamguard.postgres.connect import connect, database_uri, in_database
from streamguard.postgres.migrate import migrate, upgrade
from streamguard.postgres.schema import METADATA
from streamguard.query.files import Query, queries
from streamguard.query.postgres import run as ask
from streamguard.settings import Settings
from streamguard.stack import postgres as local
from streamguard.stack.stack import Stack
from tests.containers.composition import services
from tests.stack.loops import wait_until
from tests.stack.postgres import binary
from tests.stack.sentinels import POSTGRES, WRONG, found_in, postgres_uri

PIPELINE = Pipeline("card", postgres_database="card")
ROWS = """
INSERT INTO transactions SELECT 't' || n, 'a' || n % 3, 'c', 'u', 'm', 'fuel', 'DE', n, 'EUR',
  timestamptz '2026-01-01 00:00:00Z' + n * interval '1 minute', n % 3 = 0, n % 2, n FROM generate_series(0, 9) AS n;
INSERT INTO fraud_alerts SELECT rule || ':t' || n, rule, 'because', points, 'REVIEW', 'ksql', 'a' || n % 3, 'c', 'u',
  ARRAY['t' || n], 4000, n, 2, NULL, NULL, timestamptz '2026-01-01 00:30:00Z' + n * interval '1 hour', 0, n
  FROM generate_series(1, 3) AS n, (VALUES ('HIGH_AMOUNT', 2), ('RISK', 5)) AS rules (rule, points);
INSERT INTO account_totals SELECT account_id, kafka_partition, count(*), sum(amount) * 10000, 0,
  count(*) FILTER (WHERE is_fraud), coalesce(sum(amount * 10000) FILTER (WHERE is_fraud), 0), min(event_time),
  max(event_time), 0, 0, 0, '' FROM transactions GROUP BY 1, 2;
INSERT INTO daily_totals SELECT event_time::date, currency, kafka_partition, count(*), sum(amount), 0,
  count(*) FILTER (WHERE is_fraud), coalesce(sum(amount) FILTER (WHERE is_fraud), 0) FROM transactions GROUP BY 1, 2, 3;
INSERT INTO rule_totals SELECT rule, kafka_partition, count(*) FROM fraud_alerts GROUP BY 1, 2;
"""


@pytest.fixture(scope="module")
def running(stack: Stack) -> Stack:
    """The stack, with PostgreSQL up."""
    stack.start(["postgres"])
    return stack


@pytest.fixture(scope="module")
def uri(running: Stack) -> str:
    """The database of the pipeline card, migrated, with rows that a decider could have written."""
    uri = database_uri(running.settings, PIPELINE)
    migrate(uri)
    with connect(uri) as connection:
        connection.execute("TRUNCATE " + ", ".join(METADATA.tables))
        connection.execute(ROWS)
    return uri


@pytest.fixture
def server(running: Stack) -> Iterator[psutil.Process]:
    yield psutil.Process(pid(running))


def pid(stack: Stack) -> int:
    return stack.supervisor.processes()["postgres"].pid


def psql(settings: Settings, file: Path) -> list[list[str]]:
    """What psql prints when the file is pasted into it: the cells of each row. The password is in its environment."""
    given = {
        "HOST": "127.0.0.1",
        "PORT": settings.postgres_port,
        "DATABASE": "card",
        "USER": "streamguard",
        "TZ": "UTC",
    }
    environment = {**{f"PG{name}": str(value) for name, value in given.items()}, "PGPASSWORD": POSTGRES}
    command = [local.program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(command, input=file.read_text(), env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("|") for line in done.stdout.splitlines()]


def test_the_server_listens_on_the_loopback_only_and_does_not_run_as_root(server: psutil.Process) -> None:
    listening = [one.laddr for one in server.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert server.uids().effective != 0


def test_who_has_the_generated_password_owns_what_he_makes_and_no_more(uri: str) -> None:
    with connect(uri) as connection:
        roles = connection.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin").fetchall()
        assert sorted(roles) == [("postgres", True), ("streamguard", False)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY transactions TO PROGRAM 'cat'")


@pytest.mark.parametrize("user", ["streamguard", "postgres"])
def test_nobody_comes_in_without_it_and_the_refusal_repeats_nothing(running: Stack, user: str) -> None:
    wrong = postgres_uri(running.settings.postgres_port, WRONG).replace("streamguard", user)
    with pytest.raises(PostgresError, match="refuses the user of STREAMGUARD_POSTGRES_URI") as caught:
        connect(in_database(wrong, "card"))
    assert found_in(repr(caught.value) + str(caught.value)) == []


@pytest.mark.usefixtures("uri")
def test_the_password_is_in_no_argument_no_environment_and_no_file_of_the_server(
    running: Stack, server: psutil.Process
) -> None:
    for process in (server, *server.children()):
        assert found_in("\n".join([*process.cmdline(), *process.environ().values()])) == []
    folders = (local.folder(running.settings), running.places.logs, running.places.run)
    texts = {path.name: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert "postgres.role" in texts
    assert {name: found for name, text in texts.items() if (found := found_in(text))} == {}


def test_the_tables_are_those_that_the_schema_says_and_migrating_again_changes_nothing(uri: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(uri), poolclass=NullPool)
    options: dict[str, Any] = {"compare_server_default": True, "compare_type": True}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
    assert migrate(uri) is False


def test_a_database_of_a_newer_version_is_left_alone(running: Stack) -> None:
    newer = in_database(running.settings.postgres_uri, "newer")
    assert migrate(newer)
    with connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(PostgresError, match="has the tables of a newer streamguard"):
        migrate(newer)


def test_decisions_of_an_older_version_keep_the_profile_that_they_met(running: Stack) -> None:
    older = in_database(running.settings.postgres_uri, "older")
    with connect(in_database(older, "postgres", instead=True), autocommit=True) as connection:
        connection.execute("CREATE DATABASE older")
    upgrade(older, "0001")
    profile = '{"total": 1e+20, "highest": 7.1, "last_time": %s, "last_country": %s, "transactions": 3}'
    row = "INSERT INTO fraud_decisions VALUES (%s, 'd', 1, 'approve', '[]', '{}', 0, 'low', 'v', %s, false, now())"
    with connect(older) as connection:
        connection.execute(row, ["t-1", profile % (5, '"DE"')])
        connection.execute(row, ["t-2", profile % ("null", "null")])
    assert migrate(older)
    with connect(older) as connection:
        columns = "profile_transactions, profile_total, profile_highest, profile_last_time, profile_last_country"
        rows = connection.execute(f"SELECT {columns} FROM fraud_decisions ORDER BY transaction_id").fetchall()  # noqa: S608
    assert rows == [(3, 1e20, 7.1, 5, "DE"), (3, 1e20, 7.1, None, None)]


def test_the_views_add_up_what_the_partitions_have(uri: str) -> None:
    with connect(uri) as connection:
        profile = "SELECT account_id, transactions, fraud_amount, fraud_rate FROM account_risk_profile ORDER BY 1"
        assert connection.execute(profile).fetchall() == [("a0", 4, 18, 100), ("a1", 3, 0, 0), ("a2", 3, 0, 0)]
        statistics = (
            "SELECT transactions, approved_count, fraud_count, fraud_rate, alerts_by_rule FROM fraud_statistics"
        )
        assert connection.execute(statistics).fetchone() == (10, 6, 4, 40, {"HIGH_AMOUNT": 3, "RISK": 3})
        flags = "SELECT high_amount, many_countries, high_count, risk_score, max_amount FROM alerts LIMIT 1"
        assert connection.execute(flags).fetchone() == (True, True, True, 5, 4000)


@pytest.mark.usefixtures("uri")
@pytest.mark.parametrize("name", ["totals", "fraud-rate", "suspicious-accounts", "detections"])
def test_a_query_gives_the_same_rows_here_and_when_it_is_pasted_into_psql(
    running: Stack, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(running.settings.data_dir))
    monkeypatch.setenv("STREAMGUARD_POSTGRES_PORT", str(running.settings.postgres_port))
    [query] = [one for one in queries(running.project) if (one.pipeline, one.name) == ("card", name)]
    pasted = psql(running.settings, query.postgres_file)
    assert pasted
    assert run(["query", name, "-o", "table"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert printed == [" ".join(cells).replace("+00", "+00:00").split() for cells in pasted]
    assert run(["query", name, "--limit", "1", "-o", "ndjson"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.usefixtures("uri")
def test_a_mistake_in_a_query_is_told_with_its_line(tmp_path: Path, settings: Settings) -> None:
    query = Query("wrong", "card", "", "", tmp_path)
    query.postgres_file.parent.mkdir()
    query.postgres_file.write_text("-- first\nSELECT transaction_id\nFROM transaktions;\n")
    with pytest.raises(QueryError, match=r'wrong\.postgres\.sql, line 3: relation "transaktions" does not exist'):
        ask(query, PIPELINE, settings)
    query.postgres_file.write_text("DELETE FROM transactions;\n")
    with pytest.raises(QueryError, match=r"wrong\.postgres\.sql changes something: a query only reads"):
        ask(query, PIPELINE, settings)


def test_the_health_check_of_the_container_sees_a_ready_server_and_one_that_is_not_there(running: Stack) -> None:
    _, program, *options = services()["postgres"]["healthcheck"]["test"]
    for port, status in ((running.settings.postgres_port, 0), (1, 2)):
        asked = [str(binary(program)), *options, "--port", str(port)]
        assert subprocess.run(asked, timeout=10, check=False).returncode == status


def test_what_was_committed_is_there_after_a_kill_and_the_server_is_back_by_itself(running: Stack, uri: str) -> None:
    before = pid(running)
    with connect(uri) as connection:
        connection.execute("INSERT INTO kafka_offsets VALUES ('kill', 't', 0, 7)")
    os.kill(before, signal.SIGKILL)

    def offsets() -> list[Any]:
        try:
            with connect(uri) as connection:
                return connection.execute("SELECT next_offset FROM kafka_offsets").fetchall()
        except PostgresError:
            return []

    wait_until(lambda: offsets() == [(7,)], "PostgreSQL is back with the row", 10)
    assert pid(running) != before
    [row] = [row for row in running.status() if row.name == "postgres"]
    assert (row.state, row.restarts > 0) == ("ready", True)


def test_it_ends_within_seconds_although_clients_are_connected(running: Stack, uri: str) -> None:
    with connect(uri):
        running.supervisor.stop_program("postgres")
    assert running.supervisor.processes()["postgres"].exit_status == 0
    running.start(["postgres"])
