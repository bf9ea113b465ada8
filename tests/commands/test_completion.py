"""What the shell offers after Tab, by click's own mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from streamguard.commands import cli


def offered(arguments: list[str], incomplete: str = "") -> list[str]:
    completer = ShellComplete(cli, {}, "streamguard", "_STREAMGUARD_COMPLETE")
    return [item.value for item in completer.get_completions(arguments, incomplete)]


def test_commands_are_offered() -> None:
    assert offered([], "st") == ["status"]


@pytest.mark.parametrize("command", [["up"], ["produce"], ["ksql", "apply"], ["topics", "apply"], ["query", "-p"]])
def test_pipelines_are_offered(command: list[str]) -> None:
    assert "bank" in offered(command)


def test_servers_are_offered_with_the_services_and_the_supervisor() -> None:
    assert {"kafka", "connect", "ingestor", "supervisor"} <= set(offered(["logs"]))


@pytest.mark.parametrize("command", ["render", "deploy", "status", "restart", "delete"])
def test_connectors_are_offered(command: str) -> None:
    assert offered(["connectors", command], "users-") == ["users-mongodb-sink", "users-s3-sink"]


def test_queries_and_topics_are_offered() -> None:
    assert offered(["query"], "fraud-r") == ["fraud-report"]
    assert "fraudulent-transactions" in offered(["topics", "tail"], "fraud")


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_dead_letter_topics_are_offered(command: str) -> None:
    assert offered(["dead-letters", command], "bank") == ["bank-transactions-dead-letter"]


@pytest.mark.parametrize("command", ["show", "replay"])
def test_codes_are_offered(command: str) -> None:
    assert offered(["dead-letters", command, "--cause"], "E_D") == ["E_DATE", "E_DUPLICATE"]


def test_a_project_that_is_none_completes_nothing(tmp_path: Path) -> None:
    assert offered(["--project", str(tmp_path), "up"]) == []
