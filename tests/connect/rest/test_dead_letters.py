"""Whose letters are in which topic is what the configs say."""

from __future__ import annotations

import pytest

from streamguard.connect.rest.answers import Deployed
from streamguard.connect.rest.dead_letters import GROUP, TOPIC, LetterBox, letter_boxes
from streamguard.errors import ConnectorNotFound, Refused


def deployed(**topics: str) -> dict[str, Deployed]:
    """Connectors by name with their dead-letter topics."""
    return {name: Deployed(name, {TOPIC: topic} if topic else {}, None) for name, topic in topics.items()}


def senders(box: LetterBox) -> set[str]:
    return set(box.connectors)


def test_without_names_it_is_every_connector_that_has_a_topic() -> None:
    found = letter_boxes(deployed(a="a-dead-letter", b="", c="c-dead-letter"), [], "here")
    assert [(box.topic, senders(box)) for box in found] == [("a-dead-letter", {"a"}), ("c-dead-letter", {"c"})]


def test_of_a_topic_that_two_share_only_those_that_are_named_are_meant() -> None:
    both = deployed(a="dlq", b="dlq")
    (box,) = letter_boxes(both, ["a"], "here")
    assert (senders(box), box.alone) == ({"a"}, False)
    (box,) = letter_boxes(both, ["[ab]"], "here")
    assert (senders(box), box.alone) == ({"a", "b"}, True)


def test_the_group_that_a_config_names_is_its_own() -> None:
    connector = Deployed("a", {TOPIC: "dlq", GROUP: "readers-of-a"}, None)
    (box,) = letter_boxes({"a": connector}, ["a"], "here")
    assert box.groups == {"readers-of-a"}


def test_a_name_that_is_not_there_and_one_without_a_topic_are_told() -> None:
    there = deployed(users="", orders="dlq")
    with pytest.raises(ConnectorNotFound, match="did you mean orders"):
        letter_boxes(there, ["order"], "here")
    with pytest.raises(Refused, match="users has no dead-letter topic"):
        letter_boxes(there, ["users"], "here")
    assert [box.topic for box in letter_boxes(there, ["*"], "here")] == ["dlq"], "a pattern passes over it"
