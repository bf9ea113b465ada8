"""ASSERT TOPIC: whether a topic is as a statement says, now or within the time that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.engine.language import syntax as s
from streamguard.engine.server import answers
from streamguard.engine.server.rejection import ASSERTION_FAILED, Rejection
from streamguard.kafka.cluster import Cluster

PATIENCE = 1000
"""Milliseconds that ksqlDB waits when the statement does not say."""
CONFIGS = ("PARTITIONS", "REPLICAS")


def assert_topic(statement: s.AssertTopic, cluster: Cluster) -> dict[str, Any]:
    """The entity of a statement that holds.

    Raises:
        Rejection: it does not, and did not until its time was over.
    """
    seconds = (PATIENCE if statement.timeout is None else statement.timeout) / 1000
    reason = cluster.wait_for(statement.topic, lambda replicas: mismatch(statement, replicas), seconds)
    text = statement.text + ";"
    if reason:
        raise Rejection(ASSERTION_FAILED, reason, statement=text)
    return answers.entity("assert_topic", text, topicName=statement.topic, exists=statement.exists)


def mismatch(statement: s.AssertTopic, replicas: Sequence[int] | None) -> str:
    """What is wrong with a topic, of which the replicas of each partition are known (None: there is none)."""
    if not statement.exists:
        return "" if replicas is None else f"Topic {statement.topic} exists"
    if replicas is None:
        return f"Topic {statement.topic} does not exist"
    found: Mapping[str, int] = {"PARTITIONS": len(replicas), "REPLICAS": max(replicas, default=0)}
    wrong = [
        f"For config {each.name.lower()}, expected {each.value} got {found[each.name]}"
        for each in statement.properties
        if each.name in CONFIGS and each.value != found[each.name]
    ]
    wrong += [f"Cannot assert unknown topic property: {p.name}" for p in statement.properties if p.name not in CONFIGS]
    return f"Mismatched configuration for topic {statement.topic}: {'; '.join(wrong)}" if wrong else ""
