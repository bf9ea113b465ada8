from __future__ import annotations

import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from streamguard.commands import run
from streamguard.commands.connectors.operating import _table
from streamguard.connect.operating.watch import Row
from streamguard.errors import KafkaUnavailable
from streamguard.kafka import group_offsets
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings
from tests.connect.conftest import Answer, Script, script

pytestmark = pytest.mark.slow

__all__ = ["script"]

REPOSITORY = Path(__file__).parent.parent.parent
NAMES = ["transactions-mongodb-sink", "transactions-s3-sink", "users-mongodb-sink", "users-s3-sink"]


@pytest.fixture(autouse=True)
def without_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka is away, and that is known at once."""

    def away(_cluster: Cluster) -> dict[str, int]:
        raise KafkaUnavailable("no broker")

    monkeypatch.setattr(Cluster, "partitions", away)


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
    own = state if state in ("PAUSED", "STOPPED") else "RUNNING"
    status = {"name": "c", "type": "sink", "connector": {"state": own, "worker_id": "w"}, "tasks": tasks}
    return Answer(body={"c": {"info": {"config": config}, "status": status}})


def test_render_prints_every_config_and_no_secret(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "render", "-p", "bank") == 0
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
        (["render", "--values", "nowhere"], 64, "no values nowhere"),
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
        assert "x.password: a secret in clear" in captured.err
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
    assert connectors(project, "plan", "-p", "bank", "--url", script.url) == 0
    assert connectors(project, "plan", "-p", "bank", "--url", script.url, "--detailed-exitcode") == 2
    assert capsys.readouterr().out.splitlines()[:4] == [f"+ {name}: create (POST)" for name in NAMES]
    assert connectors(project, "deploy", "-p", "bank", "--dry-run", "--url", script.url, "-o", "json") == 0
    assert [change["action"] for change in json.loads(capsys.readouterr().out)["connectors"]] == ["create"] * 4
    assert {call.split()[0] for call in script.calls} == {"GET"}


def test_render_takes_a_format_or_an_output_and_not_both(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors(project, "render", "--format", "strimzi", "-o", "json") == 64
    assert "--format and --output exclude each other" in capsys.readouterr().err


def test_many_tasks_are_counted_in_a_table_and_listed_elsewhere(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    states = ["RUNNING"] * 7 + ["FAILED", "UNASSIGNED"]
    tasks = [{"id": number, "state": state, "worker_id": "w"} for number, state in enumerate(states)]
    status = {"name": "c", "type": "sink", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": tasks}
    script.rest = Answer(body={"c": {"info": {"config": {}}, "status": status}})
    assert connectors(project, "list", "--url", script.url) == 0
    assert capsys.readouterr().out.splitlines()[1] == "c     sink  RUNNING  1 FAILED, 1 UNASSIGNED, 7 RUNNING"
    assert connectors(project, "list", "--url", script.url, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["tasks"] == states


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


def test_describe_shows_tasks_topics_and_config_without_secrets(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"connector.class": "Sink", "uri": "http://u:hunter2@h", "odd": "hunter3", "file": "/data/${env:X}/y"}
    keys = Answer(body=[{"name": "odd", "type": "PASSWORD", "required": False, "importance": "LOW"}])
    used = Answer(body={"c": {"topics": ["b", "a"]}})
    trace = "Caused by: a.ConnectException: no file '/data/s3cr3t/y'"
    for output in ("json", "table"):
        script.answers = [listing(config, "FAILED", trace), keys, used]
        assert connectors(project, "describe", "c", "--url", script.url, "-o", output) == 0
        said = capsys.readouterr().out
        assert not [word for word in ("hunter2", "hunter3", "s3cr3t") if word in said]
        if output == "json":
            (row,) = json.loads(said)
            assert row["topics"] == ["a", "b"]
            assert [(task["state"], task["worker"]) for task in row["tasks"]] == [("FAILED", "w")]
            assert row["config"]["file"] == "/data/${env:X}/y"
        else:
            assert "TASKS   0 FAILED on w: ConnectException: no file '********'" in said
    script.answers = [listing(config), keys, Answer(403, {"error_code": 403, "message": "Topic tracking is disabled."})]
    assert connectors(project, "describe", "c", "--url", script.url) == 0
    assert "TOPICS  the worker keeps no account of them" in capsys.readouterr().out


def test_delete_asks_first(
    project: Path, script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    script.rest = listing({})
    assert connectors(project, "delete", "c", "--url", script.url) == 130
    assert "(their offsets stay; 1 of them not deployed by streamguard): c?" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert connectors(project, "delete", "c", "--url", script.url) == 3, "there is nobody to ask"
    assert {call.split()[0] for call in script.calls} == {"GET"}
    script.answers = [listing({}), Answer(204)]
    assert connectors(project, "delete", "c", "--yes", "--url", script.url) == 0
    assert script.calls[-1] == "DELETE /connectors/c"
    assert connectors(project, "delete", "d", "--yes", "--url", script.url) == 1


@pytest.mark.parametrize("command", ["restart", "pause", "resume", "stop"])
def test_a_pattern_or_all_asks_first_and_a_name_does_not(
    project: Path, script: Script, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    many = listing({}, "PAUSED") if command == "resume" else listing({})
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    script.rest = many
    for chosen in ("c*", "--all"):
        assert connectors(project, command, chosen, "--url", script.url) == 3
    assert {call.split()[0] for call in script.calls} == {"GET"}
    for words in (["c"], ["--all", "--yes"]):
        script.answers = [many, Answer(202)]
        assert connectors(project, command, *words, "--no-wait", "--url", script.url) == 0
    written = [asked for asked in script.asked if asked.method != "GET"]
    assert [asked.path.partition("?")[0] for asked in written] == [f"/connectors/c/{command}"] * 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pause"], "Missing argument"),
        (["pause", "c", "--all"], "exclude each other"),
        (["restart"], "Missing argument"),
        (["delete", "--yes"], "Missing argument"),
        (["offsets", "set", "c", "x"], "TOPIC:PARTITION=OFFSET"),
        (["offsets", "to-datetime", "soon", "c"], "is no time"),
        (["offsets", "reset"], "Missing argument"),
    ],
    ids=" ".join,
)
def test_what_is_to_be_changed_must_be_said(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert connectors(project, *arguments, "--url", script.url) == 64
    assert says in capsys.readouterr().err
    assert script.asked == []


def test_restart_only_failed_asks_nothing_and_leaves_alone_what_runs(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.rest = listing({})
    assert connectors(project, "restart", "--only-failed", "--all", "--url", script.url) == 0
    assert "nothing to restart" in capsys.readouterr().err
    script.answers = [
        listing({}, "FAILED"),
        Answer(202, {"connector": {}, "tasks": [{"id": 0, "state": "RESTARTING"}]}),
    ]
    words = ("restart", "--only-failed", "--all", "--no-wait", "--url", script.url, "-o", "json")
    assert connectors(project, *words) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"name": "c", "action": "restarting task 0", "state": "", "error": None}


def test_watch_asks_connect_once_a_tick_and_prints_lines_when_piped(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_settings: Settings) -> dict[str, list[int]]:
        raise KafkaUnavailable("no broker")

    monkeypatch.setattr(group_offsets, "partitions", away)
    script.rest = listing({"topics": "t"})
    assert connectors(project, "watch", "-n", "2", "-i", "0.2", "--url", script.url) == 0
    assert script.calls == ["GET /", *["GET /connectors?expand=info&expand=status"] * 2]
    captured = capsys.readouterr()
    assert [line.split(" ", 1)[1] for line in captured.out.splitlines()] == ["c: RUNNING, 1 of 1 tasks run"] * 2
    assert "no offsets: no broker" in captured.err


def test_offsets_are_not_looked_for_in_another_kafka_than_that_of_the_connectors(
    project: Path, script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "cluster_id", lambda _self: "ours")
    root = Answer(body={"version": "4.3.1", "kafka_cluster_id": "theirs"})
    known = listing({"topics": "t"})
    for command, answers in (
        (["offsets", "reset", "c"], [known, root]),
        (["offsets", "set", "c", "t=0"], [known, root]),
        (["wait", "c", "--for", "progress"], [root]),
        (["delete", "c", "--reset-offsets", "--yes"], [root]),
    ):
        script.answers = answers
        assert connectors(project, *command, "--url", script.url) == 3
        assert "is not the one that Kafka Connect at" in capsys.readouterr().err
    script.answers = [root, known]
    assert connectors(project, "watch", "-n", "1", "--url", script.url) == 0
    assert "no offsets: Kafka at 127.0.0.1:9092 is not the one" in capsys.readouterr().err
    script.answers = [known, root, Answer(body={"offsets": []})]
    assert connectors(project, "offsets", "get", "--url", script.url) == 0
    assert "without ends and lag: Kafka at" in capsys.readouterr().err
    assert {call.split()[0] for call in script.calls} == {"GET"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_heal_ends_with_0_at_once_also_while_a_worker_hangs(script: Script, number: signal.Signals) -> None:
    script.rest = Answer(body={}, hold=60)
    command = [sys.executable, "-m", "streamguard", "--project", str(REPOSITORY), "connectors", "heal"]
    healer = subprocess.Popen([*command, "--url", script.url], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while not script.asked and time.monotonic() < end:
        time.sleep(0.02)
    began = time.monotonic()
    healer.send_signal(number)
    _, said = healer.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert (healer.returncode, "Traceback" in said) == (0, False), said
    assert len(script.asked) == 1


def test_the_live_table_has_a_line_a_connector_and_as_many_as_the_terminal_has_lines() -> None:
    rows = [
        Row("c" * 30, "FAILED", 0, 2, 12_345, 1.25, 7, 2, cause="ConnectException: " + "x" * 500),
        *(Row(f"sink-{number}", "RUNNING", 1, 1, 0, 0.0, 0, 0) for number in range(100)),
    ]
    console = Console(file=io.StringIO(), width=100, height=12)
    console.print(_table(rows, "no offsets: no broker", console.width, console.height))
    assert isinstance(console.file, io.StringIO)
    heading, failed, *others = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert heading.split() == ["NAME", "STATE", "TASKS", "LAG", "RATE/S", "ERRORS", "CAUSE"]
    assert failed.split()[:7] == ["c" * 30, "FAILED", "0/2", "12,345", "1.2", "7", "(+2)"]
    assert failed.endswith("…")
    assert others[-2:] == ["… and 93 more", others[-1]]
    assert "no offsets: no broker" in others[-1]
    assert len(others) == 7 + 2


def test_on_a_narrow_terminal_names_are_cut_and_never_numbers() -> None:
    rows = [Row("transactions-mongodb-sink-of-somebody", "RUNNING", 12, 12, 1_234_567, 1_234.5, 7, 2)]
    for width, name in ((60, "transaction…"), (70, "transactions-mongodb-s…"), (120, rows[0].name)):
        console = Console(file=io.StringIO(), width=width, height=12)
        console.print(_table(rows, "", console.width, console.height))
        assert isinstance(console.file, io.StringIO)
        _, line = console.file.getvalue().splitlines()
        assert line.split()[1:] == ["RUNNING", "12/12", "1,234,567", "1,234.5", "7", "(+2)"]
        assert line.split()[0].startswith(name.rstrip("…")[:11])


def test_every_command_has_help_with_examples(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from streamguard.commands.connectors import connectors as group

    for name, command in group.commands.items():
        words = [(name,), *((name, inner) for inner in getattr(command, "commands", ()))]
        for one in words:
            assert connectors(project, *one, "--help") == 0
            assert f"streamguard connectors {' '.join(one)}" in capsys.readouterr().out


def test_the_address_of_the_worker_comes_from_the_settings(
    project: Path, script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMGUARD_CONNECT_URL", script.url)
    script.answers = [Answer(body=[{"class": "a.B", "type": "sink", "version": "1"}])]
    assert connectors(project, "plugins") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["a.B", "sink", "1"]
    assert urlsplit(script.url).port
