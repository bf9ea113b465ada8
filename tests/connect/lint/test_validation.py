from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.lint.validation import first_sentence, validation_findings
from streamguard.connect.rest.answers import FieldError, KeyDefinition, Validation
from streamguard.connect.templates.render import Connector, render

KNOWN = frozenset(
    {"topics", "tasks.max", "errors.tolerance", "transforms", "transforms.id.type", "transforms.id.field", "name"}
    | {"value.converter", "value.converter.schemas.enable", "connector.class", "topic.override.%s.%s"}
)


def connector(**config: str) -> Connector:
    return Connector("c", {key.replace("__", "."): value for key, value in config.items()}, Path("c.json.j2"))


def test_a_plugins_error_points_at_the_templates_line_and_parameter_with_the_plugins_documentation(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop").mkdir()
    template = tmp_path / "shop" / "sink.json.j2"
    template.write_text('{"connector.class": "X",\n\n "tasks.max": "{{ tasks }}"}')
    said = "Maximum number of tasks to use for this connector. More than there are partitions do nothing."
    answer = Validation(
        (FieldError("tasks.max", "Invalid value many for configuration tasks.max: Not a number of type INT"),),
        KNOWN,
        definitions=(KeyDefinition("tasks.max", "INT", said),),
    )
    (finding,) = validation_findings(render(template, {"tasks": "many"}, tmp_path), answer)
    assert (finding.rule, finding.file, finding.line, finding.parameter) == ("plugin", template, 3, "tasks")
    assert finding.documentation == "Maximum number of tasks to use for this connector."
    assert not finding.policy
    assert str(finding).endswith(
        f"({template}:3; from tasks; the plugin says: Maximum number of tasks to use for this connector.)"
    )


def test_an_error_about_a_key_that_is_not_there_points_at_the_class(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    template = tmp_path / "shop" / "sink.json.j2"
    template.write_text('{"topics": "a",\n "connector.class": "X"}')
    error = FieldError("database", 'Missing required configuration "database" which has no default value.')
    (finding,) = validation_findings(render(template, {}, tmp_path), Validation((error,), KNOWN))
    assert (finding.key, finding.line) == ("database", 2)


def test_the_first_error_of_each_key_is_told() -> None:
    answer = Validation((FieldError("b", "first"), FieldError("b", "second"), FieldError("a", "third")), KNOWN)
    assert [finding.text for finding in validation_findings(connector(topics="t"), answer)] == ["third", "first"]


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
def test_a_misspelt_key_that_validation_says_nothing_about_is_told_with_the_one_that_was_meant(
    typo: str, meant: str
) -> None:
    (finding,) = validation_findings(connector(**{typo: "x"}), Validation((), KNOWN))
    assert (finding.rule, finding.key) == ("unknown-key", typo)
    assert finding.text == f"the plugin knows no such key (did you mean {meant}?)"


@pytest.mark.parametrize(
    "key",
    [
        *("iceberg.catalog.uri", "iceberg.kafka.auto.offset.reset", "transforms.mine.anything", "topic.override.t.x"),
        *("consumer.override.other", "streamguard.owner"),
    ],
)
def test_keys_that_a_plugin_passes_on_or_does_not_list_are_no_finding(key: str) -> None:
    assert validation_findings(connector(**{key: "x"}), Validation((), KNOWN)) == []


def test_an_override_that_the_worker_lists_with_a_null_definition_is_unknown() -> None:
    answer = Validation((), KNOWN, frozenset({"consumer.override.sesion.timeout.ms"}))
    found = validation_findings(connector(**{"consumer.override.sesion.timeout.ms": "1"}), answer)
    assert [finding.key for finding in found] == ["consumer.override.sesion.timeout.ms"]


@pytest.mark.parametrize(
    ("documentation", "sentence"),
    [
        ("The <b>URI</b> of the\n server. Required.", "The URI of the server."),
        ("Files, e.g. those of version 1.2, and more. `x` as well.", "Files, e.g. those of version 1.2, and more."),
        ("No end", "No end"),
        ("word " * 60, ("word " * 60)[:199].rstrip() + "…"),
    ],
)  # fmt: skip
def test_of_a_documentation_the_first_sentence_is_told(documentation: str, sentence: str) -> None:
    assert first_sentence(documentation) == sentence
