"""Lint beside a real worker: what the worker takes without a word, and what lint says of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.connect.lint.definitions import Definitions, asked, shipped
from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.lint.validation import validation_findings
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector, render
from streamguard.errors import ConnectorNotFound
from streamguard.settings import Settings

pytestmark = pytest.mark.usefixtures("connect")

NAME = "lint-trial"
MONGODB = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "topics": "{{ topics }}",
    "connection.uri": "{{ env('STREAMGUARD_MONGODB_URI') }}",
    "database": "lint_trial",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInValueStrategy",
    "writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
}


@pytest.fixture
def client(settings: Settings) -> Iterator[ConnectClient]:
    client = ConnectClient(settings.connect_url)
    yield client
    with contextlib.suppress(ConnectorNotFound):
        client.delete(NAME)


def sink(folder: Path, **changed: str) -> Connector:
    """A sink of which each key has a line of its own, in the order of MONGODB; what is changed comes last."""
    (folder / "shop").mkdir(exist_ok=True)
    template = folder / "shop" / f"{NAME}.json.j2"
    config = {**MONGODB, **{key.replace("__", "."): value for key, value in changed.items()}}
    template.write_text("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(config[key])}" for key in config) + "\n}")
    return render(template, {"topics": NAME}, folder)


def config_of(connector: Connector) -> dict[str, str]:
    return {**connector.config, "name": connector.name}


def live(client: ConnectClient, connector: Connector) -> Facts:
    return Facts(asked(client, [connector]), {NAME: 2})


def test_the_definitions_that_lint_carries_along_are_those_of_the_worker(client: ConnectClient) -> None:
    listed = {plugin.class_name for plugin in client.plugins(connectors_only=False)}
    assert listed <= set(shipped().keys), "run docs/definitions.py URL"
    for name in sorted(listed):
        mine = {key.name: (key.type, key.required) for key in (shipped().of(name) or {}).values()}
        theirs = {key.name: (key.type, key.required) for key in client.plugin_config(name)}
        assert {key: mine.get(key) for key in theirs} == theirs, f"{name}: run docs/definitions.py URL"


def test_misspelt_keys_are_no_error_for_the_worker_and_told_by_lint_with_the_ones_that_were_meant(
    client: ConnectClient, tmp_path: Path
) -> None:
    connector = sink(
        tmp_path,
        topcis="x",
        errors__tolerence="all",
        value__converter__schema__enable="false",
        transforms="a",
        transforms__a__type="org.apache.kafka.connect.transforms.InsertField$Value",
        transforms__a__sttic__field="x",
    )
    assert client.validate(connector.class_name, config_of(connector)).errors == ()
    found = {finding.key: finding.text for finding in lint([connector], live(client, connector))}
    for key, meant in {
        "topcis": "topics",
        "errors.tolerence": "errors.tolerance",
        "value.converter.schema.enable": "value.converter.schemas.enable",
        "transforms.a.sttic.field": "transforms.a.static.field",
    }.items():
        assert f"(did you mean {meant}?)" in found[key]
    assert found == {finding.key: finding.text for finding in lint([connector])}, "offline it says the same"


def test_a_dead_letter_topic_that_is_the_source_is_told_also_where_the_plugin_hides_it_from_the_worker(
    client: ConnectClient, tmp_path: Path
) -> None:
    loop = {"errors__tolerance": "all", "errors__deadletterqueue__topic__name": NAME}
    iceberg = sink(tmp_path, connector__class="org.apache.iceberg.connect.IcebergSinkConnector", **loop)
    refused = client.validate(iceberg.class_name, config_of(iceberg))
    assert "may not be included in the list of topics" in {e.field: e.message for e in refused.errors}["topics"]
    mongodb = sink(tmp_path, mongo__errors__tolerance="data", **loop)  # it defines `topics` itself, and so hides it
    assert client.validate(mongodb.class_name, config_of(mongodb)).errors == ()
    client.create(mongodb.name, mongodb.config, "stopped")
    assert client.config(NAME)["errors.deadletterqueue.topic.name"] == NAME
    for connector in (iceberg, mongodb):
        assert "dead-letter-loop" in {finding.rule for finding in lint([connector])}


def test_what_a_plugin_refuses_is_told_at_the_templates_line_with_the_plugins_documentation(
    client: ConnectClient, tmp_path: Path
) -> None:
    connector = sink(tmp_path, max__batch__size="many")
    answer = client.validate(connector.class_name, config_of(connector))
    (finding,) = validation_findings(connector, answer)
    assert (finding.key, finding.line) == ("max.batch.size", len(MONGODB) + 2)
    assert finding.text == "Invalid value many for configuration max.batch.size: Not a number of type INT"
    assert finding.documentation.startswith("The maximum number of sink records to possibly batch together")
    assert [(found.rule, found.line) for found in lint([connector])] == [("wrong-type", finding.line)]


def test_a_plugin_and_its_parts_that_the_worker_has_are_known_and_others_told(
    client: ConnectClient, tmp_path: Path
) -> None:
    right = sink(tmp_path)
    assert lint([right], live(client, right)) == []
    wrong = sink(tmp_path, value__converter="org.apache.kafka.connect.json.JsonConvertor")
    found = [finding for finding in lint([wrong], live(client, wrong)) if finding.rule == "unknown-class"]
    assert "(did you mean org.apache.kafka.connect.json.JsonConverter?)" in found[0].text


def test_the_worker_is_asked_for_each_class_once(client: ConnectClient, tmp_path: Path) -> None:
    connector = sink(tmp_path)
    known: Definitions = asked(client, [connector] * 50)
    assert set(known.keys) == {
        MONGODB["connector.class"],
        MONGODB["key.converter"],
        MONGODB["value.converter"],
    }
