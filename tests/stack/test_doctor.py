"""Doctor on servers that are as they should be, and on a Kafka with access control where something is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.doctor import brokers
from streamguard.doctor.checks import Check, examine
from streamguard.doctor.examination import Patient, jobs_of
from streamguard.engine.client.http import KsqlClient
from streamguard.kafka import topics
from streamguard.kafka.cluster import Cluster
from streamguard.model import Pipeline, Topic
from streamguard.project import Project
from streamguard.rights.derive import rights_of
from streamguard.rights.model import Right
from streamguard.settings import Settings
from tests.stack.bank import Bank
from tests.stack.secured import ADMIN, Secured

PIPELINE = Pipeline("d", topics=(Topic("d.orders", 1), Topic("d.results", 1)))
DEPLOYS = ("create", "alter", "alter_configs")
NEEDED = [
    Right("d-deployer", "topic", "d.orders", "literal", DEPLOYS, ""),
    Right("d-deployer", "topic", "d.results", "literal", DEPLOYS, ""),
    Right("d-copier", "topic", "d.orders", "literal", ("read",), ""),
    Right("d-copier", "topic", "d.results", "literal", ("write",), ""),
    Right("d-copier", "group", "d.copier", "literal", ("read",), ""),
    Right("d-copier", "transactional_id", "d.copier.", "prefixed", ("write",), ""),
]


@pytest.fixture
def granted(secured: Secured) -> Iterator[Secured]:
    """Topics and rights of a small pipeline are as they should be."""
    secured.make("d-deployer", "d-copier")
    secured.allow(NEEDED)
    deployer = secured.settings("d-deployer")
    topics.apply(deployer, topics.plan(PIPELINE.topics, {}))
    yield secured
    Cluster(secured.settings(ADMIN)).delete([topic.name for topic in PIPELINE.topics])
    secured.forbid(NEEDED)


def told(settings: Settings, principal: str = "d-deployer") -> dict[str, Check]:
    """What is said of Kafka, by row."""
    jobs = {
        "kafka": lambda: brokers.cluster(settings),
        "topics": lambda: brokers.wanted_topics(settings, PIPELINE),
        "rights": lambda: brokers.rights(settings, NEEDED, principal),
    }
    found: dict[str, Check] = {}
    for check in examine(jobs, lambda _done, _wanted: None):
        found.setdefault(check.what, check)  # the worst comes first
    return found


def test_of_the_local_stack_nothing_fails(bank: Bank, project: Project, settings: Settings) -> None:
    pipeline = bank.pipeline
    connectors = render_pipeline(project, settings, pipeline)
    patient = Patient(
        project,
        settings,
        pipeline,
        connectors,
        lambda engine: rights_of(project, settings, pipeline, connectors, engine=engine),
        "streamguard-deployer",
        lambda: ConnectClient(settings.connect_url),
        lambda: KsqlClient(settings.ksql_url),
    )
    found = examine(jobs_of(patient), lambda _done, _wanted: None)
    assert [check for check in found if check.state in ("fail", "unknown")] == []
    assert {"kafka", "topics", "connect", "ksql", "mongodb", "iceberg catalog"} <= {check.what for check in found}


def test_an_administrator_sees_what_everybody_may_do_and_who_deploys_only_its_own(granted: Secured) -> None:
    seen = told(granted.settings(ADMIN))
    assert {name: seen[f"rights of {name}"].state for name in ("d-deployer", "d-copier")} == {
        "d-deployer": "ok",
        "d-copier": "ok",
    }
    own = told(granted.settings("d-deployer"))
    assert own["topics"].found == "2 of 2 are as init/d.yml says"
    assert own["our topics as d-deployer"].state == "ok"
    assert own["rights of others"].state == "unknown"
    other = told(granted.settings("d-copier"), "d-copier")
    assert other["topic configs"].state == "unknown"
    assert other["our topics as d-copier"].state == "ok"
    assert other["ours as d-copier"].state == "unknown"


def test_a_right_and_a_topic_that_are_missing_fail(granted: Secured) -> None:
    reads, writes = NEEDED[2:4]
    granted.forbid([reads])
    Cluster(granted.settings(ADMIN)).delete([writes.name])
    try:
        seen = told(granted.settings(ADMIN))
        assert seen["rights of d-copier"].found == "missing: read on topic d.orders"
        assert seen["topics"].state == "fail"
        assert seen["topics"].found == "missing, or not shown to us: d.results"
        own = told(granted.settings("d-copier"), "d-copier")
        assert own["our topics as d-copier"].state == "unknown"
        assert "d.orders" in own["our topics as d-copier"].found
    finally:
        granted.allow([reads])


def test_a_wrong_password_is_one_row_that_says_so(granted: Secured) -> None:
    wrong = granted.properties("d-deployer", name="wrong", sasl_password="nobody's")
    seen = told(replace(granted.settings("d-deployer"), kafka_properties=wrong))
    assert seen["kafka"].state == "fail"
    assert "password" in seen["kafka"].found + seen["kafka"].next
    assert "nobody's" not in str(seen)
