"""A real worker tells what references stand for, in traces and refusals; no command of `connectors` repeats it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from streamguard.commands import run
from streamguard.connect.deploying.references import resolutions
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.secrets import forget
from streamguard.errors import ConnectorNotFound
from streamguard.settings import Settings
from tests.stack.fleet import Fleet
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics
from tests.stack.sentinels import forms

pytestmark = pytest.mark.usefixtures("connect")

WORD = "s3nt1nel/odd%41+ch@rs'\"of-nobody"
PASSWORD = "s3nt1nel-of-an-address"
CLASS = "com.mongodb.kafka.connect.MongoSinkConnector"


@dataclass
class Planted:
    """Secrets in a file that the worker may read and this process does not look into; and connectors that use them."""

    fleet: Fleet
    url: str
    file: Path
    foreign: str
    refused: str

    def reference(self, key: str) -> str:
        return f"${{file:{self.file}:{key}}}"


@pytest.fixture(scope="module")
def planted(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Somebody's connector whose task fails of a name that came by reference; and a template that is refused."""
    own = OwnTopics(settings, "connect-secrets")
    fleet = Fleet(tmp_path_factory.mktemp("planted") / "project", own.create("source", 1), settings)
    file = settings.data_dir / "secrets" / f"{own.prefix}sentinels.properties"
    file.write_text(f"word={WORD}\nuri=mongodb://someone:{PASSWORD}@127.0.0.1:1/\n")
    names = Planted(fleet, settings.connect_url, file, f"{own.prefix}foreign", f"{own.prefix}refused")
    fleet.write([names.refused], connection_uri=f"{{{{ file('{file}', 'uri') }}}}?readPreference=nonsense")
    dead_letters = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": names.reference("word")}
    config = {**fleet.config(names.foreign), **dead_letters, "errors.deadletterqueue.topic.replication.factor": "1"}
    made = requests.put(f"{names.url}/connectors/{names.foreign}/config", json=config, timeout=60)
    assert made.status_code == 201, made.text
    yield names
    file.unlink()
    for name in (names.foreign, names.refused):
        with suppress(ConnectorNotFound):
            ConnectClient(names.url).delete(name)
    own.remove()


