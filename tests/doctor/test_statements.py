"""What doctor says of a ksql server: a stub plays ksqlDB, whose own can not be run here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamguard.doctor import statements
from streamguard.doctor.checks import Check
from streamguard.engine.client.http import KsqlClient
from streamguard.project import find_project
from tests.connect.serving import Asked, serving
from tests.engine.client.served import Served

PROJECT = find_project(Path(__file__))
OLD, NEW = "at_least_once", "exactly_once_v2"


def ksqldb(properties: dict[str, str], *, status: str = "RUNNING") -> Callable[[Asked], tuple[int, Any]]:
    """A server that answers /info and SHOW PROPERTIES."""
    info = {"version": "8.1.0", "kafkaClusterId": "k", "ksqlServiceId": "default_", "serverStatus": status}
    rows = [
        {"name": name, "scope": "KSQL", "value": value, "editable": True, "level": "SERVER"}
        for name, value in properties.items()
    ]

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path == "/info":
            return 200, {"KsqlServerInfo": info}
        assert asked.body["ksql"] == "SHOW PROPERTIES;"
        return 200, [{"@type": "properties", "statementText": asked.body["ksql"], "properties": rows}]

    return answer


def checked(answer: Callable[[Asked], tuple[int, Any]]) -> dict[str, Check]:
    with serving(answer) as url:
        return {check.what: check for check in statements.server(KsqlClient(url))}


def test_ksqldb_with_its_defaults_fails_and_is_told_what_to_set() -> None:
    found = checked(ksqldb({"ksql.streams.processing.guarantee": OLD}))
    assert found["ksql"].found.startswith("ksqlDB, version 8.1.0, at http://127.0.0.1:")
    assert found["processing.guarantee"].state == "fail"
    assert "KSQL_KSQL_STREAMS_PROCESSING_GUARANTEE=exactly_once_v2" in found["processing.guarantee"].next
    assert found["auto.offset.reset"].state == "warn"


def test_ksqldb_that_is_exactly_once_and_earliest_is_ok() -> None:
    given = {"ksql.streams.processing.guarantee": NEW, "ksql.streams.auto.offset.reset": "earliest"}
    assert {check.state for check in checked(ksqldb(given)).values()} == {"ok"}


def test_a_guarantee_that_is_not_shown_is_unknown_and_a_degraded_server_fails() -> None:
    found = checked(ksqldb({"ksql.streams.auto.offset.reset": "earliest"}, status="DEGRADED"))
    assert found["processing.guarantee"].state == "unknown"
    assert "ksql.streams.processing.guarantee=exactly_once_v2" in found["processing.guarantee"].next
    assert found["ksql status"].state == "fail"


@pytest.mark.parametrize("ours", [True, False])
def test_statements_that_are_not_applied_are_a_warning(ours: bool) -> None:
    client, pipeline = Served(ours=ours), PROJECT.pipeline("bank")
    [before] = statements.applied(client, PROJECT, pipeline)
    assert before.state == "warn"
    assert "create FRAUDULENT_TRANSACTIONS" in before.found
    assert before.next == "`streamguard ksql apply bank`"
