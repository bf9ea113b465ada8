from __future__ import annotations

import pytest

from streamguard.connect.offsets.reading import ICEBERG, Control, control_of, dead_letter_topic, group_of, topics_of


@pytest.mark.parametrize(
    ("config", "topics"),
    [
        ({"topics": "a, b,a"}, ["a", "b"]),
        ({"topics.regex": "user.*"}, ["user-1", "users"]),
        ({"topics.regex": "user("}, []),
        ({"database": "d"}, []),
    ],
)
def test_topics_are_named_or_match_as_a_whole(config: dict[str, str], topics: list[str]) -> None:
    assert topics_of(config, ["users", "user-1", "my-users"]) == topics


def test_the_group_is_that_of_the_override_else_named_by_connect() -> None:
    assert group_of("c", {}) == "connect-c"
    assert group_of("c", {"consumer.override.group.id": "mine"}) == "mine"


def test_an_iceberg_sink_has_a_second_group_at_its_control_topic_and_no_other_has() -> None:
    config = {"connector.class": ICEBERG, "iceberg.control.topic": "control-c"}
    assert control_of("c", config) == Control("connect-c-coord", "control-c")
    assert control_of("c", {**config, "iceberg.connect.group-id": "g"}) == Control("g-coord", "control-c")
    assert control_of("c", {"connector.class": ICEBERG}) == Control("connect-c-coord", "control-iceberg")
    assert control_of("c", {"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector"}) is None


def test_without_tolerance_there_are_no_dead_letters() -> None:
    config = {"errors.deadletterqueue.topic.name": "d"}
    assert dead_letter_topic(config) == ""
    assert dead_letter_topic({**config, "errors.tolerance": "all"}) == "d"
