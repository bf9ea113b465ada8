"""What everybody must be allowed, and nothing else, follows from the definitions of a pipeline."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from streamguard.connect.templates.choose import render_pipeline
from streamguard.errors import UnknownName
from streamguard.project import find_project
from streamguard.rights.derive import Engine, chosen, principals, rights_of
from streamguard.rights.model import OPERATIONS, Right, granted, merged
from streamguard.settings import load

PROJECT = find_project(Path(__file__))
SETTINGS = load(PROJECT.root, environ={})


@cache
def rights(name: str, engine: Engine = "streamguard") -> list[Right]:
    pipeline = PROJECT.pipeline(name)
    connectors = render_pipeline(PROJECT, SETTINGS, pipeline)
    return rights_of(PROJECT, SETTINGS, pipeline, connectors, engine=engine, prefix="")


def written(name: str, principal: str) -> list[str]:
    """The rights of one principal, one a line."""
    return [
        f"{right.resource} {right.name}{'*' if right.pattern == 'prefixed' else ''}: {', '.join(right.operations)}"
        for right in rights(name)
        if right.principal == principal
    ]


def test_each_service_of_a_pipeline_and_each_way_to_work_with_it_is_a_principal() -> None:
    outside = {"deployer", "operator", "watch", "generator", "connect", "ksql"}
    assert set(principals(rights("bank"))) == outside | {"ingestor", "processor", "verifier"}
    assert set(principals(rights("card"))) == outside | {"decider", "notifier"}
    assert set(principals(rights("transfers"))) == outside


def test_the_ingestor_reads_one_topic_and_writes_three() -> None:
    assert written("bank", "ingestor") == [
        "topic bank-transactions: read",
        "topic fraudulent-transactions: write",
        "topic unidentified-transactions: write",
        "topic bank-transactions-dead-letter: write",
        "group sg.bank.ingestor: read",
        "transactional_id sg.bank.ingestor.*: write",
    ]


def test_the_decider_needs_no_transactions_and_the_notifier_a_group_for_each_channel() -> None:
    assert written("card", "decider") == [
        "topic transactions: read",
        "topic transactions-dead-letter: write",
        "topic fraud-alerts: read",
        "topic fraud-alerts-dead-letter: write",
        "topic fraud-decisions: write",
        "group sg.card.decider: read",
    ]
    assert written("card", "notifier") == [
        "topic fraud-decisions: read",
        "topic fraud-decisions-dead-letter: write",
        "group sg.card.notifier: read",
        "transactional_id sg.card.notifier.*: write",
        "topic notifications-sent: read, write",
        "group sg.card.notifier.*: read",
        "group sg.reader: describe",
    ]


def test_the_ksql_server_reads_and_writes_what_its_statements_say_and_makes_only_topics_of_its_own() -> None:
    assert written("bank", "ksql") == [
        "topic fraudulent-transactions: read",
        "topic fraudulent-transactions-result: write",
        "topic users: write",
        "topic _streamguard_ksql_default_commands: read, write, create",
        "topic defaultksql_processing_log: write, create",
        "group sg.ksql.default.*: read",
        "transactional_id sg.ksql.default.*: write",
        "group sg.reader: describe",
    ]
    stateful = [line for line in written("card", "ksql") if line.startswith("topic _streamguard-ksql-")]
    assert stateful == ["topic _streamguard-ksql-default-*: read, write, create, delete"]


def test_ksqldb_has_internal_topics_groups_and_transactional_ids_of_its_own() -> None:
    found = rights("bank", "ksqldb")
    assert "write" in granted(found, "ksql", "transactional_id", "_confluent-ksql-default")
    assert "create" in granted(found, "ksql", "topic", "_confluent-ksql-defaultquery_CSAS_X_1-changelog")
    assert granted(found, "ksql", "group", "sg.ksql.default.users") == frozenset()
    assert granted(found, "verifier", "group", "_confluent-ksql-defaultquery_CSAS_X_1") == {"describe"}


def test_the_worker_reads_what_its_sinks_read_and_writes_their_dead_letters_and_control_topics() -> None:
    found = rights("bank")
    assert granted(found, "connect", "topic", "users") == {"read", "describe"}
    assert granted(found, "connect", "topic", "users-s3-sink-dead-letter") == {"write", "describe"}
    assert granted(found, "connect", "topic", "users-s3-sink-control") == {"read", "write", "describe"}
    assert granted(found, "connect", "topic", "bank-transactions") == frozenset()
    assert "read" in granted(found, "connect", "group", "connect-users-s3-sink")
    assert "read" in granted(found, "connect", "group", "connect-users-s3-sink-coord")


def test_who_deploys_reads_no_record_and_who_watches_changes_nothing() -> None:
    found = rights("bank")
    assert not [right for right in found if right.principal == "deployer" and {"read", "write"} & {*right.operations}]
    assert {operation for right in found if right.principal == "watch" for operation in right.operations} == {
        "describe"
    }


@pytest.mark.parametrize("name", ["bank", "card", "transfers"])
def test_nobody_may_do_everything_and_nobody_anything_to_the_cluster(name: str) -> None:
    found = rights(name)
    assert not [right for right in found if right.resource == "cluster"]
    assert all(right.operations and right.why and right.name for right in found)
    assert all({*right.operations} <= {*OPERATIONS[right.resource]} for right in found)


@pytest.mark.parametrize("name", ["bank", "card", "transfers"])
def test_every_topic_of_a_pipeline_is_written_by_somebody_and_no_right_is_there_twice(name: str) -> None:
    found = rights(name)
    writers = {right.name for right in found if "write" in right.operations}
    assert {topic.name for topic in PROJECT.pipeline(name).topics} <= writers
    places = [(right.principal, right.resource, right.name, right.pattern) for right in found]
    assert len(places) == len(set(places))


def test_what_is_implied_is_not_asked_for() -> None:
    asked = Right("a", "topic", "t", "literal", ("describe",), "to look")
    more = Right("a", "topic", "t", "literal", ("write", "read"), "to work")
    assert merged([asked, more]) == [Right("a", "topic", "t", "literal", ("read", "write"), "to look; to work")]
    assert granted([more], "a", "topic", "t") == {"read", "write", "describe"}
    assert granted([more], "a", "topic", "other") == granted([more], "b", "topic", "t") == frozenset()


def test_a_principal_is_chosen_with_or_without_its_prefix() -> None:
    found = [Right(f"sg-{name}", "topic", "t", "literal", ("read",), "") for name in ("ingestor", "ksql")]
    assert chosen(found, ["ksql"], "sg-") == chosen(found, ["sg-ksql"], "sg-") == found[1:]
    assert chosen(found, [], "sg-") == found
    with pytest.raises(UnknownName, match=r"no principal ingester .did you mean ingestor"):
        chosen(found, ["ingester"], "sg-")
