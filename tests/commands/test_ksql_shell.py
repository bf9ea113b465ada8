"""`streamguard ksql shell` on a terminal of its own (a pty), and in a pipe; the server plays without Kafka."""

# ruff: noqa: S608  statements are made of texts of this file

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamguard.settings import inherited_environment
from tests.commands.ksql_server import KsqlServer
from tests.commands.terminal import COMMAND, SECONDS, Terminal

pytestmark = pytest.mark.slow

CREATE = "CREATE STREAM orders (id INT KEY, amount DOUBLE) WITH (kafka_topic='orders', value_format='JSON');"


@pytest.fixture
def server() -> Iterator[KsqlServer]:
    with KsqlServer() as server:
        yield server


def asked(server: KsqlServer) -> list[dict[str, Any]]:
    """The queries that the server was asked."""
    return [body for body in server.bodies if "sql" in body]


def test_a_session(server: KsqlServer, tmp_path: Path) -> None:
    """One shell for many claims: a process is dear."""
    terminal = Terminal(server.url, tmp_path)
    child = terminal.child
    terminal.type("CREATE STREAM orders (id INT KEY,", r"\.\.\.\.>")
    terminal.type("note STRING) WITH (kafka_topic='a;b', value_format='JSON');", "Stream created", "ksql>")

    terminal.type("SELECT * FROM orders EMIT CHANGES;", "ID +NAME", "4 +again")
    child.sendintr()
    child.expect(r"The query was ended\.")
    child.expect("ksql>")
    assert server.gone.wait(SECONDS)
    assert server.closed == ["transient_1"]

    child.send("SELECT abandoned")
    child.expect("abandoned")
    child.sendintr()
    child.expect("ksql>")
    terminal.type("show streams;", r"ORDERS +a;b +KAFKA +JSON", "ksql>")
    terminal.type("CREATE STRAM b;", r"Error: line 1, column 8: ", r"CREATE STRAM b;\s+\^{5}", "ksql>")
    terminal.type("SET 'ksql.lambdas.enabled' = 'true';", "ksql.lambdas.enabled is true from now on", "ksql>")
    terminal.type("SET 'nonsense' = 'true';", "Not recognizable as property: 'nonsense'", "ksql>")
    terminal.type("DEFINE who = 'me';", "ksql>")
    terminal.type("\\x on", "a line for each column", "ksql>")
    terminal.type("SELECT * FROM orders;", r"-\[ 2 \]-+\s+ID +\| 2\s+NAME \| bob", r"\(3 rows\)")
    assert asked(server)[-1]["properties"] == {"ksql.lambdas.enabled": "true"}
    assert asked(server)[-1]["sessionVariables"] == {"WHO": "me"}
    assert terminal.end() == 0


def test_a_server_that_is_away_is_told_in_one_sentence_and_asked_again(tmp_path: Path) -> None:
    with KsqlServer() as first:
        port = first.server_address[1]
    terminal = Terminal(first.url, tmp_path)
    terminal.type("SHOW TYPES;", f"Error: no ksql server answers at {first.url}", "ksql>")
    with KsqlServer(port):
        terminal.type("SHOW TYPES;", r"\(nothing\)")
        assert terminal.end() == 0


def test_names_of_the_server_complete_and_what_was_typed_is_remembered_without_secrets(
    server: KsqlServer, tmp_path: Path
) -> None:
    server.served.ksql(CREATE)
    terminal = Terminal(server.url, tmp_path)
    assert server.named.wait(SECONDS)
    terminal.type("DEFINE password = 'hunter2hunter2';", "ksql>")
    terminal.child.send("SELECT * FROM ord\t")
    terminal.child.expect("ers")
    terminal.type(" LIMIT 3;", r"\(3 rows\)")
    assert [each["sql"] for each in asked(server)] == ["SELECT * FROM orders LIMIT 3;"]
    assert terminal.end() == 0
    path = tmp_path / "streamguard" / "ksql-history"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "SELECT * FROM orders LIMIT 3;" in path.read_text()
    assert "hunter2" not in path.read_text()


def piped(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = inherited_environment()
    return subprocess.run(
        [*COMMAND, *options], input=text, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False
    )


def test_in_a_pipe_statements_are_read_and_answers_are_plain(server: KsqlServer) -> None:
    text = f"{CREATE}\nSHOW\n STREAMS; SELECT * FROM orders;\nPRINT 'orders' LIMIT 1;\n"
    done = piped(text, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Stream created",
        "NAME    TOPIC   KEYFORMAT  VALUEFORMAT",
        "ORDERS  orders  KAFKA      JSON",
        "ID\tNAME",
        "1\talice",
        "2\tbob",
        "3\t",
        "Key format: KAFKA_STRING",
        "Value format: JSON or KAFKA_STRING",
        "rowtime: now, key: k, value: v",
    ]


def test_in_a_pipe_the_first_refusal_ends_it_with_the_line_that_it_is_in(server: KsqlServer) -> None:
    done = piped(f"{CREATE}\n\nCREATE STRAM b;\nSHOW STREAMS;\n", "--url", server.url)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["Stream created"]
    assert done.stderr.splitlines()[0].startswith("Error: line 3, column 8: ")
    assert done.stderr.splitlines()[-2:] == ["    CREATE STRAM b;", "           ^^^^^"]
