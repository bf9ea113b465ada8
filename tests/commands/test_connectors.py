from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from streamguard.commands import run
from tests.connect.conftest import Answer, Script, error, script

__all__ = ["script"]

REPOSITORY = Path(__file__).parent.parent.parent
NAMES = ["transactions-mongodb-sink", "transactions-s3-sink", "users-mongodb-sink", "users-s3-sink"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors", "ksql", "init"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def closed_url() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def connectors(project: Path, *arguments: str) -> int:
    return run(["--project", str(project), "connectors", *arguments])


def listing(config: dict[str, str], state: str = "RUNNING", trace: str = "") -> Answer:
    tasks = [{"id": 0, "state": state, "worker_id": "w", "trace": trace}]
    status = {"name": "c", "type": "sink", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": tasks}
    return Answer(body={"c": {"info": {"config": config}, "status": status}})


def test_render_prints_every_config_and_no_secret(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "render") == 0
    rendered = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in rendered] == NAMES
    assert rendered[0]["config"]["connection.uri"] == "${env:STREAMGUARD_MONGODB_URI}"


def test_render_takes_names_values_and_set(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "render", "users-mongodb-sink", "--set", "mongodb_tasks=4", "--values", "local") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["config"]["tasks.max"] == "4"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["render", "users-mongodb-snk"], 64, "users-mongodb-snk (did you mean users-mongodb-sink?)"),
        (["render", "--values", "nowhere"], 1, "no values nowhere"),
        (["render", "--set", "nonsense"], 64, "--set takes KEY=VALUE"),
        (["render", "--pipeline", "bnak"], 64, "did you mean bank?"),
        (["render", "--set", "s3_endpoint=http://u:hunter2@h/"], 3, "s3_endpoint holds a password in an address"),
        (["render", "--set", "s3_region=${file:/etc/passwd:root}"], 3, "references are written in templates"),
        (["list", "--url", "nonsense"], 1, "is no address of Kafka Connect"),
        (["restart"], 64, "Missing argument"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_its_exit_code(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert connectors(project, *arguments) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert "hunter2" not in captured.err + captured.out
    assert captured.out == ""


def test_an_undefined_variable_is_told_with_file_and_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = project / "connectors" / "bank" / "users-mongodb-sink.json.j2"
    template.write_text(template.read_text().replace("mongodb_tasks", "mongodb_taks"))
    assert connectors(project, "render") == 1
    assert "users-mongodb-sink.json.j2, line 5: mongodb_taks is not defined (did you mean mongodb_tasks?)" in (
        capsys.readouterr().err
    )


def test_a_secret_in_a_template_is_refused_with_3_and_not_printed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = project / "connectors" / "bank" / "users-mongodb-sink.json.j2"
    template.write_text(template.read_text().replace('"collection"', '"x.password": "hunter2",\n"collection"'))
    for command in (["render"], ["plan", "--url", "http://127.0.0.1:9"]):
        assert connectors(project, *command) == 3
        captured = capsys.readouterr()
        assert "x.password holds a secret" in captured.err
        assert "hunter2" not in captured.err + captured.out


def test_a_worker_that_is_away_is_one_sentence(
    project: Path, closed_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connectors(project, "list", "--url", closed_url) == 1
    assert f"no Kafka Connect answers at {closed_url}" in capsys.readouterr().err


def test_plan_ends_with_2_only_if_asked_and_if_something_differs(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.rest = Answer(body={})
    assert connectors(project, "plan", "--url", script.url) == 0
    assert connectors(project, "plan", "--url", script.url, "--detailed-exitcode") == 2
    assert capsys.readouterr().out.splitlines()[:4] == [f"+ {name}: create" for name in NAMES]
    assert connectors(project, "deploy", "--dry-run", "--url", script.url, "-o", "json") == 0
    assert [change["action"] for change in json.loads(capsys.readouterr().out)] == ["create"] * 4
    assert {call.split()[0] for call in script.calls} == {"GET"}


def test_status_shows_the_first_cause_without_secrets(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = "x\n\tat y\nCaused by: a.ConnectException: no file '/data/s3cr3t/y'\n\tat z"
    script.rest = listing({"file": "/data/${env:X}/y"}, "FAILED", trace)
    assert connectors(project, "status", "--url", script.url, "-o", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["tasks"], row["cause"]) == (["FAILED"], "ConnectException: no file '********'")
    assert connectors(project, "status", "d", "--url", script.url) == 1
    assert f"{script.url} has no connector d (there are c)" in capsys.readouterr().err


def test_delete_asks_first(project: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert connectors(project, "delete", "c", "--url", script.url) == 130
    assert script.asked == []
    script.answers = [Answer(204), error(404, "Connector d not found")]
    assert connectors(project, "delete", "c", "--yes", "--url", script.url) == 0
    assert connectors(project, "delete", "d", "--yes", "--url", script.url) == 1


def test_every_command_has_help_with_examples(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from streamguard.commands.connectors import connectors as group

    for name in group.commands:
        assert connectors(project, name, "--help") == 0
        assert f"streamguard connectors {name}" in capsys.readouterr().out


def test_the_address_of_the_worker_comes_from_the_settings(
    project: Path, script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMGUARD_CONNECT_URL", script.url)
    script.answers = [Answer(body=[{"class": "a.B", "type": "sink", "version": "1"}])]
    assert connectors(project, "plugins") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["a.B", "sink", "1"]
    assert urlsplit(script.url).port
