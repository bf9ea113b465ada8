"""Names that REST reaches at one worker and not at another: what a forwarded request does to them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests

from streamguard.connect.rest.client import ConnectClient
from tests.stack.loops import wait_until

CONFIG = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "topics": "names-no-such-topic",
    "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
    "database": "names_db",
}

Workers = tuple[str, str]


def settled(workers: Workers, at: int, method: str, path: str, body: object = None) -> requests.Response:
    """The answer once no rebalance is in the way."""
    found: list[requests.Response] = []

    def is_answered() -> bool:
        found[:] = [requests.request(method, workers[at] + path, json=body, timeout=30)]
        return found[0].status_code not in (409, 500) or "rebalance" not in found[0].text

    wait_until(is_answered, f"{method} {path} is answered")
    return found[0]


@pytest.fixture
def made(workers: Workers) -> Iterator[list[str]]:
    """Whoever leads can delete all of them, in some order."""
    names = ["names-a", "names-a;b", "names-x}y"]
    yield names
    for name in names:
        for at in (0, 1):
            settled(workers, at, "DELETE", "/connectors/" + quote(name, safe=""))


def names_of(workers: Workers) -> set[str]:
    return {name for name in ConnectClient(workers).all_connectors() if name.startswith("names-")}


def test_deleting_a_name_with_a_semicolon_deletes_another_connector_where_a_worker_forwards_it(
    workers: Workers, made: list[str]
) -> None:
    """Both workers are asked to delete `names-a;b`: the leader does so, for the other it is `names-a`."""
    for name in made[:2]:
        body = {"name": name, "config": CONFIG, "initial_state": "STOPPED"}
        assert settled(workers, 0, "POST", "/connectors", body).status_code == 201
    for at in (0, 1):
        assert settled(workers, at, "DELETE", "/connectors/names-a%3Bb").status_code == 204
    assert names_of(workers) == set()


def test_a_name_with_a_brace_is_made_with_500_and_can_not_be_deleted_where_a_worker_forwards_it(
    workers: Workers, made: list[str]
) -> None:
    body = {"name": made[2], "config": CONFIG, "initial_state": "STOPPED"}
    assert settled(workers, 0, "POST", "/connectors", body).status_code == 500
    assert names_of(workers) == {made[2]}
    answered = {settled(workers, at, "DELETE", "/connectors/names-x%7Dy").status_code for at in (0, 1)}
    assert 500 in answered
