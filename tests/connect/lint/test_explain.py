from __future__ import annotations

import pytest

from streamguard.connect.lint.explain import definition_row, explain, explain_offline, explanations, find_plugin
from streamguard.connect.rest.answers import KeyDefinition, Plugin
from streamguard.errors import UnknownName
from tests.connect.conftest import Answer, Script, error

PLUGINS = [
    {"class": "a.MongoSinkConnector", "type": "sink", "version": "1"},
    {"class": "a.Other", "type": "source", "version": "1"},
    {"class": "a.HoistField$Key", "type": "transformation", "version": "1"},
    {"class": "a.Json", "type": "converter", "version": "1"},
]


def key(name: str, documentation: str, default: str | None = None) -> dict[str, object]:
    return {"name": name, "type": "STRING", "documentation": documentation, "default_value": default, "required": False}


def test_plugins_that_say_the_same_are_told_together() -> None:
    known = {
        "A": {"x": KeyDefinition("x", documentation="one")},
        "B": {"x": KeyDefinition("x", documentation="one")},
        "C": {"x": KeyDefinition("x", documentation="another")},
    }
    assert [found.plugins for found in explanations("x", known)] == [("A", "B"), ("C",)]


def test_a_key_with_places_to_fill_is_known_by_its_pattern() -> None:
    known = {"A": {"topic.override.%s.%s": KeyDefinition("topic.override.%s.%s", documentation="of a topic")}}
    assert explanations("topic.override.t.collection", known)[0].definition.documentation == "of a topic"


def test_keys_of_transformations_and_converters_are_looked_up_at_those(script: Script) -> None:
    script.answers = [Answer(body=PLUGINS), Answer(body=[key("field", "what to hoist to")])]
    (found,) = explain(script.client(), "transforms.id.field")
    assert found.plugins == ("a.HoistField$Key",)
    script.answers = [Answer(body=PLUGINS), Answer(body=[key("schemas.enable", "with schemas")])]
    (found,) = explain(script.client(), "value.converter.schemas.enable")
    assert found.plugins == ("a.Json",)
    assert script.asked[-1].path == "/connector-plugins/a.Json/config"


def test_a_plugin_that_can_not_say_does_not_stop_the_others(script: Script) -> None:
    script.answers = [Answer(body=PLUGINS), error(404, "no config"), Answer(body=[key("x", "it")])]
    assert explain(script.client(), "x")[0].plugins == ("a.Other",)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("consumer.override.max.poll.records", "sets max.poll.records of the connector's Kafka consumer"),
        ("colection", r"no plugin knows colection \(did you mean collection\?\)"),
    ],
)
def test_what_no_plugin_knows_is_told_with_what_was_meant(script: Script, name: str, says: str) -> None:
    script.answers = [Answer(body=PLUGINS), Answer(body=[key("collection", "x")]), Answer(body=[])]
    with pytest.raises(UnknownName, match=says):
        explain(script.client(), name)


def test_a_plugin_is_found_by_its_full_or_simple_name() -> None:
    plugins = [Plugin(str(entry["class"]), str(entry["type"]), "1") for entry in PLUGINS]
    assert find_plugin(plugins, "MongoSinkConnector") == find_plugin(plugins, "a.MongoSinkConnector")
    with pytest.raises(UnknownName, match=r"did you mean MongoSinkConnector\?"):
        find_plugin(plugins, "MongoSinkConector")
    with pytest.raises(UnknownName, match=r"the worker has no plugin mongo \(did you mean MongoSinkConnector"):
        find_plugin(plugins, "mongo")


def test_documentation_is_told_without_tags_and_with_what_only_looks_like_one() -> None:
    definition = KeyDefinition("a", documentation="A <code>java.util.regex.Pattern</code>,<br/> as <database>.<p2>")
    assert definition_row(definition)["documentation"] == "A java.util.regex.Pattern, as <database>.<p2>"


def test_without_a_worker_common_plugins_are_known() -> None:
    (found,) = explain_offline("iceberg.control.commit.interval-ms")
    assert found.plugins == ("org.apache.iceberg.connect.IcebergSinkConnector",)
    assert explain_offline("flush.size", "S3SinkConnector")[0].definition.type == "INT"
    assert explain_offline("transforms.id.field")
    assert explain_offline("value.converter.schemas.enable")
    with pytest.raises(UnknownName, match="no plugin knows"):
        explain_offline("fluhs.size")
