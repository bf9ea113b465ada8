from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.lint.finding import Finding
from streamguard.connect.lint.run import errors, lint
from streamguard.connect.templates.environment import silences
from streamguard.connect.templates.render import render

HEAD = """{
  "connector.class": "com.example.FileSinkConnector",
  "topics": "orders",
  "key.converter": "org.apache.kafka.connect.storage.StringConverter",
  "value.converter": "org.apache.kafka.connect.storage.StringConverter",
"""
AUTO = '"consumer.override.enable.auto.commit": "true"'


def linted(folder: Path, body: str, values: dict[str, object] | None = None, **others: str) -> list[Finding]:
    (folder / "shop").mkdir(parents=True, exist_ok=True)
    for name, text in others.items():
        (folder / f"{name}.j2").write_text(text)
    template = folder / "shop" / "sink.json.j2"
    template.write_text(HEAD + body + "\n}\n")
    return lint([render(template, values or {}, folder)])


def test_a_finding_points_at_the_line_of_its_key_and_at_the_parameter(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, '  "consumer.override.auto.offset.reset": "{{ start }}"', {"start": "latest"})
    assert (found.rule, found.file, found.line) == ("start-at-end", tmp_path / "shop" / "sink.json.j2", 6)
    assert (found.parameter, found.key) == ("start", "consumer.override.auto.offset.reset")
    assert str(found).endswith(f"({found.place}; from start)")


def test_a_finding_in_an_included_file_points_there(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, '{% include "part.j2" %}', part=f"{{#- a comment\n  of two lines #}}\n{AUTO}")
    assert (found.file, found.line) == (tmp_path / "part.j2", 3)


@pytest.mark.parametrize(
    "comment",
    [
        "{# lint: ignore auto-commit: nothing is lost here #}\n  ",
        "{#- lint: ignore auto-commit: nothing is lost here -#}\n\n  ",
        "{#- lint: ignore auto-commit, start-at-end:\n  nothing is lost here #}\n",
        "{# lint: ignore auto-commit: nothing is lost here #}{# and more #}\n{% if true %}{% endif %}\n",
        "{# lint: ignore-file auto-commit: nothing is lost in this file #}\n\n\n\n",
    ],
)
def test_a_comment_above_a_key_silences_a_rule_with_a_reason(tmp_path: Path, comment: str) -> None:
    assert linted(tmp_path, comment + AUTO) == []


def test_a_comment_silences_its_own_rule_at_its_own_key_only(tmp_path: Path) -> None:
    above = '{# lint: ignore start-at-end: of another key #}\n"consumer.override.auto.offset.reset": "latest",\n'
    assert [finding.rule for finding in linted(tmp_path, above + AUTO)] == ["auto-commit"]
    found = linted(tmp_path, "{# lint: ignore start-at-end: of another rule #}\n" + AUTO)
    assert [finding.rule for finding in found] == ["auto-commit", "unused-ignore"]


def test_a_comment_in_an_included_file_silences_what_that_file_writes(tmp_path: Path) -> None:
    part = "{#- lint: ignore auto-commit: nothing is lost here #}\n" + AUTO
    assert linted(tmp_path, '{% include "part.j2" %}', part=part) == []


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("{# lint: ignore auto-commit #}", "with its rule and a reason"),
        ("{# lint: ignore auto-commit: #}", "with its rule and a reason"),
        ("{# lint: ignroe auto-commit: because #}", "with its rule and a reason"),
        ("{# lint: ignore : because #}", "with its rule and a reason"),
        ("{# lint: ignore auto-comit: because #}", "there is no rule auto-comit (did you mean auto-commit?)"),
        ("{# lint: ignore inline-secret: because #}", "inline-secret can not be silenced"),
    ],
)
def test_a_comment_that_silences_nothing_is_an_error_at_its_key(tmp_path: Path, comment: str, says: str) -> None:
    found = [finding for finding in errors(linted(tmp_path, f"{comment}\n{AUTO}")) if finding.rule.startswith("ignore")]
    assert says in found[0].text
    assert (found[0].rule, found[0].line) == ("ignore-without-reason", 7)


def test_a_secret_can_not_be_silenced(tmp_path: Path) -> None:
    body = '{# lint: ignore-file inline-secret: we know #}"a.password": "hunter2"'
    assert "inline-secret" in {finding.rule for finding in linted(tmp_path, body)}


def test_a_comment_that_is_not_needed_any_more_is_told_of(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, '{# lint: ignore start-at-end: once #}\n"tasks.max": "2"')
    assert (found.rule, found.severity, found.key) == ("unused-ignore", "warning", "tasks.max")


def test_a_comment_above_a_key_that_a_parameter_changes_is_not_called_unused(tmp_path: Path) -> None:
    body = '{# lint: ignore start-at-end: in some places #}\n"consumer.override.auto.offset.reset": "{{ start }}"'
    assert linted(tmp_path, body, {"start": "earliest"}) == []
    assert linted(tmp_path, body, {"start": "latest"}) == []


def test_other_comments_are_none_of_ours() -> None:
    assert silences(Path("x"), "{# a lint: ignore it #}{# ignore #}{# linted #}") == ()


def test_a_finding_about_a_key_that_is_not_there_points_at_its_nearest_relative(tmp_path: Path) -> None:
    route = '"transforms": "r",\n"transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter"'
    found = [f for f in linted(tmp_path, route) if f.rule == "missing-key"]
    assert {(f.key, f.line) for f in found} == {("transforms.r.regex", 7), ("transforms.r.replacement", 7)}
