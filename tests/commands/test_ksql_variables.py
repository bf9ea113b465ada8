"""Variables of a pipeline: `variables:` of init/NAME.yml in `ksql apply`, `plan`, `explain` and `test`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.commands import run
from tests.commands.ksql_server import KsqlServer

TOPICS = "topics: {o: {partitions: 1}}\n"
ORDERS = "CREATE STREAM orders (id INT KEY, amount DOUBLE, kind STRING) WITH (kafka_topic='o', value_format='JSON');\n"
LARGE = """CREATE OR REPLACE STREAM large AS
  SELECT id, amount - ${most} AS excess, 'above ${most}' AS reason FROM orders WHERE amount > ${most};
"""
KINDS = """CREATE OR REPLACE STREAM chosen AS
  SELECT id, kind FROM orders WHERE ARRAY_CONTAINS(SPLIT('${kinds}', ','), kind);
"""
CASES = """cases:
  - name: as the pipeline says
    inputs: [{topic: o, key: 1, value: {amount: 950, kind: toy}}]
    outputs: [{topic: LARGE, key: 1, value: {EXCESS: 50, REASON: above 900}}]
  - name: as the case says
    variables: {MOST: 1000, kinds: "book"}
    inputs: [{topic: o, key: 1, value: {amount: 950, kind: toy}}]
    empty: [LARGE, CHOSEN]
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def server() -> Iterator[KsqlServer]:
    with KsqlServer() as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one pipeline, which has two variables; its init file."""
    for folder in ("init", "connectors", "ksql/shop"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ksql" / "shop" / "1.sql").write_text(ORDERS)
    (tmp_path / "ksql" / "shop" / "2.sql").write_text(LARGE)
    (tmp_path / "ksql" / "shop" / "3.sql").write_text(KINDS)
    (tmp_path / "ksql" / "shop" / "shop.test.yml").write_text(CASES)
    monkeypatch.chdir(tmp_path)
    return with_variables(tmp_path / "init" / "shop.yml", "{most: 900, kinds: [toy, game]}")


def with_variables(path: Path, variables: str) -> Path:
    path.write_text(f"{TOPICS}variables: {variables}\n")
    return path


def ksql(server: KsqlServer, *arguments: str) -> int:
    return run(["ksql", *arguments, "--url", server.url])


def test_a_changed_variable_replaces_the_queries_that_use_it(server: KsqlServer, shop: Path, capsys: Captured) -> None:
    assert ksql(server, "apply", "shop") == 0
    with_variables(shop, "{most: 1200.5, kinds: [toy, game]}")
    capsys.readouterr()
    assert ksql(server, "plan", "shop", "--detailed-exitcode") == 2
    shown = capsys.readouterr()
    assert "~ LARGE: replace (CREATE OR REPLACE STREAM)" in shown.out
    assert "- WHERE AMOUNT > 900" in shown.out
    assert "+ WHERE AMOUNT > 1200.5" in shown.out
    assert shown.err.splitlines() == ["Plan: 1 to replace, 2 unchanged"]
    assert ksql(server, "apply", "shop") == 0
    assert ksql(server, "plan", "shop", "--detailed-exitcode") == 0


def test_define_wins_in_any_case_of_letters(server: KsqlServer, shop: Path, capsys: Captured) -> None:
    assert shop.is_file()
    assert ksql(server, "apply", "shop", "-D", "MOST=5", "--define", "kinds=book") == 0
    assert run(["ksql", "explain", "shop", "-D", "Most=7"]) == 0
    assert "above 7" in capsys.readouterr().out
    assert ksql(server, "plan", "shop", "-D", "most=5", "-D", "kinds=book", "--detailed-exitcode") == 0
    assert ksql(server, "plan", "shop", "--detailed-exitcode") == 2


@pytest.mark.parametrize("command", ["apply", "plan"])
def test_a_definition_that_nothing_uses_is_a_slip(
    command: str, server: KsqlServer, shop: Path, capsys: Captured
) -> None:
    assert shop.is_file()
    assert ksql(server, command, "shop", "-D", "mots=5") == 64
    assert "--define mots: no statement uses it (did you mean most?)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ("{kinds: toy}", "2.sql, line 2, column 23: variable ${most}"),
        ("{most: 900}", "3.sql, line 2, column 59: variable ${kinds}"),
    ],
    ids=["in an expression", "in a string"],
)
def test_what_is_not_defined_is_refused_with_its_place_and_the_way_out(
    variables: str,
    place: str,
    server: KsqlServer,
    shop: Path,
    capsys: Captured,
) -> None:
    with_variables(shop, variables)
    assert ksql(server, "apply", "shop") == 1
    refused = capsys.readouterr().err
    assert f"{place} is not defined: " in refused
    assert "`variables:` of init/shop.yml defines it, or --define NAME=VALUE" in refused
    assert run(["ksql", "explain", "shop"]) == 1
    assert run(["ksql", "test"]) == 1
    assert f"refused: {shop.parents[1]}/ksql/shop/{place} is not defined" in capsys.readouterr().out


def test_cases_take_the_pipelines_variables_and_may_say_otherwise(shop: Path, capsys: Captured) -> None:
    assert run(["ksql", "test"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"
    assert run(["ksql", "test", "-D", "most=900"]) == 1, "so the second case has a result"
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
    with_variables(shop, "{most: 800, kinds: toy}")
    assert run(["ksql", "test"]) == 1
    assert 'REASON is "above 800", not "above 900"' in capsys.readouterr().out


def test_each_pipeline_is_read_with_its_own_variables(server: KsqlServer, shop: Path, capsys: Captured) -> None:
    other = shop.parents[1] / "ksql" / "other"
    other.mkdir()
    (other / "1.sql").write_text("CREATE STREAM ${name} (x INT) WITH (kafka_topic='x', value_format='JSON');\n")
    (shop.parent / "other.yml").write_text("topics: {x: {partitions: 1}}\nvariables: {name: mine}\n")
    assert ksql(server, "apply", "other") == 0
    assert ksql(server, "apply", "shop", "--prune", "--yes") == 0, "what another pipeline declares stays"
    capsys.readouterr()
    assert run(["ksql", "explain", "SELECT x FROM mine EMIT CHANGES"]) == 0
    assert run(["ksql", "explain", "--file", str(other.parent / "shop" / "3.sql")]) == 0
    assert "toy,game" in capsys.readouterr().out
