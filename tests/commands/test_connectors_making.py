"""parameters, companions, new, export, plugins, explain, loggers, render --format: what they print and write."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from streamguard.commands import run
from streamguard.settings import inherited_environment
from tests.connect.conftest import Answer, Script, error, script

pytestmark = pytest.mark.slow

__all__ = ["script"]

REPOSITORY = Path(__file__).parent.parent.parent
PLUGINS = [{"class": "a.SinkConnector", "type": "sink", "version": "1"}]
KEYS = [
    {"name": "collection", "type": "STRING", "importance": "HIGH", "documentation": "Where to.", "default_value": "c"},
    {"name": "password", "type": "PASSWORD", "importance": "LOW", "documentation": "Secret.", "default_value": None},
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors", "ksql", "init"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    return tmp_path


def connectors(project: Path, *arguments: str) -> int:
    return run(["--project", str(project), "connectors", *arguments])


def test_parameters_lists_kinds_and_what_each_takes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "parameters", "-o", "json") == 0
    assert {row["kind"] for row in json.loads(capsys.readouterr().out)} == {"mongodb", "iceberg", "s3", "postgres"}
    assert connectors(project, "parameters", "mongodb", "-o", "json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["max_batch_size"]["default"] == 1000
    assert rows["mongodb_database"]["required"]
    assert connectors(project, "parameters", "users-s3-sink", "-o", "json") == 0
    assert "iceberg_commit_interval_ms" in {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert connectors(project, "parameters", "mongdb") == 64
    assert "did you mean mongodb?" in capsys.readouterr().err


def test_companions_are_printed_or_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "companions", "users-s3-sink") == 0
    assert "VACUUM bank.raw_users_log;" in capsys.readouterr().out
    assert connectors(project, "companions", "--into", str(project / "made")) == 0
    assert {path.name for path in (project / "made").iterdir()} >= {
        "transactions-s3-sink.athena.sql",
        "users-s3-sink.maintenance.spark.sql",
    }
    assert connectors(project, "companions", "users-s4-sink") == 64


def test_render_prints_what_other_tools_take(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "render", "--format", "strimzi", "--cluster", "mine") == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    templates = list(project.glob("connectors/*/*.json.j2"))
    assert [entry["metadata"]["labels"]["strimzi.io/cluster"] for entry in documents] == ["mine"] * len(templates)
    assert connectors(project, "render", "users-s3-sink", "--format", "properties") == 0
    assert "name=users-s3-sink\n" in capsys.readouterr().out
    assert connectors(project, "render", "users-s3-sink", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "users-s3-sink"


def test_new_writes_template_and_values_and_tells_which_topics_are_missing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["new", "mongodb", "alerts-sink", "--topics", "users", "--set", "collection=alerts", "--about", "Alerts."]
    assert connectors(project, *command) == 0
    assert f"add to the topics of {project}/init/bank.yml: alerts-sink-dead-letter" in capsys.readouterr().err
    own = yaml.safe_load((project / "connectors/bank/alerts-sink.yml").read_text())
    assert own == {"topics": ["users"], "collection": "alerts"}
    assert connectors(project, *command) == 1
    assert "is there already, and is not written over" in capsys.readouterr().err
    assert connectors(project, "render", "alerts-sink") == 0
    assert json.loads(capsys.readouterr().out)[0]["config"]["collection"] == "alerts"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["new", "mongo", "x"], 64, "there is no kind of sink mongo (did you mean mongodb?)"),
        (["new", "s3", "x", "--topics", "users"], 1, "nothing was written: "),
        (["new", "s3", "x", "--set", "s3_buckt=y"], 64, "has no parameter s3_buckt (did you mean s3_bucket?)"),
        (["new", "s3", "x", "--set", "nonsense"], 64, "--set takes KEY=VALUE"),
        (["new", "s3", "a/b", "--topics", "users"], 64, "is no name of a connector"),
        (["new", "mongodb", "x", "-p", "bnak"], 64, "did you mean bank?"),
        (["export", "-p", "bnak"], 64, "no pipeline bnak (did you mean bank?)"),
        (["loggers", "set", "root", "LOUD"], 64, "'LOUD' is not one of"),
        (["loggers", "set", "root", "INFO", "--for", "soon"], 64, "'soon' is no duration"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    before = sorted((project / "connectors").rglob("*"))
    assert connectors(project, *arguments) == code
    assert says in capsys.readouterr().err
    assert sorted((project / "connectors").rglob("*")) == before


def test_on_a_terminal_new_asks_for_what_the_options_do_not_say(project: Path) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "streamguard", "--project", str(project), "connectors", "new", "s3", "files-sink"]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=inherited_environment())
    os.close(end)
    answers = {"Bucket": "some-bucket", "Topics": "users", "Columns": "id: string, n: long"}
    seen, asked = "", 0
    while process.poll() is None or select.select([terminal], [], [], 0)[0]:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 4096).decode()
            except OSError:
                break
        question = next((name for name in answers if name in seen[asked:] and seen.rstrip(" ").endswith(":")), None)
        if question and "]:" not in seen[asked:]:
            asked = len(seen)
            os.write(terminal, f"{answers.pop(question)}\n".encode())
    os.close(terminal)
    assert process.wait(10) == 0, seen
    own = yaml.safe_load((project / "connectors/bank/files-sink.yml").read_text())
    assert own == {"s3_bucket": "some-bucket", "topics": ["users"], "columns": {"id": "string", "n": "long"}}


def test_a_project_without_pieces_is_told_where_some_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(project / "connectors" / "shared")
    assert connectors(project, "new", "mongodb", "x", "-p", "bank") == 64
    said = capsys.readouterr().err
    assert f"{project / 'connectors/shared'} has none; copy what is in " in said
    assert Path(said.split()[-1], "mongodb-sink.j2").is_file()


@pytest.mark.parametrize("pipeline", ["bank", "legacy"])
def test_export_writes_templates_and_no_secret_also_into_a_folder_that_is_new(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str], pipeline: str
) -> None:
    config = {"connector.class": "a.SinkConnector", "topics": "t", "password": "hunter2", "name": "legacy"}
    status = {"name": "legacy", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [], "type": "sink"}
    script.answers = [Answer(body={"legacy": {"info": {"config": config}, "status": status}}), Answer(body=KEYS)]
    assert connectors(project, "export", "-p", pipeline, "--url", script.url) == 0
    err = capsys.readouterr().err
    assert "password: give the worker the variable LEGACY_PASSWORD" in err
    text = (project / "connectors" / pipeline / "legacy.json.j2").read_text()
    assert "hunter2" not in text + err
    assert connectors(project, "render", "legacy") == 0
    rendered = json.loads(capsys.readouterr().out)[0]["config"]
    assert (rendered["password"], rendered["topics"]) == ("${env:LEGACY_PASSWORD}", "t")
    status = {"name": "legacy", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [], "type": "sink"}
    script.answers = [Answer(body={"legacy": {"info": {"config": config}, "status": status}}), Answer(body=KEYS)]
    assert connectors(project, "export", "-p", pipeline, "--url", script.url) == 1
    assert "is not written over" in capsys.readouterr().err


def test_plugins_and_explain_show_keys(project: Path, script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers = [
        Answer(body=PLUGINS),
        Answer(body=PLUGINS),
        Answer(body=KEYS),
        Answer(body=PLUGINS),
        Answer(body=KEYS),
    ]
    assert connectors(project, "plugins", "list", "--url", script.url) == 0
    assert "a.SinkConnector" in capsys.readouterr().out
    options = ["SinkConnector", "--importance", "high", "--url", script.url, "-o", "json"]
    assert connectors(project, "plugins", "describe", *options) == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == ["collection"]
    assert connectors(project, "explain", "collection", "--url", script.url) == 0
    assert "Where to." in capsys.readouterr().out


def test_plugins_alone_lists_them(project: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGUARD_CONNECT_URL", script.url)
    script.rest = Answer(body=PLUGINS)
    assert connectors(project, "plugins") == 0
    assert script.calls == ["GET /connector-plugins"]


def test_ctrl_c_sets_a_logger_back_and_the_command_ends_with_0(project: Path, script: Script) -> None:
    levels = {"root": {"level": "WARN"}, "x": {"level": "ERROR"}}
    script.answers = [Answer(body=levels), Answer(204), Answer(204), Answer(body=levels)]
    command = [sys.executable, "-m", "streamguard", "--project", str(project), "connectors", "loggers", "set"]
    process = subprocess.Popen(
        [*command, "x", "DEBUG", "--for", "10m", "--url", script.url],
        stderr=subprocess.PIPE,
        env=inherited_environment(),
    )
    end = time.monotonic() + 30
    while len(script.asked) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(2)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert [asked.body for asked in script.asked if asked.method == "PUT"] == [{"level": "DEBUG"}, {"level": "ERROR"}]
    assert told.decode().splitlines() == ["x: DEBUG for 10m, or until Ctrl-C", "x: ERROR again"]


def test_a_worker_that_refuses_is_one_sentence(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.rest = error(403, "forbidden")
    assert connectors(project, "loggers", "get", "--url", script.url) == 1
    assert "forbidden" in capsys.readouterr().err
