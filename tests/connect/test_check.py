from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.answers import FieldError, Validation
from streamguard.connect.check import check, policy_findings, topic_findings, unknown_keys, validation_findings
from streamguard.connect.render import Connector
from tests.connect.conftest import Answer, Script, error

PLUGINS = [{"class": "org.x.MongoSinkConnector", "type": "sink", "version": "2.0.1"}]
KNOWN = frozenset(
    {"topics", "tasks.max", "errors.tolerance", "transforms", "transforms.id.type", "transforms.id.field", "name"}
    | {"value.converter", "value.converter.schemas.enable", "connector.class", "topic.override.%s.%s"}
)


def connector(**config: str) -> Connector:
    return Connector(
        "c", {key.replace("__", "."): value for key, value in config.items()}, Path("connectors/bank/c.json.j2")
    )


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("topcis", "topics"),
        ("errors.tolerence", "errors.tolerance"),
        ("transforms.id.feild", "transforms.id.field"),
        ("value.converter.schema.enable", "value.converter.schemas.enable"),
        ("task.max", "tasks.max"),
    ],
)
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(typo: str, meant: str) -> None:
    (finding,) = validation_findings(connector(**{typo: "x"}), Validation((), KNOWN))
    assert str(finding) == f"{typo}: the plugin knows no such key (did you mean {meant}?)"


@pytest.mark.parametrize(
    "key", ["iceberg.catalog.uri", "iceberg.kafka.auto.offset.reset", "transforms.mine.anything", "topic.override.t.x"]
)
def test_keys_that_a_plugin_passes_on_or_does_not_list_are_no_finding(key: str) -> None:
    assert unknown_keys({key: "x"}, Validation((), KNOWN)) == []


def test_an_override_that_the_worker_lists_without_a_definition_is_unknown() -> None:
    answer = Validation((), KNOWN, frozenset({"consumer.override.sesion.timeout.ms"}))
    config = {"consumer.override.sesion.timeout.ms": "1", "consumer.override.other": "1"}
    assert unknown_keys(config, answer) == ["consumer.override.sesion.timeout.ms"]


def test_what_the_plugin_refuses_is_told_by_field() -> None:
    answer = Validation((FieldError("tasks.max", "Not a number of type INT"),), KNOWN)
    assert [str(finding) for finding in validation_findings(connector(topics="t"), answer)] == [
        "tasks.max: Not a number of type INT"
    ]


def test_a_topic_that_does_not_exist_is_told() -> None:
    wanted = connector(topics="users, payments", iceberg__control__topic="c-control")
    found = [str(finding) for finding in topic_findings(wanted, {"user": 1, "payments": 4})]
    assert found == [
        "topics: there is no topic users (did you mean user?): create it with `streamguard topics apply`",
        "iceberg.control.topic: there is no topic c-control (there are payments, user): create it with "
        "`streamguard topics apply`",
    ]


def test_a_secret_in_clear_is_against_policy_and_not_in_the_finding() -> None:
    (finding,) = policy_findings(connector(connection__uri="mongodb://u:hunter2@h/"))
    assert finding.policy
    assert "hunter2" not in str(finding)


@pytest.mark.parametrize("key", ["topics", "tasks__max", "iceberg__tables", "errors__deadletterqueue__topic__name"])
def test_a_name_that_the_worker_resolves_is_against_policy_because_traces_show_names(key: str) -> None:
    (finding,) = policy_findings(connector(**{key: "x-${env:SOME_SECRET}"}))
    assert (finding.key, finding.policy) == (key.replace("__", "."), True)
    assert policy_findings(connector(connection__uri="${env:SOME_SECRET}", iceberg__catalog__uri="${env:X}")) == []


def test_dead_letters_into_the_sinks_own_topic_are_against_policy() -> None:
    wanted = connector(topics="a,b", errors__deadletterqueue__topic__name="b")
    assert [finding.key for finding in policy_findings(wanted)] == ["errors.deadletterqueue.topic.name"]


def test_tolerance_without_a_dead_letter_topic_is_against_policy() -> None:
    assert [finding.key for finding in policy_findings(connector(errors__tolerance="all"))] == ["errors.tolerance"]


def test_a_wrong_class_is_told_with_the_one_that_was_meant_and_not_validated(script: Script) -> None:
    script.answers = [Answer(body=PLUGINS)]
    client = script.client()
    (finding,) = check(client, connector(connector__class="org.x.MongoSinkConector"), client.plugins(), {})
    assert str(finding) == (
        "connector.class: the worker has no plugin org.x.MongoSinkConector (did you mean org.x.MongoSinkConnector?)"
    )
    assert len(script.asked) == 1


@pytest.mark.parametrize("name", ["org.x.MongoSinkConnector", "MongoSinkConnector", "MongoSink"])
def test_a_class_may_be_named_in_the_ways_that_connect_takes(script: Script, name: str) -> None:
    script.answers = [Answer(body=PLUGINS), Answer(body={"configs": [], "error_count": 0})]
    client = script.client()
    findings = check(client, connector(connector__class=name), client.plugins(), {})
    assert [finding.key for finding in findings] == ["connector.class"]  # the scripted worker lists no key at all
    assert script.asked[1].body == {"connector.class": name, "name": "c"}


def test_a_plugin_that_fails_on_a_config_is_a_finding_of_that_connector(script: Script) -> None:
    script.answers = [Answer(body=PLUGINS), error(500, "java.lang.IllegalArgumentException: state should be: a name")]
    client = script.client()
    (finding,) = check(client, connector(connector__class="MongoSink"), client.plugins(), {})
    assert "the plugin failed on this config: " in finding.text
    assert "state should be: a name" in finding.text
