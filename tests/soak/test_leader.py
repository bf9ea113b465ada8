"""The leader of a Connect cluster is killed in the middle of deploying, again and again: nothing is made twice."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.kafka.tail import tail
from streamguard.settings import Settings
from streamguard.stack.stack import Stack
from tests.stack.fleet import Fleet, document
from tests.stack.loops import wait_until
from tests.stack.ordeal import seed_of
from tests.stack.own_cluster import OwnCluster, own_cluster
from tests.stack.records import OwnTopics

SINKS = 50
ROUNDS = 10


@pytest.fixture(scope="module")
def cluster(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    folder = tmp_path_factory.mktemp("leader")
    with own_cluster(stack, folder, f"leader-{random.randrange(10**6)}") as running:
        yield running


@pytest.fixture
def fleet(settings: Settings, own: OwnTopics, tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "project", own.create("source", 1), settings)


def created(settings: Settings, cluster: OwnCluster, names: list[str]) -> Counter[str]:
    """How many configs each connector was given, by the topic in which the workers keep them."""
    records = tail(settings, cluster.configs, last=None)
    keys = [record.key.decode() for record in records if record.key and record.value]
    return Counter(name for name in names for key in keys if key == f"connector-{name}")


def kill_in_the_middle(cluster: OwnCluster, at: int) -> str:
    """SIGKILL for the leader when `at` sinks were made by this deployment; whom it was."""
    before = sum(made(cluster).values())
    wait_until(lambda: sum(made(cluster).values()) - before >= at, f"{at} sinks are made", 120)
    leader = cluster.leader()
    leader.kill()
    return leader.worker.url


def made(cluster: OwnCluster) -> Counter[str]:
    """The answers 201 to POST that clients got, by name."""
    passed = [one for worker in cluster.workers for one in list(worker.proxy.passed)]
    return Counter(one.name for one in passed if one.method == "POST" and one.status == 201)


@pytest.mark.timeout(1500)
def test_the_leader_is_killed_ten_times_while_fifty_are_deployed_and_each_is_made_once(
    cluster: OwnCluster, fleet: Fleet, settings: Settings, pytestconfig: pytest.Config
) -> None:
    seed = seed_of(pytestconfig)
    chance = random.Random(seed)
    print(f"\nleader: --seed {seed}")
    for number in range(ROUNDS):
        names = [f"leader-{number}-{n}" for n in range(SINKS)]
        fleet.clear()
        fleet.write(names)
        began, at = time.monotonic(), chance.randrange(1, SINKS - 5)
        deploying = fleet.begin(cluster.urls, "deploy", "--timeout", "180", "-o", "json")
        killed = kill_in_the_middle(cluster, at)
        victim = next(worker for worker in cluster.workers if worker.worker.url == killed)
        time.sleep(chance.uniform(0, 8))  # the survivor may have noticed, or not
        victim.start()
        out, err = deploying.communicate(timeout=300)
        victim.wait()
        took = time.monotonic() - began
        assert deploying.returncode == 0, out + err
        given, posts = created(settings, cluster, names), posts_of(cluster, names)
        assert given == Counter(names), "each config was written once"
        assert [name for name in names if answered(posts, name, 409)] == [], "none was asked for that was there"
        check_all_run(cluster, names)
        said = ", ".join(f"{count} with {status}" for status, count in Counter(status for _, status in posts).items())
        print(f"round {number}: leader killed after {at} of {SINKS}, exit 0 after {took:.1f} s; POSTs answered: {said}")
        code, out, err = fleet.call(cluster.urls, "plan", "--detailed-exitcode")
        assert code == 0, out + err
        client = ConnectClient(cluster.urls)
        for name in names:
            client.delete(name)
        wait_until(cluster.has_settled, "the workers agree on a leader", 60)


def posts_of(cluster: OwnCluster, names: list[str]) -> list[tuple[str, int]]:
    """The POSTs for these names, and what was answered."""
    passed = [one for worker in cluster.workers for one in list(worker.proxy.passed)]
    return [(one.name, one.status) for one in passed if one.method == "POST" and one.name in names]


def answered(posts: list[tuple[str, int]], name: str, status: int) -> bool:
    return (name, status) in posts


def check_all_run(cluster: OwnCluster, names: list[str]) -> None:
    """Now; or once the rebalance is over that follows when a killed worker is back."""
    client = ConnectClient(cluster.urls)

    def all_run() -> bool:
        listed = client.connectors()
        statuses = [listed[name].status if name in listed else None for name in names]
        return all(status is not None and status.is_running for status in statuses)

    wait_until(all_run, "all run", 60)
    configs = {name: connector.config for name, connector in client.connectors().items() if name in names}
    assert {name: config["collection"] for name, config in configs.items()} == {name: name for name in names}


@pytest.mark.timeout(600)
def test_the_404s_of_a_worker_that_starts_never_become_a_create_or_a_delete(
    cluster: OwnCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one worker of a context starts again and again, while an unchanged fleet is deployed with --prune."""
    names = [f"starting-{n}" for n in range(10)]
    fleet.write(names)
    code, out, err = fleet.call(cluster.urls, "deploy", "-o", "json")
    assert code == 0, out + err
    worker, met = cluster.workers[0], 0
    for name, value in fleet.environment([worker.proxy.url]).items():
        monkeypatch.setenv(name, value)
    for _ in range(3):
        worker.kill()
        before = len(worker.proxy.passed)
        worker.start()
        wait_until(lambda: _status(worker.worker.url) == 404, "it listens and knows nothing", 60)
        worker.proxy.open()
        # In this process: the time in which a worker answers 404 is shorter than that in which Python starts.
        assert run(["--project", str(fleet.root), "connectors", "deploy", "--prune", "-o", "json"]) == 0
        passed = worker.proxy.passed[before:]
        assert [one for one in passed if one.is_write] == []
        met += any(one.status == 404 for one in passed)
        worker.proxy.shut()
        worker.wait()
        check_all_run(cluster, names)
    assert met == 3, "each time it was asked while it started"


