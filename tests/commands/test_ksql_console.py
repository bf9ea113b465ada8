"""What the shell shows: tables that fit, words of its own, and a history without secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from streamguard.commands.ksql import history
from streamguard.commands.ksql.console import Console, is_own
from streamguard.commands.ksql.history import holds_secret, open_history
from streamguard.commands.ksql.printing import ends_by_itself
from streamguard.commands.ksql.prompting import coloured, is_ready
from streamguard.commands.ksql.tables import Layout, cell
from streamguard.connect.secrecy.secrets import redact
from streamguard.engine.client.session import Session
from tests.engine.client.served import Served

CREATE = "CREATE STREAM orders (id INT, amount DOUBLE) WITH (kafka_topic='orders', value_format='JSON');"


def laid(layout: Layout, *rows: list[object]) -> list[str]:
    return [*layout.head(), *(line for row in rows for line in layout.row(row))]


def test_a_table_is_as_wide_as_its_values_when_all_are_known() -> None:
    rows: list[list[object]] = [[1, "ann", None], [20, "日本", {"a": 1}]]
    layout = Layout(["ID", "NAME", "S"], ["INTEGER", "STRING", "STRUCT<A INT>"], width=80, seen=rows, whole=True)
    assert laid(layout, *rows) == [
        "ID  NAME  S",
        " 1  ann   null",
        '20  日本  {"a": 1}',
    ]


def test_what_does_not_fit_is_cut_and_what_would_be_unreadable_stands_upright() -> None:
    row: list[object] = [1, "x" * 30]
    assert laid(Layout(["A", "B"], width=24, seen=[row], whole=True), row) == ["A  B", f"1  {'x' * 20}…"]
    upright = Layout(["FIRST", "SECOND", "LAST"], width=20, seen=[["a" * 9] * 3], whole=True)
    assert upright.vertical
    assert laid(upright, ["a" * 30, 2, None]) == [
        "-[ 1 ]--------------",
        f"FIRST  | {'a' * 30}",
        "SECOND | 2",
        "LAST   | null",
    ]


def test_rows_that_are_to_come_get_the_room_of_their_types() -> None:
    layout = Layout(["ID", "NAME"], ["BIGINT", "STRING"], width=80, seen=[[1, "a"]])
    assert laid(layout, [1, "a"]) == ["           ID  NAME", "            1  a"]


def test_control_characters_of_a_record_have_no_power_over_the_terminal() -> None:
    assert cell("a\x1b[2Jb\nc\x9b") == "a\\x1b[2Jb\\nc\\x9b"


@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=6),
    st.lists(st.lists(st.none() | st.text(max_size=40) | st.integers(), min_size=6, max_size=6), max_size=4),
    st.integers(10, 120),
    st.booleans(),
)
def test_a_table_is_never_wider_than_the_terminal(
    names: list[str], rows: list[list[object]], width: int, whole: bool
) -> None:
    seen = [row[: len(names)] for row in rows]
    layout = Layout(names, width=width, seen=seen[:2], whole=whole)
    lines = laid(layout, *seen)
    assert layout.vertical or all(cell_len(line) <= width for line in lines)


def console(*, width: int = 80) -> Console:
    return Console(Session(Served(ours=True)), width=lambda: width)


def test_listings_are_tables_or_stand_upright(capsys: pytest.CaptureFixture[str]) -> None:
    shell = console()
    assert shell.run(CREATE)
    assert shell.run("SHOW STREAMS;")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "NAME    TOPIC   KEYFORMAT  VALUEFORMAT",
        "ORDERS  orders  KAFKA      JSON",
    ]
    assert shell.run("\\x")
    assert shell.run("SHOW STREAMS;")
    assert "TOPIC       | orders" in capsys.readouterr().out.splitlines()


def test_an_error_is_one_and_the_shell_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    shell = console()
    assert shell.run("CREATE STRAM b; SHOW STREAMS;")
    shown = click.unstyle(capsys.readouterr().err).splitlines()
    assert shown[0].startswith("Error: line 1, column 8: ")
    assert shell.run("RUN SCRIPT '/nowhere/at.all';")
    assert "can not be read" in capsys.readouterr().err


def test_spool_writes_what_is_shown_without_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = console()
    path = tmp_path / "session.log"
    for text in (f"spool '{path}'", CREATE, "CREATE STRAM b;", "spool off", "SHOW STREAMS;"):
        assert shell.run(text)
    shell.close()
    lines = path.read_text().splitlines()
    assert lines[0] == f"What is shown is written to {path}, too."
    assert lines[1] == "Stream created"
    assert lines[2].startswith("Error: line 1")
    assert "orders" not in path.read_text()
    assert shell.run("spool '/nowhere/x'")
    assert "/nowhere/x: No such file or directory" in capsys.readouterr().err


def test_the_banner_shows_no_password_of_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    server = Served(ours=True)
    server.url = "http://me:hunter2hunter2@127.0.0.1:1"
    Console(Session(server), width=lambda: 80, redact=redact).greet()
    shown = capsys.readouterr().out
    assert shown.startswith("ksql server 8.1.0-streamguard")
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "ends"),
    [("SELECT * FROM a;", True), ("select * from a emit changes;", False), ("SELECT 'EMIT' FROM a -- emit", True)],
)
def test_a_push_query_is_told_by_its_emit(text: str, ends: bool) -> None:
    assert ends_by_itself(text) is ends


@pytest.mark.parametrize("text", ["exit", "QUIT;", "\\q", " exit ; "])
def test_words_that_end_the_shell(text: str) -> None:
    assert is_own(text)
    assert console().run(text) is False


@pytest.mark.parametrize("text", ["help", "\\?", "version", "\\x auto"])
def test_words_of_the_shell_need_no_semicolon(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_ready(text)
    assert console().run(text) is True
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "ready"), [("SELECT 1", False), ("SELECT 1;", True), ("", True), ("helpful", False), ("-- x", True)]
)
def test_enter_sends_what_is_complete(text: str, ready: bool) -> None:
    assert is_ready(text) is ready


def test_words_have_colours_and_nothing_is_lost() -> None:
    text = "SELECT 'a', 1.5 -- c\nFROM x; '"
    parts = coloured(text)
    assert "".join(part for _, part in parts) == text
    assert ("class:keyword", "SELECT") in parts
    assert ("class:string", "'a'") in parts


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("SELECT * FROM orders WHERE token = 3;", False),
        ("SET 'auto.offset.reset' = 'earliest';", False),
        ("CREATE SINK CONNECTOR c WITH ('connection.password' = 'hunter2');", True),
        ("DEFINE api_key = 'abc';", True),
        ("SELECT * FROM a WHERE x = 'AKIAIOSFODNN7EXAMPLE';", True),
        ("PRINT 'orders';", False),
        ("WITH ('connection.uri' = 'mongodb://me:pw@host/')", True),
    ],
)
def test_a_statement_with_what_looks_like_a_secret_is_told(text: str, secret: bool) -> None:
    assert holds_secret(text) is secret


def test_the_history_is_readable_by_nobody_else_and_does_not_grow_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LARGEST", 2000)
    folder = tmp_path / "state"
    kept = open_history(folder)
    path = folder / "ksql-history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for number in range(60):
        kept.store_string(f"SELECT {number};")
    kept.store_string("DEFINE password = 'x1';")
    assert "x1" not in path.read_text()
    again = list(open_history(folder).load_history_strings())
    assert again[0] == "SELECT 59;"
    assert 5 < len(again) < 60
    assert path.stat().st_size <= 1000
