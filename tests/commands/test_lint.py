"""`streamguard connectors lint`: exit codes, lines, annotations, documents."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from streamguard.commands import run
from tests.connect.conftest import Answer, Script, script

pytestmark = pytest.mark.slow

__all__ = ["script"]

REPOSITORY = Path(__file__).parent.parent.parent
SINK = "users-mongodb-sink"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("connectors", "ksql", "init"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(project: Path, *arguments: str) -> int:
    return run(["--project", str(project), "connectors", "lint", *arguments])


def spoil(project: Path, old: str, new: str) -> None:
    template = project / "connectors" / "bank" / f"{SINK}.json.j2"
    text = template.read_text()
    assert old in text
    template.write_text(text.replace(old, new))


def templates(project: Path) -> int:
    return len(list(project.glob("connectors/*/*.json.j2")))


def test_the_shipped_templates_are_clean_and_no_server_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint(project, "--strict") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{templates(project)} connectors: no errors, no warnings\n"


def test_an_error_ends_with_3_and_is_a_line_that_editors_understand(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(project, '"topics"', '"topcis"')
    assert lint(project) == 3
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"connectors/bank/{SINK}.json.j2:3: error: topcis: the plugin knows no such key (did you mean topics?) "
        f"[unknown-key] {SINK}",
        "connectors/shared/mongodb-sink.j2:7: error: topics: is not set: a sink takes topics or topics.regex "
        f"[topics] {SINK}",
    ]
    assert f"lint refuses 1 of {templates(project)} connectors: 2 errors, no warnings" in captured.err


def test_a_warning_ends_with_0_and_with_strict_with_3(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(project, '"bulk.write.ordered": "true"', '"errors.log.include.messages": "true"')
    spoil(project, '{% include "shared/mongodb-sink.j2" %}', '"connector.class": "x"')
    assert lint(project, SINK) == 0
    assert lint(project, SINK, "--strict") == 3
    assert ": warning: errors.log.include.messages: " in capsys.readouterr().out


def test_a_value_that_no_template_asks_for_is_told_with_its_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = project / "connectors" / "values" / "local.yml"
    lines = values.read_text().splitlines()
    values.write_text("\n".join([*lines, "s3_bukcet: acme"]) + "\n")
    assert lint(project) == 0
    assert capsys.readouterr().out == (
        f"connectors/values/local.yml:{len(lines) + 1}: warning: s3_bukcet: no template asks for it "
        "(did you mean s3_bucket?) [unused-value]\n"
    )
    assert lint(project, "--strict", "-o", "github") == 3
    assert capsys.readouterr().out.startswith("::warning file=connectors/values/local.yml,line=")


def test_a_template_that_does_not_render_is_an_annotation_beside_those_of_the_others(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".git").mkdir()
    spoil(project, '"users"', '"{{ topcis }}"')
    (project / "connectors" / "bank" / "other.json.j2").write_text(
        '{"connector.class": "X", "initial_state": "STOPPED"}'
    )
    assert lint(project, "-o", "github") == 3
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(
        f"::error file=connectors/bank/{SINK}.json.j2,line=3,title=render ({SINK})::topcis is not"
    )
    assert any(line.startswith("::error file=connectors/bank/other.json.j2,line=1,title=server-key") for line in told)


def test_a_document_has_file_line_and_parameter(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(project, '"{{ mongodb_tasks }}"', '"{{ mongodb_tasks }}x"')
    assert lint(project, SINK, "-o", "json", "--set", "mongodb_tasks=4") == 3
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["rule"], row["key"], row["parameter"], row["line"]) == ("wrong-type", "tasks.max", "mongodb_tasks", 5)
    assert row["file"].endswith(f"connectors/bank/{SINK}.json.j2")


def test_a_secret_in_a_template_is_told_and_not_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(project, '"collection": "users"', '"collection": "users", "connection.ssl.keystorePassword": "hunter2"')
    for output in ("table", "json", "github"):
        assert lint(project, "-o", output) == 3
    captured = capsys.readouterr()
    assert "inline-secret" in captured.out
    assert "hunter2" not in captured.out + captured.err


def test_with_a_worker_its_plugins_count(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamguard.commands.connectors.linting.topics_of", lambda _app: {"users": 1})
    script.answers = [
        Answer(body=[{"class": "com.example.Other", "type": "sink", "version": "1"}]),
        Answer(body={"version": "3.6.0", "commit": "x", "kafka_cluster_id": "y"}),
    ]
    assert lint(project, SINK, "--url", script.url) == 3
    told = capsys.readouterr().out
    for rule in ("unknown-class", "worker-too-old", "tasks-above-partitions"):
        assert f"[{rule}]" in told


def test_the_rules_can_be_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(project, "--rules") == 0
    assert "mongodb-outage-to-dead-letters" in capsys.readouterr().out
