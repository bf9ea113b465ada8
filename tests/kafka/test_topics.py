"""The plan between the topics that a pipeline wants and those that Kafka has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.kafka.topics import Action, ExistingTopic, plan
from streamguard.model import Topic

NAMES = st.sampled_from(["a", "b", "c", "d"])
CONFIGS = st.dictionaries(st.sampled_from(["retention.ms", "cleanup.policy"]), st.sampled_from(["1", "2"]))
WANTED = st.builds(Topic, NAMES, st.integers(1, 4), st.none() | st.integers(1, 3), CONFIGS)
FOUND = st.builds(ExistingTopic, NAMES, st.integers(1, 4), st.integers(1, 3), CONFIGS)


def existing(*topics: ExistingTopic) -> dict[str, ExistingTopic]:
    return {topic.name: topic for topic in topics}


def lines(wanted: list[Topic], found: dict[str, ExistingTopic]) -> list[str]:
    return [f"{change.topic.name} {change.action} {change.detail}" for change in plan(wanted, found)]


def test_a_missing_topic_is_created_with_its_config() -> None:
    wanted = Topic("a", 4, config={"retention.ms": "-1", "cleanup.policy": "compact"})
    assert lines([wanted], {}) == ["a create 4 partitions, cleanup.policy=compact, retention.ms=-1"]


def test_a_topic_that_is_as_wanted_is_left_alone() -> None:
    assert lines([Topic("a", 1)], existing(ExistingTopic("a", 1, 1, {"retention.ms": "5"}))) == ["a same 1 partition"]


def test_partitions_grow() -> None:
    assert lines([Topic("a", 3)], existing(ExistingTopic("a", 2, 1))) == ["a grow 2 to 3 partitions"]


def test_fewer_partitions_are_reported_and_not_attempted() -> None:
    changes = plan([Topic("a", 1)], existing(ExistingTopic("a", 2, 1)))
    assert [change.action for change in changes] == [Action.DIFFERS]
    assert "has 2 partitions, wanted 1: partitions can not be taken away" in changes[0].detail


def test_another_replication_is_reported_only_where_the_pipeline_asks_for_one() -> None:
    found = existing(ExistingTopic("a", 1, 3))
    assert lines([Topic("a", 1)], found) == ["a same 1 partition"]
    assert [change.action for change in plan([Topic("a", 1, replication=2)], found)] == [Action.DIFFERS]


def test_config_entries_that_are_not_mentioned_stay_as_they_are() -> None:
    found = existing(ExistingTopic("a", 1, 1, {"retention.ms": "5", "cleanup.policy": "delete"}))
    assert lines([Topic("a", 1, config={"retention.ms": "-1"})], found) == ["a configure retention.ms: 5 to -1"]


def test_a_topic_may_need_several_changes() -> None:
    wanted = Topic("a", 3, replication=2, config={"retention.ms": "-1"})
    changes = plan([wanted], existing(ExistingTopic("a", 2, 1, {})))
    assert [change.action for change in changes] == [Action.GROW, Action.DIFFERS, Action.CONFIGURE]


def test_topics_that_nobody_asks_for_are_not_in_the_plan() -> None:
    assert lines([], existing(ExistingTopic("a", 2, 1))) == []


@given(st.lists(WANTED, unique_by=lambda topic: topic.name), st.lists(FOUND, unique_by=lambda topic: topic.name))
def test_a_plan_names_every_wanted_topic_and_no_other(wanted: list[Topic], found: list[ExistingTopic]) -> None:
    assert {change.topic.name for change in plan(wanted, existing(*found))} == {topic.name for topic in wanted}


@given(st.lists(WANTED, unique_by=lambda topic: topic.name), st.lists(FOUND, unique_by=lambda topic: topic.name))
def test_after_a_plan_is_carried_out_there_is_nothing_left_to_do(
    wanted: list[Topic], found: list[ExistingTopic]
) -> None:
    after = existing(*found)
    for change in plan(wanted, existing(*found)):
        topic = change.topic
        old = after.get(topic.name, ExistingTopic(topic.name, 0, topic.replication or 1))
        if change.is_change:
            partitions = max(old.partitions, topic.partitions)
            after[topic.name] = ExistingTopic(topic.name, partitions, old.replication, {**old.config, **topic.config})
    assert not any(change.is_change for change in plan(wanted, after))
