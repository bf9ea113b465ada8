from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streamguard.connect.lint.annotations import annotation, checkout_of, line, merged
from streamguard.connect.lint.finding import Finding
from streamguard.connect.lint.run import lint_rendering
from streamguard.errors import TemplateError

HERE = Path("/shop")
FINDING = Finding(
    "start-at-end", "error", "sink", "a.key", "is wrong", HERE / "connectors" / "sink.json.j2", 7, "start", policy=True
)


def test_a_finding_is_a_line_as_compilers_write_it() -> None:
    assert line(FINDING, HERE) == (
        "connectors/sink.json.j2:7: error: a.key: is wrong (from the parameter start) [start-at-end] sink"
    )
    assert line(FINDING, Path("/elsewhere")).startswith("/shop/connectors/sink.json.j2:7: error: ")


def test_a_finding_annotates_the_line_of_a_pull_request() -> None:
    assert annotation(FINDING, HERE) == (
        "::error file=connectors/sink.json.j2,line=7,title=start-at-end (sink)::"
        "a.key: is wrong%0AFrom the parameter start."
    )


def test_no_text_of_a_finding_ends_an_annotation_or_begins_another() -> None:
    odd = replace(FINDING, text="50 %\r\n::error::x", connector="a,b::c", documentation="one\n::two")
    told = annotation(odd, HERE)
    assert "\n" not in told
    assert "\r" not in told
    assert told.startswith(
        "::error file=connectors/sink.json.j2,line=7,title=start-at-end (a%2Cb%3A%3Ac)::a.key: 50 %25"
    )


def test_what_several_connectors_have_from_one_file_is_told_once() -> None:
    pair = [FINDING, replace(FINDING, connector="other"), replace(FINDING, line=8)]
    assert [(finding.connector, finding.line) for finding in merged(pair)] == [("sink, other", 7), ("sink", 8)]


@pytest.mark.parametrize("place", ["line 3", "line 3, column 7"])
def test_a_template_that_does_not_render_is_an_error_at_its_file_and_line(place: str) -> None:
    failed = {"sink": TemplateError(f"connectors/shop/sink.json.j2, {place}: topcis is not defined")}
    (finding,) = lint_rendering([], failed)
    assert (finding.rule, finding.severity, finding.connector) == ("render", "error", "sink")
    assert (finding.file, finding.line) == (Path("connectors/shop/sink.json.j2"), 3)
    assert finding.text == "topcis is not defined"


def test_paths_are_as_seen_from_the_checkout(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert checkout_of(tmp_path / "a" / "b") == tmp_path
