"""Files that are applied to a server, ours and ksqlDB; the server plays without Kafka."""

# ruff: noqa: S608  statements are made of texts of this file

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamguard.engine.client.applying import Applied, apply_files, carry_out, plan_files
from streamguard.engine.client.planning import Wishes
from streamguard.errors import PartlyDone, Refused, StatementError, StatementRefused
from streamguard.project import read_text
from tests.engine.client.served import Entity, Served

BANK = sorted((Path(__file__).parents[3] / "ksql" / "bank").glob("*.sql"))
BASE = "CREATE STREAM a (k STRING KEY, x INT, y STRING) WITH (kafka_topic='a', value_format='JSON');"


@pytest.fixture(params=["ours", "ksqldb"])
def server(request: pytest.FixtureRequest) -> Served:
    return Served(ours=request.param == "ours")


@pytest.fixture
def ours() -> Served:
    return Served(ours=True)


@pytest.fixture
def ksqldb() -> Served:
    return Served(ours=False)


def files_of(folder: Path, *texts: str) -> list[Path]:
    files = [folder / f"{number}.sql" for number in range(len(texts))]
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    return files


def outcomes(server: Served, files: list[Path], wishes: Wishes | None = None) -> list[str]:
    planned = plan_files(server, files, {}, wishes)
    planned.raise_refused()
    return [f"{each.name} {each.outcome}" for each in carry_out(server, planned)]


def test_applying_the_shipped_statements_twice_changes_nothing(server: Served) -> None:
    first = list(apply_files(server, BANK, {}))
    sent = len(server.requests)
    again = list(apply_files(server, BANK, {}))
    assert [each.outcome for each in first] == ["created"] * 4
    assert [each.outcome for each in again] == ["unchanged"] * 4
    assert len(server.requests) == sent
    assert [each.query for each in again] == [each.query for each in first]


def test_what_a_file_sets_holds_for_its_own_statements_only(server: Served, tmp_path: Path) -> None:
    setting = "SET 'auto.offset.reset' = 'latest'; SET 'ksql.lambdas.enabled' = 'true';"
    files = files_of(
        tmp_path, BASE, f"{setting} CREATE STREAM b AS SELECT * FROM a;", "CREATE STREAM c AS SELECT * FROM a;"
    )
    outcomes(server, files)
    assert server.properties == [
        {"auto.offset.reset": "earliest"},
        {"auto.offset.reset": "latest", "ksql.lambdas.enabled": "true"},
        {"auto.offset.reset": "earliest"},
    ]


def test_variables_and_defines_are_replaced_before_anything_is_compared(server: Served, tmp_path: Path) -> None:
    files = files_of(
        tmp_path, BASE, "DEFINE low = '3'; CREATE STREAM b AS SELECT * FROM a WHERE x > ${low} AND y = '${who}';"
    )
    assert [each.outcome for each in apply_files(server, files, {"who": "me"})] == ["created", "created"]
    assert [each.outcome for each in apply_files(server, files, {"who": "me"})] == ["unchanged", "unchanged"]
    assert "x > 3 AND y = 'me'" in server.requests[1]


def test_statements_are_carried_out_in_the_order_that_they_need(server: Served, tmp_path: Path) -> None:
    files = files_of(tmp_path, "CREATE STREAM b AS SELECT * FROM a;", BASE)
    assert outcomes(server, files) == ["A created", "B created"]


def test_a_changed_filter_is_replaced_in_place_on_ksqldb(ksqldb: Served, tmp_path: Path) -> None:
    outcomes(ksqldb, files_of(tmp_path, BASE, "CREATE STREAM b AS SELECT * FROM a WHERE x > 1;"))
    files = files_of(tmp_path, BASE, "CREATE STREAM IF NOT EXISTS b AS SELECT * FROM a WHERE x > 2;")
    assert outcomes(ksqldb, files) == ["A unchanged", "B replaced"]
    assert ksqldb.requests[-1] == "CREATE OR REPLACE STREAM B AS SELECT * FROM A WHERE X > 2"
    assert outcomes(ksqldb, files) == ["A unchanged", "B unchanged"]


def test_what_can_not_be_replaced_is_refused_and_nothing_is_done(server: Served, tmp_path: Path) -> None:
    outcomes(server, files_of(tmp_path, BASE, "CREATE STREAM b AS SELECT k, x, y FROM a;"))
    sent = len(server.requests)
    files = files_of(tmp_path, BASE, "CREATE STREAM b AS SELECT k, y FROM a;", "CREATE STREAM c AS SELECT * FROM a;")
    with pytest.raises(Refused, match=r"B: .*--recreate does it by TERMINATE CSAS_B_1; DROP STREAM B"):
        outcomes(server, files)
    assert len(server.requests) == sent


def test_recreating_ends_the_readers_first_and_makes_them_again(server: Served, tmp_path: Path) -> None:
    readers = ["CREATE STREAM b AS SELECT k, y FROM a;", "INSERT INTO b SELECT k, y FROM a WHERE x > 9;"]
    outcomes(server, files_of(tmp_path, BASE, *readers))
    count = len(server.requests)
    files = files_of(tmp_path, BASE.replace("x INT", "x BIGINT"), *readers)
    wishes = Wishes(recreate=True)
    assert outcomes(server, files, wishes) == ["A recreated", "B recreated", "INSERT INTO B recreated"]
    verbs = [request.split("(")[0].split(" AS")[0].split(" SELECT")[0].strip() for request in server.requests[count:]]
    assert verbs == [
        "TERMINATE INSERTQUERY_2",
        "TERMINATE CSAS_B_1",
        "DROP STREAM B",
        "DROP STREAM A",
        "CREATE STREAM a",
        "CREATE STREAM b",
        "INSERT INTO b",
    ]
    assert outcomes(server, files) == ["A unchanged", "B unchanged", "INSERT INTO B unchanged"]


