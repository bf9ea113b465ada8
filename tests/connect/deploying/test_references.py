"""A worker is asked which references it does not resolve, and nothing that it resolves is sent back."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.deploying import references
from streamguard.connect.deploying.references import NOBODY_KNOWS, RULE, Resolution, resolutions
from streamguard.connect.rest.answers import Plugin
from streamguard.connect.templates.render import Connector
from tests.connect.conftest import Answer, Script, error

ICEBERG = Plugin("org.apache.iceberg.connect.IcebergSinkConnector", "sink", "1.12.0")
MONGODB = Plugin("com.mongodb.kafka.connect.MongoSinkConnector", "sink", "2.0.1")
NEVER = (
    "Connector configuration is invalid and contains the following 2 error(s):\n"
    "Invalid value 0 for configuration tasks.max: Value must be at least 1\n"
)
OVERLAP = (
    "The DLQ topic '{}' may not be matched by the regex for the topics ('topics.regex=…') consumed by the connector"
)


def left(reference: str) -> Answer:
    """What a worker says that has left a reference as it is."""
    return error(400, NEVER + OVERLAP.format(reference))


REFUSED = error(400, NEVER)


def test_what_a_worker_leaves_as_it_is_is_unresolved_and_what_it_replaces_is_resolved(script: Script) -> None:
    script.answers = [left(NOBODY_KNOWS), left("${env:NOPE}"), REFUSED, left("${vault:a:b}")]
    found = resolutions(script.client(), ["${vault:a:b}", "${env:SECRET}", "${env:NOPE}"], [MONGODB, ICEBERG])
    assert {reference: one.state for reference, one in found.items()} == {
        "${env:NOPE}": "unresolved",
        "${env:SECRET}": "resolved",
        "${vault:a:b}": "unresolved",
    }
    assert "allowlist.pattern" in found["${env:NOPE}"].reason
    assert "vault" in found["${vault:a:b}"].reason


def test_the_sink_that_is_asked_with_can_never_be_made(script: Script) -> None:
    script.answers = [left(NOBODY_KNOWS), REFUSED]
    resolutions(script.client(), ["${env:SECRET}"], [ICEBERG])
    for asked in script.asked:
        assert (asked.method, asked.path) == ("POST", "/connectors")
        assert asked.body["initial_state"] == "STOPPED"
        assert asked.body["config"]["tasks.max"] == "0"
        assert asked.body["config"]["errors.tolerance"] not in ("none", "all")


def test_the_pattern_holds_the_reference_so_that_the_worker_does_not_resolve_it_too(script: Script) -> None:
    script.answers = [left(NOBODY_KNOWS), REFUSED]
    resolutions(script.client(), ["${file:/run/a b.properties:key}"], [ICEBERG])
    config = script.asked[-1].body["config"]
    assert config["errors.deadletterqueue.topic.name"] == "${file:/run/a b.properties:key}"
    assert config["topics.regex"].startswith(r"\$\{file:")


def test_each_reference_is_asked_for_once_however_many_connectors_have_it(script: Script) -> None:
    script.answers = [left(NOBODY_KNOWS), left("${env:NOPE}")]
    connectors = [
        Connector(f"c{n}", {"connector.class": "S", "a": "${env:NOPE}", "b": "x${env:NOPE}"}, Path("c.json.j2"))
        for n in range(5)
    ]
    found = references.findings(script.client(), connectors, [ICEBERG])
    assert len(script.asked) == 2
    assert [(one.connector, one.key, one.rule, one.severity) for one in found] == [
        (f"c{n}", key, RULE, "error") for n in range(5) for key in ("a", "b")
    ]
    assert found[0].text.startswith("the worker does not resolve ${env:NOPE}: the variable is not set there")


def test_a_provider_that_fails_is_told_without_its_words(script: Script) -> None:
    script.answers = [left(NOBODY_KNOWS), error(500, "Could not read properties from file /run/s3cr3t")]
    found = resolutions(script.client(deadline=0), ["${file:/run/x:y}"], [ICEBERG])
    assert found["${file:/run/x:y}"] == Resolution(
        "${file:/run/x:y}", "unresolved", "its provider fails, see the worker's log"
    )


def test_a_plugin_that_hides_the_complaint_is_not_believed(script: Script) -> None:
    """MongoDB's own `topics.regex` takes the place of Connect's, with the error that was there."""
    script.answers = [REFUSED]
    found = resolutions(script.client(), ["${env:NOPE}"], [ICEBERG])
    assert found["${env:NOPE}"].state == "unknown"


def test_nothing_is_asked_where_no_plugin_can_be_or_nothing_is_to_be_known(script: Script) -> None:
    assert resolutions(script.client(), [], [ICEBERG]) == {}
    assert resolutions(script.client(), ["${env:NOPE}"], [MONGODB])["${env:NOPE}"].state == "unknown"
    assert script.asked == []


@pytest.mark.parametrize("answer", [Answer(201, {}), Answer(200, {})])
def test_a_server_that_makes_the_sink_all_the_same_is_rid_of_it(script: Script, answer: Answer) -> None:
    script.answers = [answer, Answer(204)]
    resolutions(script.client(), ["${env:X}"], [ICEBERG])
    assert script.calls == ["POST /connectors", f"DELETE /connectors/{references.ASKING}"]


CONFIGS = {
    "a": {"connection.uri": "${env:URI}", "some.password": "••••", "topics": "t"},
    "b": {"connection.uri": "mongodb://${env:USER}:${file:/run/s:URI}@h/", "some.password": "hunter2"},
}


def test_the_secrets_of_a_cluster_are_listed_by_reference_and_none_by_value(script: Script) -> None:
    script.answers = [
        Answer(200, [{"class": ICEBERG.class_name, "type": "sink", "version": "1"}]),
        *(left(NOBODY_KNOWS), left("${env:URI}"), REFUSED, REFUSED),
    ]
    found = references.secrets_of(script.client(), CONFIGS)
    assert [(one.connector, one.key, one.reference, one.state) for one in found] == [
        ("a", "connection.uri", "${env:URI}", "unresolved"),
        ("b", "connection.uri", "${env:USER}", "resolved"),
        ("b", "connection.uri", "${file:/run/s:URI}", "resolved"),
        ("b", "some.password", "", "in clear"),
    ]
    assert "hunter2" not in str([one.row() for one in found])


def test_a_reference_is_found_whole_or_by_the_last_part_of_its_name() -> None:
    assert references.using(CONFIGS, ["URI"]) == ["a", "b"]
    assert references.using(CONFIGS, ["${env:URI}"]) == ["a"]
    assert references.using(CONFIGS, ["USER", "${env:URI}"]) == ["a", "b"]
    assert references.using(CONFIGS, ["env"]) == []
    assert references.meant(CONFIGS, ["USER", "${env:URI}"]) == ["${env:URI}", "${env:USER}"]
    assert references.meant(CONFIGS, ["env"]) == []