@pytest.fixture(autouse=True)
def fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands mean this stack; what one test teaches the process, the next one does not know."""
    forget()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    yield
    forget()


def found_in(text: str) -> list[str]:
    content = text.encode(errors="surrogateescape")
    secrets = {"the word": WORD, "the password": PASSWORD}
    return [what for what, secret in secrets.items() if any(form in content for form in forms(secret))]


def test_no_command_repeats_what_a_real_worker_tells(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    raw = f"{planted.url}/connectors/{planted.foreign}/status"
    wait_until(lambda: WORD in trace_of(raw), "the trace of the task has the secret", 30)
    refused = requests.put(
        f"{planted.url}/connector-plugins/{CLASS}/config/validate",
        json={
            **planted.fleet.config("x"),
            "name": "x",
            "connection.uri": f"{planted.reference('uri')}?readPreference=nonsense",
        },
        timeout=60,
    )
    assert found_in(refused.text) == ["the password"]  # so there is something to cut
    commands = [
        *(f"status {planted.foreign} -o {output}" for output in ("table", "json", "yaml", "ndjson")),
        f"list {planted.foreign} -o json",
        f"watch {planted.foreign} -n 1",
        f"wait {planted.foreign} --timeout 2 --settle 0 -o json",
        f"restart {planted.foreign} --no-wait -o json",
        f"secrets list {planted.foreign} -o json",
        f"secrets rotate {planted.reference('word')} --yes --timeout 2",
        f"offsets get {planted.foreign} -o json",
        f"dlq list {planted.foreign}",
        f"dlq show {planted.foreign}",
        "lint --live -o json",
        "validate -o json",
        "plan -o json",
        "deploy -o json",
        f"export -p fleet {planted.foreign}",
    ]
    for command in commands:
        words = command.split()
        code = run(["-vvv", "--project", str(planted.fleet.root), "connectors", *words])
        told = capsys.readouterr()
        assert found_in(told.out + told.err) == [], command
        assert "Traceback" not in told.err, command + told.err
        assert code in (0, 1, 3, 4, 5), command + told.err
    for path in planted.fleet.root.rglob("*"):
        assert not path.is_file() or found_in(path.read_text()) == [], path


def trace_of(url: str) -> str:
    answer = requests.get(url, timeout=30)
    tasks = answer.json().get("tasks", []) if answer.status_code == 200 else []
    return "".join(task.get("trace", "") for task in tasks)


def test_what_a_worker_does_not_resolve_is_told_by_key_before_anything_is_written(
    planted: Planted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not allowed, missing, and a provider that nobody knows: the worker itself says nothing of any of them."""
    client = ConnectClient(planted.url)
    names = {
        "resolved": ["${env:STREAMGUARD_MONGODB_URI}", planted.reference("word")],
        "unresolved": [
            "${env:HOME}",
            "${env:NOT_THERE}",
            "${vault:a/b:c}",
            "${file:/etc/passwd:x}",
            planted.reference("no"),
        ],
    }
    found = resolutions(client, [reference for references in names.values() for reference in references])
    assert {reference: one.state for reference, one in found.items()} == {
        reference: state for state, references in names.items() for reference in references
    }
    planted.fleet.write([planted.refused], connection_uri="{{ env('NOT_THERE') }}")
    assert run(["--project", str(planted.fleet.root), "connectors", "deploy", planted.refused]) == 1
    told = capsys.readouterr().err
    assert "connection.uri: the worker does not resolve ${env:NOT_THERE}" in told
    assert planted.refused not in client.connectors()
    log = (planted.fleet.settings.data_dir / "logs" / "connect.log").read_text(errors="replace")
    assert found_in("\n".join(line for line in log.splitlines() if "streamguard-asks" in line)) == []


def test_a_validation_sends_plain_keys_back_resolved_hides_passwords_and_tells_them_in_its_errors(
    planted: Planted,
) -> None:
    """What the rest stands on; of the answers that hold secrets the client keeps none."""
    config = {**planted.fleet.config("x"), "name": "x", "collection": planted.reference("word")}
    config["connection.uri"] = planted.reference("uri")
    bad = {**config, "connection.uri": f"{planted.reference('uri')}?readPreference=nonsense"}
    bad["tasks.max"] = planted.reference("word")
    url = f"{planted.url}/connector-plugins/{CLASS}/config/validate"
    sent = requests.put(url, json=bad, timeout=60).json()
    values = {entry["value"]["name"]: entry["value"] for entry in sent["configs"]}
    assert values["collection"]["value"] == WORD
    assert values["connection.uri"]["value"] == "[hidden]"
    assert PASSWORD in "".join(values["connection.uri"]["errors"])
    assert WORD in "".join(values["tasks.max"]["errors"])
    named = {**bad, "name": planted.refused}
    refused = requests.put(f"{planted.url}/connectors/{planted.refused}/config", json=named, timeout=60)
    assert refused.status_code == 400
    assert set(found_in(refused.text)) == {"the word", "the password"}
    kept = ConnectClient(planted.url).validate(CLASS, bad)
    assert {error.field for error in kept.errors} >= {"connection.uri", "tasks.max"}
    assert found_in(repr(kept)) == []


def test_config_tasks_and_offsets_of_a_worker_have_references_as_they_were_written(planted: Planted) -> None:
    raw = f"{planted.url}/connectors/{planted.foreign}"
    wait_until(lambda: WORD in trace_of(f"{raw}/status"), "the trace of the task has the secret", 30)
    for part in ("", "/config", "/tasks", "/offsets"):
        answer = requests.get(raw + part, timeout=30)
        assert found_in(answer.text) == [], part
    assert planted.reference("word") in requests.get(f"{raw}/config", timeout=30).text