def test_a_prune_drops_what_no_file_declares_users_first(server: Served, tmp_path: Path) -> None:
    more = ["CREATE STREAM b AS SELECT * FROM a;", "CREATE STREAM c AS SELECT * FROM b;"]
    outcomes(server, files_of(tmp_path, BASE, *more))
    files = files_of(tmp_path, BASE)
    planned = plan_files(server, files, {})
    assert planned.left_alone == ["B", "C"]
    assert [str(each).splitlines()[0] for each in planned.changes] == ["= A: unchanged"]
    assert outcomes(server, files, Wishes(prune=True)) == ["A unchanged", "C dropped", "B dropped"]
    assert outcomes(server, files, Wishes(prune=True)) == ["A unchanged"]


def test_a_prune_leaves_alone_what_other_pipelines_declare(server: Served, tmp_path: Path) -> None:
    outcomes(server, files_of(tmp_path, BASE, "CREATE STREAM b AS SELECT * FROM a;"))
    assert outcomes(server, [], Wishes(prune=True, elsewhere=("A", "B"))) == []


def test_a_mistake_in_the_last_statement_leaves_nothing_behind_on_our_own_server(ours: Served, tmp_path: Path) -> None:
    files = files_of(tmp_path, BASE, "\nCREATE STREAM b AS\n  SELECT nope FROM a;")
    with pytest.raises(StatementError) as refused:
        outcomes(ours, files)
    assert str(refused.value).splitlines() == [
        f"{files[1]}, line 3, column 10: SELECT column 'NOPE' cannot be resolved.",
        "      SELECT nope FROM a",
        "             ^^^^",
    ]
    assert ours.requests == []


class Refusing(Served):
    """Takes no statement that makes something, and points at its `y`."""

    def ksql(self, text: str, **options: Any) -> list[Entity]:
        if "CREATE" not in text:
            return super().ksql(text, **options)
        lines = text.split("\n")
        number = next(number for number, line in enumerate(lines) if " y FROM" in line)
        raise StatementRefused(f"line {number + 1}:{lines[number].index(' y FROM') + 2}: no such thing")


def test_a_refusal_of_our_own_server_is_placed_in_the_file_that_it_is_about(tmp_path: Path) -> None:
    files = files_of(tmp_path, BASE, "-- first\n\n  CREATE STREAM b AS SELECT k, y FROM a;\n")
    with pytest.raises(StatementError) as refused:
        outcomes(Refusing(ours=True), files)
    assert str(refused.value).splitlines() == [
        f"{files[1]}, line 3, column 32: no such thing",
        "      CREATE STREAM b AS SELECT k, y FROM a;",
        "                                   ^",
    ]


def test_a_refusal_of_ksqldb_says_what_was_done_before_it(ksqldb: Served, tmp_path: Path) -> None:
    files = files_of(tmp_path, BASE, "\n CREATE STREAM b AS SELECT nope FROM a;")
    with pytest.raises(PartlyDone) as refused:
        outcomes(ksqldb, files)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{files[1]}, line 2, column 28: SELECT column 'NOPE' cannot be resolved."
    assert lines[-1].startswith("1 of 2 statements were carried out before this one was refused")
    files[1].write_text("CREATE STREAM b AS SELECT k, x FROM a;")
    assert outcomes(ksqldb, files) == ["A unchanged", "B created"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("DROP STREAM a;", "DROP declares nothing"),
        ("TERMINATE ALL;", "TERMINATE declares nothing"),
        ("SELECT * FROM a;", "a query on its own declares nothing"),
        ("CREATE STREAM a (z INT) WITH (kafka_topic='z', value_format='JSON');", "A is declared already: "),
        ("CREATE STRAM b;", "column 8: "),
    ],
)
def test_what_declares_nothing_is_refused_with_its_file_and_line(
    server: Served, tmp_path: Path, text: str, told: str
) -> None:
    files = files_of(tmp_path, BASE, f"\n{text}")
    with pytest.raises(StatementError) as refused:
        outcomes(server, files)
    assert str(refused.value).startswith(f"{files[1]}, line 2")
    assert told in str(refused.value)
    assert server.requests == []


def test_records_that_are_inserted_are_inserted_each_time(server: Served, tmp_path: Path) -> None:
    files = files_of(tmp_path, BASE, "INSERT INTO a (k, x) VALUES ('k', 1);")
    assert outcomes(server, files) == ["A created", "INSERT INTO A done"]
    assert outcomes(server, files) == ["A unchanged", "INSERT INTO A done"]


def test_types_are_made_before_what_uses_them_and_made_again_when_they_change(server: Served, tmp_path: Path) -> None:
    using = "CREATE STREAM t (p point) WITH (kafka_topic='t', value_format='JSON');"
    files = files_of(tmp_path, "CREATE TYPE point AS STRUCT<x INT, y INT>;", using)
    assert outcomes(server, files) == ["POINT created", "T created"]
    assert outcomes(server, files) == ["POINT unchanged", "T unchanged"]


def test_nothing_is_asked_of_a_server_when_no_file_holds_a_statement(server: Served, tmp_path: Path) -> None:
    assert list(apply_files(server, files_of(tmp_path, "", "-- later\n"), {})) == []
    assert server.requests == []


def test_the_results_name_file_and_query(server: Served, tmp_path: Path) -> None:
    files = files_of(tmp_path, f"{BASE} CREATE STREAM b AS SELECT * FROM a;")
    assert read_text(files[0])
    assert list(apply_files(server, files, {})) == [
        Applied(str(files[0]), "A", "created"),
        Applied(str(files[0]), "B", "created", "CSAS_B_1"),
    ]
