"""`ksql plan`, `apply`, `exec` and `explain` from the command line; the server plays without Kafka."""

# ruff: noqa: S608  statements are made of texts of this file

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.commands import run
from tests.commands.ksql_server import KsqlServer

REPOSITORY = Path(__file__).parents[2]
ORDERS = "CREATE STREAM IF NOT EXISTS orders (id INT KEY, amount DOUBLE) WITH (kafka_topic='o', value_format='JSON');\n"
LARGE = "CREATE STREAM IF NOT EXISTS large AS\n  SELECT id, amount FROM orders WHERE amount > 900;\n"
STRAY = "CREATE STREAM stray (x INT) WITH (kafka_topic='s', value_format='JSON');"


@pytest.fixture
def server() -> Iterator[KsqlServer]:
    with KsqlServer() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("init", "connectors"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (tmp_path / "init" / "shop.yml").write_text("topics: {orders: {partitions: 1}}\n")
    (tmp_path / "ksql" / "shop").mkdir(parents=True)
    (tmp_path / "ksql" / "shop" / "1.sql").write_text(ORDERS)
    (tmp_path / "ksql" / "shop" / "2.sql").write_text(LARGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


Captured = pytest.CaptureFixture[str]


def ksql(server: KsqlServer, *arguments: str) -> int:
    return run(["ksql", *arguments, "--url", server.url])


def test_a_plan_is_shown_applied_and_then_empty(server: KsqlServer, project: Path, capsys: Captured) -> None:
    assert project.is_dir()
    assert ksql(server, "plan", "shop", "--detailed-exitcode") == 2
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["+ ORDERS: create (CREATE STREAM)", "+ LARGE: create (CREATE STREAM)"]
    assert shown.err.splitlines() == ["Plan: 2 to create"]
    assert ksql(server, "apply", "shop") == 0
    assert capsys.readouterr().out.splitlines() == [
        "NAME    RESULT   QUERY         FILE",
        "ORDERS  created                ksql/shop/1.sql",
        "LARGE   created  CSAS_LARGE_1  ksql/shop/2.sql",
    ]
    assert ksql(server, "plan", "shop", "--detailed-exitcode") == 0
    assert capsys.readouterr().err.splitlines() == ["Plan: 2 unchanged"]
    assert ksql(server, "apply", "shop", "-o", "json") == 0
    assert [row["result"] for row in json.loads(capsys.readouterr().out)] == ["unchanged", "unchanged"]


def test_what_can_not_be_replaced_is_refused_with_the_way_out(
    server: KsqlServer, project: Path, capsys: Captured
) -> None:
    assert ksql(server, "apply", "shop") == 0
    (project / "ksql" / "shop" / "2.sql").write_text(LARGE.replace("id, amount", "id, amount + 1 AS amount1"))
    before = list(server.served.requests)
    assert ksql(server, "plan", "shop") == 3
    shown = capsys.readouterr().out
    assert "! LARGE: refused: " in shown
    assert "--recreate does it by TERMINATE CSAS_LARGE_1; DROP STREAM LARGE" in shown
    assert "    -   AMOUNT\n    +   AMOUNT + 1 AS AMOUNT1\n" in shown
    assert ksql(server, "apply", "shop") == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Error: nothing was changed on the ksql server: 1 of 2 changes are refused"
    )
    assert server.served.requests == before
    assert ksql(server, "apply", "shop", "--recreate", "--dry-run", "--detailed-exitcode") == 2
    assert "topic 'LARGE' keeps its records" in capsys.readouterr().out


def test_what_ends_something_is_asked_for_and_yes_answers(
    server: KsqlServer, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert project.is_dir()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert ksql(server, "apply", "shop") == 0
    server.served.ksql(STRAY)
    assert ksql(server, "plan", "shop") == 0
    assert "Left alone: STRAY, which no file here declares. --prune drops them." in capsys.readouterr().err
    assert ksql(server, "apply", "shop", "--prune") == 3
    assert "nobody answered: --yes does it without asking" in capsys.readouterr().err
    assert ksql(server, "apply", "shop", "--prune", "--yes") == 0
    assert "STRAY   dropped" in capsys.readouterr().out
    assert "STRAY" not in server.served.metastore.sources


def test_a_plan_is_a_document_too(server: KsqlServer, project: Path, capsys: Captured) -> None:
    assert project.is_dir()
    assert ksql(server, "plan", "shop", "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [(change["name"], change["action"], change["line"]) for change in document["changes"]] == [
        ("ORDERS", "create", 1),
        ("LARGE", "create", 1),
    ]
    assert document["changes"][1]["statements"] == [LARGE.rstrip(";\n")]


def test_statements_come_from_stdin_and_print_in_turn(
    server: KsqlServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    text = f"SET 'ksql.lambdas.enabled' = 'true';\n{ORDERS}SELECT * FROM orders;\nPRINT 'o' LIMIT 1;\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert ksql(server, "exec", "-") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[:3] == ["Stream created", "ID\tNAME", "1\talice"]
    assert shown.out.splitlines()[-1] == "rowtime: now, key: k, value: v"
    assert shown.err.splitlines() == ["ksql.lambdas.enabled is true from now on"]


def test_the_first_refusal_ends_a_file_and_names_its_line(server: KsqlServer, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.sql"
    path.write_text(f"{ORDERS}SELECT * FROM orders;\n\nCREATE STRAM b;\nSHOW STREAMS;\n")
    assert ksql(server, "exec", "-f", str(path)) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "Stream created"
    assert "ORDERS" not in shown.out
    assert f"{path}, line 4, column 8: " in shown.err
    assert shown.err.splitlines()[-2:] == ["    CREATE STRAM b;", "           ^^^^^"]


def test_described_sources_are_printed_whole(server: KsqlServer, capsys: Captured) -> None:
    server.served.ksql(ORDERS + LARGE)
    assert ksql(server, "exec", "SHOW STREAMS EXTENDED;") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "stream      ORDERS",
        "topic       o (1 partition, 1 replica)",
        "formats     key KAFKA, value JSON",
    ]
    assert "read by     CSAS_LARGE_1 (RUNNING)" in lines
    assert "made by     CSAS_LARGE_1 (RUNNING)" in lines


def test_plans_need_no_server(project: Path, capsys: Captured) -> None:
    assert run(["ksql", "explain", "shop"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("CREATE STREAM ORDERS (ksql/shop/1.sql:1)\nDeclare: stream `ORDERS`\n")
    assert "\n\nCREATE STREAM LARGE (ksql/shop/2.sql:1)\n 1. Read stream `ORDERS`\n" in shown
    assert run(["ksql", "explain", "--file", str(project / "ksql" / "shop" / "2.sql")]) == 0
    assert capsys.readouterr().out.startswith("CREATE STREAM LARGE (ksql/shop/2.sql:1)\n 1. Read stream `ORDERS`\n")
    assert run(["ksql", "explain", "SELECT id FROM large WHERE amount > 1 EMIT CHANGES"]) == 0
    assert capsys.readouterr().out.startswith(" 1. Read stream `LARGE`\n")
    assert run(["ksql", "explain", "SELECT idd FROM large EMIT CHANGES"]) == 1
    assert "did you mean ID?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["shpo"], 64, "no pipeline shpo (did you mean shop?)"),
        (["CSAS_LARGE_1"], 64, "the plan of a query that runs is its server's to tell: --url"),
        ([], 64, "give a pipeline or a statement, or --file, and not both"),
        (["SHOW STREAMS;"], 1, "SHOW STREAMS has no plan"),
        (["SELECT FROM large"], 1, "line 1, column 8"),
    ],
)
def test_what_can_not_be_explained_is_told(
    project: Path, capsys: Captured, arguments: list[str], code: int, message: str
) -> None:
    assert project.is_dir()
    assert run(["ksql", "explain", *arguments]) == code
    assert message in capsys.readouterr().err
