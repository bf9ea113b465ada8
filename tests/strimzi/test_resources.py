"""What streamguard writes for Strimzi is what Strimzi's own definitions take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.formats import formatted
from streamguard.model import Topic
from streamguard.project import Project
from streamguard.settings import load
from streamguard.strimzi import is_name, manifest, name_for, topic_resource
from tests.strimzi.definitions import problems

ROOT = Path(__file__).parent.parent.parent
PROJECT = Project(ROOT)
SETTINGS = load(ROOT, environ={}, data_dir=Path("/nowhere"))
TOPIC_CHARACTERS = "abcXYZ019._-"


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("pipeline", [name for name in PROJECT.pipelines() if PROJECT.templates(name)])
def test_strimzi_takes_every_connector(pipeline: str) -> None:
    rendered = render_pipeline(PROJECT, SETTINGS, PROJECT.pipeline(pipeline))
    made = documents(formatted(rendered, "strimzi", cluster="main"))
    assert [each["metadata"]["name"] for each in made] == [each.name for each in rendered]
    assert {each["metadata"]["name"]: problems(each) for each in made if problems(each)} == {}
    own = {"name", "connector.class", "tasks.max", "connector.plugin.version"}
    assert not [each for each in made if own & each["spec"]["config"].keys()]


@pytest.mark.parametrize("pipeline", PROJECT.pipelines())
def test_strimzi_takes_every_topic(pipeline: str) -> None:
    wanted = PROJECT.pipeline(pipeline).topics
    made = documents(manifest(topic_resource(topic, "main", 3) for topic in wanted))
    assert {each["metadata"]["name"]: problems(each) for each in made if problems(each)} == {}
    assert [each["metadata"]["name"] for each in made] == [topic.name for topic in wanted]
    assert {each["spec"]["replicas"] for each in made} == {3}


@given(st.lists(st.text(TOPIC_CHARACTERS, min_size=1, max_size=249), min_size=2, max_size=2, unique=True))
def test_every_name_of_a_topic_has_a_resource_of_its_own(names: list[str]) -> None:
    made = [topic_resource(Topic(name, 1), "main", 1) for name in names]
    assert [problems(each) for each in made] == [[], []]
    assert [each["spec"].get("topicName", each["metadata"]["name"]) for each in made] == names
    assert len({each["metadata"]["name"] for each in made}) == 2


@pytest.mark.parametrize("name", ["Users", "a_b", "a..b", "-a", "a-", ".a", "a.-b", "", "a" * 254])
def test_what_kubernetes_takes_as_no_name_is_given_one(name: str) -> None:
    assert not is_name(name)
    assert is_name(name_for(name))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": {"replicas": 0}}, "minimum"),
        ({"spec": {"partitons": 3}}, "partitons"),
        ({"apiVersion": "kafka.strimzi.io/v1beta2"}, "v1beta2"),
        ({"kind": "KafkaTopics"}, "KafkaTopics"),
        ({"metadata": {"name": "A"}}, "no name"),
    ],
)
def test_a_wrong_resource_is_found_to_be_wrong(change: dict[str, Any], problem: str) -> None:
    made = topic_resource(Topic("a", 1), "main", 1)
    assert problems(made) == []
    assert problem in " ".join(problems({**made, **change}))
