"""What doctor says of a Kafka's access control list."""

from __future__ import annotations

import pytest

from streamguard.doctor import brokers
from streamguard.kafka import permissions
from streamguard.kafka.permissions import Answered, Entry
from streamguard.rights.model import Right
from streamguard.settings import Settings

EXTERNAL = Settings(mode="external")
NEEDED = [
    Right("sg-ingestor", "topic", "orders", "literal", ("read",), "it reads"),
    Right("sg-ingestor", "transactional_id", "sg.", "prefixed", ("write",), "exactly once"),
    Right("sg-ksql", "group", "g", "literal", ("read",), "it reads"),
]


def entry(principal: str, resource: str, name: str, operation: str, pattern: str = "literal") -> Entry:
    return Entry(principal, resource, name, pattern, operation, allows=True)


GRANTED = [
    entry("sg-ingestor", "topic", "orders", "read"),
    entry("sg-ingestor", "transactional_id", "sg.", "write", "prefixed"),
    entry("sg-ksql", "group", "g", "read"),
]


def rows(listed: list[Entry]) -> list[tuple[str, str, str]]:
    return [(check.state, check.what, check.found) for check in brokers.of_everybody(NEEDED, listed)]


def test_rights_as_they_should_be_are_ok() -> None:
    assert rows(GRANTED) == [
        ("ok", "rights of sg-ingestor", "all 2, and no more"),
        ("ok", "rights of sg-ksql", "all 1, and no more"),
    ]


def test_what_is_missing_fails_and_what_is_too_much_is_a_warning() -> None:
    assert rows([*GRANTED[1:], entry("sg-ksql", "cluster", "kafka-cluster", "all")]) == [
        ("fail", "rights of sg-ingestor", "missing: read on topic orders"),
        ("warn", "rights of sg-ksql", "more than needed: all on cluster kafka-cluster"),
    ]


def test_principals_that_are_called_otherwise_are_one_row() -> None:
    [row] = brokers.of_everybody(NEEDED, [entry("somebody", "topic", "orders", "read")])
    assert (row.state, row.found) == ("fail", "nobody of these has any: sg-ingestor, sg-ksql")
    assert "--prefix" in row.next


def test_who_may_not_list_rights_hears_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "entries", lambda _settings: "Cluster authorization failed")
    monkeypatch.setattr(permissions, "of_topics", lambda _settings, _names: {"orders": Answered(frozenset({"write"}))})
    monkeypatch.setattr(permissions, "of_groups", lambda _settings, _names: {})
    found = [(check.state, check.what) for check in brokers.rights(EXTERNAL, NEEDED, "sg-ingestor")]
    assert found == [
        ("unknown", "rights of others"),
        ("fail", "our topics as sg-ingestor"),
        ("unknown", "ours as sg-ingestor"),
    ]


def test_a_kafka_that_asks_nobody_is_a_warning_only_where_others_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "entries", lambda _settings: "")
    assert [check.state for check in brokers.rights(EXTERNAL, NEEDED, "sg-ksql")] == ["warn"]
    assert [check.state for check in brokers.rights(Settings(mode="local"), NEEDED, "sg-ksql")] == ["ok"]
