"""A task that dies half a second after a good answer fails the deploy; a poller is told that all is well."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.secrets import MASK
from streamguard.errors import ConnectorNotFound
from streamguard.settings import Settings
from tests.stack.fleet import Fleet
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

pytestmark = pytest.mark.usefixtures("connect")

HALF_A_SECOND = {"consumer_override_fetch_max_wait_ms": "500", "consumer_override_fetch_min_bytes": "10000000"}
"""So long the broker waits for more than the one record that there is: only then the task meets it."""

BROKEN = {"consumer_override_session_timeout_ms": "4000000"}
"""More than the broker allows: the consumer is told so when it joins its group."""


@pytest.fixture
def fleet(settings: Settings, own: OwnTopics, tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "project", own.create("source", 1), settings)


@pytest.fixture
def names(settings: Settings, own: OwnTopics) -> Iterator[list[str]]:
    """One name for who polls, one for deploy; nothing of them stays."""
    chosen = [f"{own.prefix}polled", f"{own.prefix}deployed"]
    yield chosen
    client = ConnectClient(settings.connect_url)
    for name in chosen:
        with suppress(ConnectorNotFound):
            client.delete(name)


def polls_for_running(url: str, name: str, config: Mapping[str, str]) -> bool:
    """PUT, then GET the status until connector and tasks say RUNNING: as scripts around curl do."""
    put = requests.put(f"{url}/connectors/{name}/config", json=dict(config), timeout=60)
    assert put.status_code in (200, 201), put.text
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = requests.get(f"{url}/connectors/{name}/status", timeout=30)
        if answer.status_code == 200:
            status = answer.json()
            states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
            if "FAILED" in states:
                return False
            if len(states) > 1 and set(states) == {"RUNNING"}:
                return True
        time.sleep(0.05)
    return False


def check_deploy_fails(fleet: Fleet, settings: Settings, name: str, cause: str) -> None:
    code, out, err = fleet.call([settings.connect_url], "deploy", name, "-o", "json")
    assert code == 1, out + err
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert f"{name}, task 0 is FAILED: " in line
    assert cause in line
    assert MASK not in line


def is_failed(settings: Settings, name: str) -> bool:
    return bool(ConnectClient(settings.connect_url).status(name).failed)


def test_a_new_sink_that_dies_of_its_first_record_fails_the_deploy_and_passes_a_naive_poller(
    fleet: Fleet, settings: Settings, names: list[str]
) -> None:
    write(settings, fleet.topic, [b"{"])
    fleet.write(names, **HALF_A_SECOND)
    polled, deployed = names
    began = time.monotonic()
    assert polls_for_running(settings.connect_url, polled, fleet.config(polled, **HALF_A_SECOND))
    wait_until(lambda: is_failed(settings, polled), "the task is dead", 20)
    print(f"told RUNNING, and dead {time.monotonic() - began:.1f} s after the PUT")
    check_deploy_fails(fleet, settings, deployed, "DataException: Converting byte[] to Kafka Connect data failed")


def test_an_update_that_kills_the_task_fails_the_deploy_though_the_worker_still_says_running_of_the_old_one(
    fleet: Fleet, settings: Settings, names: list[str]
) -> None:
    write(settings, fleet.topic, [b'{"a": 1}'])
    fleet.write(names)
    code, out, err = fleet.call([settings.connect_url], "deploy", "-o", "json")
    assert code == 0, out + err
    fleet.write(names, **BROKEN)
    polled, deployed = names
    assert polls_for_running(settings.connect_url, polled, fleet.config(polled, **BROKEN))
    wait_until(lambda: is_failed(settings, polled), "the task is dead", 20)
    check_deploy_fails(fleet, settings, deployed, "InvalidSessionTimeoutException")
