"""Statements one by one, with properties, variables and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streamguard.engine.client.http import Lines, Rows
from streamguard.engine.client.session import Session, Told, end
from streamguard.errors import StatementRefused, StreamguardError
from tests.engine.client.served import Entity, Served

CREATE = "CREATE STREAM a (x INT) WITH (kafka_topic='a', value_format='JSON');"


class Recording(Served):
    """Remembers what it is asked, and gives no rows."""

    def __init__(self) -> None:
        super().__init__(ours=True)
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.closed: list[str] = []

    def ksql(self, text: str, **options: Any) -> list[Entity]:
        self.asked.append((text.strip(), dict(options["properties"]), dict(options["variables"])))
        return super().ksql(text, **options)

    def query(
        self, sql: str, *, properties: Mapping[str, Any] | None = None, variables: Mapping[str, str] | None = None
    ) -> Rows:
        self.asked.append((sql.strip(), dict(properties or {}), dict(variables or {})))
        return Rows("q1", ["X"], ["INTEGER"], iter(()), lambda: self.closed.append("connection"))

    def print_topic(
        self, text: str, *, properties: Mapping[str, Any] | None = None, variables: Mapping[str, str] | None = None
    ) -> Lines:
        self.asked.append((text.strip(), dict(properties or {}), dict(variables or {})))
        return Lines(iter(("line",)), lambda: None)

    def check_property(self, name: str) -> None:
        if "." not in name:
            raise StatementRefused(f"Not recognizable: '{name}'")

    def close_query(self, query_id: str) -> None:
        self.closed.append(query_id)


@pytest.fixture
def server() -> Recording:
    return Recording()


@pytest.fixture
def session(server: Recording, tmp_path: Path) -> Session:
    return Session(server, folder=tmp_path)


def told(session: Session, text: str) -> list[str]:
    return [outcome.text for outcome in session.run(text) if isinstance(outcome, Told)]


def test_properties_and_variables_hold_for_what_follows(session: Session, server: Recording) -> None:
    assert told(session, "SET 'auto.offset.reset' = 'earliest'; DEFINE t = 'a'; SELECT * FROM ${t} LIMIT 1;") == [
        "auto.offset.reset is earliest from now on"
    ]
    assert told(session, "UNSET 'auto.offset.reset'; UNSET 'auto.offset.reset'; UNDEFINE t; UNDEFINE t;") == [
        "auto.offset.reset is unset",
        "auto.offset.reset was not set",
        "T is undefined",
        "T was not defined",
    ]
    list(session.run("PRINT 'a';"))
    assert server.asked == [
        ("SELECT * FROM ${t} LIMIT 1;", {"auto.offset.reset": "earliest"}, {"T": "a"}),
        ("PRINT 'a';", {}, {}),
    ]


def test_a_property_that_the_server_does_not_know_is_refused_and_not_kept(session: Session) -> None:
    with pytest.raises(StatementRefused, match="Not recognizable: 'nonsense'"):
        list(session.run("SET 'nonsense' = '1';"))
    assert session.properties == {}


def test_a_refusal_shows_the_line_and_the_word_and_says_things_once(session: Session) -> None:
    with pytest.raises(StatementRefused) as refused:
        list(session.run(f"{CREATE}\n  SELEC 1;".replace("SELEC", "DESCRIB")))
    assert str(refused.value).splitlines() == [
        "line 2, column 3: expected a statement, found DESCRIB (did you mean DESCRIBE?)",
        "      DESCRIB 1;",
        "      ^^^^^^^",
    ]


def test_a_script_runs_with_the_session_that_it_is_in(session: Session, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner.sql").write_text("DEFINE t = 'b';\n")
    (tmp_path / "sub" / "outer.sql").write_text(f"RUN SCRIPT 'inner.sql';\n{CREATE}\n")
    outcomes = list(session.run("RUN SCRIPT 'sub/outer.sql'; SHOW STREAMS;"))
    assert [outcome["@type"] for outcome in outcomes if isinstance(outcome, dict)] == ["currentStatus", "streams"]
    assert session.variables == {"T": "b"}


def test_a_mistake_in_a_script_names_file_and_line(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("\nCREATE STRAM b;\n")
    with pytest.raises(StreamguardError) as refused:
        list(session.run("RUN SCRIPT 'a.sql';"))
    assert str(refused.value).startswith(f"{tmp_path / 'a.sql'}: line 2, column 8: ")
    with pytest.raises(StreamguardError, match=r"none\.sql can not be read"):
        list(session.run("RUN SCRIPT 'none.sql';"))


def test_a_script_that_runs_itself_ends(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("RUN SCRIPT 'a.sql';")
    with pytest.raises(StreamguardError, match="does one run itself"):
        list(session.run("RUN SCRIPT 'a.sql';"))


def test_what_still_runs_is_ended_on_the_server_too(session: Session, server: Recording) -> None:
    [rows] = session.run("SELECT * FROM a EMIT CHANGES;")
    end(rows, server)
    assert server.closed == ["connection", "q1"]
