"""What the shell offers after Tab, by click's own mechanism."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from streamguard.commands import cli
from streamguard.settings import inherited_environment
from tests.connect.conftest import Answer, Script, script

pytestmark = pytest.mark.slow

__all__ = ["script"]


def offered(arguments: list[str], incomplete: str = "") -> list[str]:
    completer = ShellComplete(cli, {}, "streamguard", "_STREAMGUARD_COMPLETE")
    return [item.value for item in completer.get_completions(arguments, incomplete)]


def test_commands_are_offered() -> None:
    assert offered([], "st") == ["status"]


@pytest.mark.parametrize(
    "command",
    [
        ["up"],
        ["produce"],
        ["ksql", "apply"],
        ["ksql", "plan"],
        ["ksql", "explain"],
        ["topics", "apply"],
        ["query", "-p"],
    ],
)
def test_pipelines_are_offered(command: list[str]) -> None:
    assert "bank" in offered(command)


@pytest.mark.parametrize("command", ["shell", "exec"])
def test_properties_of_statements_are_offered(command: str) -> None:
    assert offered(["ksql", command, "--set"], "auto") == ["auto.offset.reset="]


def test_servers_are_offered_with_the_services_and_the_supervisor() -> None:
    assert {"kafka", "connect", "ingestor", "supervisor"} <= set(offered(["logs"]))


@pytest.mark.parametrize("command", ["render", "deploy", "status", "restart", "delete"])
def test_connectors_are_offered(command: str) -> None:
    assert offered(["connectors", command], "users-") == ["users-mongodb-sink", "users-s3-sink"]


def test_queries_and_topics_are_offered() -> None:
    assert offered(["query"], "fraud-re") == ["fraud-report"]
    assert "fraudulent-transactions" in offered(["topics", "tail"], "fraud")


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_dead_letter_topics_are_offered(command: str) -> None:
    assert offered(["dead-letters", command], "bank") == ["bank-transactions-dead-letter"]


@pytest.mark.parametrize("command", ["show", "replay"])
def test_codes_are_offered(command: str) -> None:
    assert offered(["dead-letters", command, "--cause"], "E_D") == ["E_DATABASE", "E_DATE", "E_DUPLICATE"]


def test_a_project_that_is_none_completes_nothing(tmp_path: Path) -> None:
    assert offered(["--project", str(tmp_path), "up"]) == []


def test_connectors_of_the_cluster_are_offered_where_a_command_works_on_them(script: Script) -> None:
    script.rest = Answer(body={name: {"info": {"config": {}}} for name in ("users-live", "users-other", "z")})
    line = ["connectors", "restart", "--url", script.url]
    assert offered(line, "users-") == ["users-live", "users-other"]
    assert offered(["connectors", "render"], "users-") == ["users-mongodb-sink", "users-s3-sink"]
    assert script.calls == ["GET /connectors?expand=info&expand=status"]


def test_plugins_keys_loggers_and_kinds_are_offered(script: Script) -> None:
    plugins = [{"class": "a.MongoSink", "type": "sink", "version": "1"}]
    script.answers = [
        Answer(body=plugins),
        Answer(body=plugins),
        Answer(body=[{"name": "collection", "type": "STRING"}]),
        Answer(body={"root": {"level": "WARN"}, "org.x": {"level": "INFO"}}),
    ]
    url = ["--url", script.url]
    assert offered(["connectors", "plugins", "describe", *url], "M") == ["MongoSink"]
    assert offered(["connectors", "explain", *url], "c") == ["collection"]
    assert offered(["connectors", "loggers", "get", *url], "org") == ["org.x"]
    assert offered(["connectors", "new"], "m") == ["mongodb"]
    assert offered(["connectors", "plan", "--values"], "l") == ["local"]
    assert offered(["connectors", "new", "-p"], "b") == ["bank"]


@pytest.mark.parametrize(
    "answer",
    [Answer(hold=30.0), Answer(401, {"error_code": 401, "message": "no"}), Answer(body="<html>"), Answer(drop=True)],
    ids=["hangs", "refuses", "is no worker", "hangs up"],
)
def test_a_cluster_that_is_no_help_costs_a_second_at_most_and_prints_nothing(
    script: Script, answer: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    script.rest = answer
    began = time.monotonic()
    assert offered(["connectors", "loggers", "get", "--url", script.url]) == []
    assert offered(["connectors", "status", "--url", script.url], "users-m") == ["users-mongodb-sink"]
    assert time.monotonic() - began < 4.0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shell", "line", "wanted"),
    [
        (
            "bash",
            {"COMP_WORDS": "streamguard connectors restart --url {url} users-l", "COMP_CWORD": "5"},
            "plain,users-live",
        ),
        ("zsh", {"COMP_WORDS": "streamguard connectors restart --url {url} users-l", "COMP_CWORD": "5"}, "users-live"),
        (
            "fish",
            {"COMP_WORDS": "streamguard connectors restart --url {url}", "COMP_CWORD": "users-l"},
            "plain,users-live",
        ),
    ],
)
def test_each_shell_gets_live_names_from_the_command_itself(
    script: Script, shell: str, line: dict[str, str], wanted: str
) -> None:
    script.rest = Answer(body={"users-live": {"info": {"config": {}}}})
    words = {name: text.format(url=script.url) for name, text in line.items()}
    environment = {**inherited_environment(), **words, "_STREAMGUARD_COMPLETE": f"{shell}_complete"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("streamguard"))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert wanted in done.stdout.splitlines()
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(shell: str) -> None:
    environment = {**inherited_environment(), "_STREAMGUARD_COMPLETE": f"{shell}_source"}
    command = [str(Path(sys.executable).with_name("streamguard"))]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"_STREAMGUARD_COMPLETE={shell}_complete" in text
    if shutil.which(shell) and shell != "fish":
        subprocess.run([shell, "-n"], input=text, text=True, check=True)