def _status(url: str) -> int:
    try:
        return requests.get(f"{url}/connectors", timeout=5).status_code
    except requests.RequestException:
        return 0


@pytest.mark.timeout(300)
def test_a_second_deploy_of_fifty_unchanged_writes_nothing_and_stops_no_connector(
    cluster: OwnCluster, fleet: Fleet
) -> None:
    names = [f"same-{n}" for n in range(SINKS)]
    fleet.write(names)
    code, out, err = fleet.call(cluster.urls, "deploy", "--timeout", "180", "-o", "json")
    assert code == 0, out + err
    logged = [len(worker.log) for worker in cluster.workers]
    written = [len(worker.proxy.writes) for worker in cluster.workers]
    began = time.monotonic()
    code, out, err = fleet.call(cluster.urls, "deploy", "-o", "json")
    took = time.monotonic() - began
    assert code == 0, out + err
    report = document(out)
    assert (report["writes"], {one["outcome"] for one in report["connectors"]}) == (0, {"unchanged"})
    assert len(report["connectors"]) == SINKS
    assert [len(worker.proxy.writes) for worker in cluster.workers] == written
    assert stopped(cluster, logged) == []
    print(f"{SINKS} unchanged: {took:.2f} s, 0 writes")
    again = cluster.workers[0].proxy.url  # the log is not deaf: an identical PUT stops and starts the connector
    config = requests.get(f"{again}/connectors/same-0/config", timeout=30).json()
    assert requests.put(f"{again}/connectors/same-0/config", json=config, timeout=60).status_code == 200
    wait_until(lambda: stopped(cluster, logged) == ["Stopping connector same-0"], "the log tells of that", 20)


def stopped(cluster: OwnCluster, logged: list[int]) -> list[str]:
    """What the workers have stopped since."""
    since = "".join(worker.log[start:] for worker, start in zip(cluster.workers, logged, strict=True))
    return re.findall(r"Stopping connector \S+", since)
