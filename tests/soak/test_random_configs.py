"""A thousand random configs on a real worker: once they are applied there is nothing left to plan.

What a real worker can not be made to do, masking values, is done by one in memory: tests/connect/test_apply.py.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from streamguard.connect.deploying.apply import plan
from streamguard.connect.deploying.plan import has_changes
from streamguard.connect.deploying.writing import apply
from streamguard.connect.rest.answers import Deployed
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings
from tests.connect.deploying.test_apply import REFERENCES, SECRETS, TEXTS, connector

PREFIX = f"random-{os.getpid()}-"
BATCH, EXAMPLES = 25, 20
assert 2 * BATCH * EXAMPLES == 1_000
BASE = {
    "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
    "topics": f"{PREFIX}source",
    "tasks.max": "1",
    "iceberg.tables": "random.rows",
    "iceberg.catalog.type": "rest",
    "iceberg.catalog.uri": "http://127.0.0.1:1",
}
"""Its plugin opens no connection for a validation, and takes every key that it does not know."""
VALUES = st.one_of(TEXTS, st.just("${env:X}"), st.integers().map(str), st.booleans().map(lambda it: str(it).lower()))
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)
CONFIGS = st.builds(
    lambda secrets, known, more: {**known, **secrets, **{f"x.{key}": value for key, value in more.items()}},
    st.fixed_dictionaries({}, optional=dict.fromkeys(SECRETS, REFERENCES)),
    st.fixed_dictionaries(
        {},
        optional={
            "tasks.max": st.integers(1, 9).map(str),
            "iceberg.control.commit.interval-ms": st.integers(1, 10**6).map(str),
            "errors.tolerance": st.sampled_from(["all", "none"]),
        },
    ),
    st.dictionaries(NAMES, VALUES, max_size=6),
)


def made(configs: list[dict[str, str]], run: int) -> list[Connector]:
    """Stopped ones, in the order of their configs.

    Names are not used again: of one that is made soon after it was deleted a worker may lose the state.
    """
    found = [connector(f"{PREFIX}{run}-{number}", "stopped") for number in range(len(configs))]
    return [replace(one, config={**BASE, **config}) for one, config in zip(found, configs, strict=True)]


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """As they are, and as they should be: some of them the same."""
    before, after = (draw(st.lists(CONFIGS, min_size=BATCH, max_size=BATCH)) for _ in range(2))
    keep = draw(st.lists(st.booleans(), min_size=BATCH, max_size=BATCH))
    mixed = [old if kept else new for old, new, kept in zip(before, after, keep, strict=True)]
    return before, mixed


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[ConnectClient]:
    kafka = Cluster(settings)
    kafka.create({BASE["topics"]: (1, 1)})
    found = ConnectClient(settings.connect_url)
    yield found
    remove(found)
    kafka.delete([BASE["topics"]])


def remove(client: ConnectClient) -> None:
    for name in [name for name in client.all_connectors() if name.startswith(PREFIX)]:
        client.delete(name)


@pytest.mark.timeout(1_200)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_a_plan_is_empty_after_a_thousand_random_configs_were_applied_to_a_real_worker(client: ConnectClient) -> None:
    applied, began, runs = 0, time.monotonic(), count()

    @options(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False)
    @given(sets())
    def holds(pair: tuple[list[dict[str, str]], list[dict[str, str]]]) -> None:
        nonlocal applied
        remove(client)
        run = next(runs)
        for wanted in (made(configs, run) for configs in pair):
            changes = plan(client, wanted).changes
            ended = apply(client, changes, jobs=8, stop=threading.Event())
            assert [str(error) for _, error in ended if error] == []
            settle(client, wanted)
            left = plan(client, wanted).changes
            assert not has_changes(left), [str(change) for change in left if change.action != "unchanged"]
            applied += len(wanted)

    holds()
    assert applied >= 1_000
    print(f"\n{applied} random configs applied, each plan empty afterwards: {time.monotonic() - began:.0f} s")


def settle(client: ConnectClient, wanted: list[Connector]) -> None:
    """A worker shows a write that it forwarded to the leader, and the state of what is new, some milliseconds later."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        seen = client.connectors()
        if all(is_shown(one, seen.get(one.name)) for one in wanted):
            return
        time.sleep(0.05)


def is_shown(one: Connector, seen: Deployed | None) -> bool:
    if seen is None or seen.status is None:
        return False
    return {**one.config, "name": one.name} == seen.config and seen.status.state == "STOPPED"
