"""No secret is anywhere but in the credentials file and in the processes that need it.

The stack of these tests starts with planted secrets (`sentinels.py`): the bank pipeline runs with them, and then
everything that anybody could read is searched for them, in every form in which they may be written.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.secrets import MASK
from streamguard.project import Project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from tests.stack.bank import Bank
from tests.stack.records import read
from tests.stack.sentinels import MONGODB, PLANTED, S3_SECRET, WRONG, forms, found_in, mongodb_uri

BULK = ("bank-transactions-", "fraudulent-transactions-", "unidentified-transactions-", "users-")
"""Folders of Kafka's topics that hold the records of a pipeline, and nothing else."""
LEAKY = """
{"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "topics": "users", "tasks.max": "1",
"collection": "users", %s, "transforms": "id", "transforms.id.field": "_id",
"transforms.id.type": "org.apache.kafka.connect.transforms.HoistField$Key",
"document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInKeyStrategy",
"document.id.strategy.overwrite.existing": "true",
"writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
{%% include "shared/records.j2" %%}}
"""
LEAKS = {
    "leaks-uri": '"database": "leaks", "connection.uri": "{{ env(mongodb_uri_variable) }}?readPreference=nonsense"',
    "leaks-user": '"database": "leaks", "connection.uri": "{{ env(mongodb_uri_variable) }}?authSource=nowhere"',
    "leaks-name": '"database": "{{ env(mongodb_uri_variable) }}", "connection.uri": "{{ env(mongodb_uri_variable) }}"',
}
"""Connectors that a worker refuses in words that hold what it resolved."""


@pytest.fixture(scope="module", autouse=True)
def up(bank: Bank) -> None:
    """Everything runs, whatever other tests have stopped."""
    bank.up()


def command(settings: Settings, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`streamguard …` as a user runs it: the secrets come from the credentials file."""
    return subprocess.run(
        [sys.executable, "-m", "streamguard", *arguments],
        env={**inherited_environment(), **settings.environment(), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_planted_secrets_are_the_ones_in_use_and_are_found_in_every_form(settings: Settings) -> None:
    assert settings.s3_secret_key == S3_SECRET
    assert settings.mongodb_uri == mongodb_uri(settings.mongodb_port, MONGODB)
    assert MONGODB not in settings.mongodb_uri  # percent-encoding changes it
    assert len(forms(MONGODB)) >= 8
    for name, secret in PLANTED.items():
        for form in forms(secret):
            assert found_in(b"before " + form + b" after") == [name]


def test_no_answer_of_the_worker_holds_a_secret(used: Bank) -> None:
    url = used.settings.connect_url
    expanded = requests.get(f"{url}/connectors?expand=info&expand=status", timeout=60)
    answers = {"connectors": expanded.text, "plugins": requests.get(f"{url}/connector-plugins", timeout=60).text}
    names = list(expanded.json())
    assert len(names) >= 4
    for name in names:
        parts = ("", "/config", "/tasks", "/tasks/0/status", "/status", "/topics", "/offsets")
        for part in parts:
            answers[name + part] = requests.get(f"{url}/connectors/{name}{part}", timeout=60).text
        config = requests.get(f"{url}/connectors/{name}/config", timeout=60).json()
        plugin = f"{url}/connector-plugins/{config['connector.class']}/config"
        answers[name + " plugin"] = requests.get(plugin, timeout=60).text
        answers[name + " validate"] = requests.put(f"{plugin}/validate", json=config, timeout=60).text
    assert {what: found for what, text in answers.items() if (found := found_in(text))} == {}
    assert "${env:STREAMGUARD_MONGODB_URI}" in expanded.text


def test_no_answer_of_the_ksql_server_and_the_services_holds_a_secret(used: Bank) -> None:
    ksql, ingestor = used.settings.ksql_url, f"http://127.0.0.1:{used.settings.ingestor_port}"
    gets = [f"{ksql}{path}" for path in ("/info", "/healthcheck", "/metrics", "/nothing")]
    gets += [f"{ingestor}{path}" for path in ("/health", "/ready", "/metrics", "/nothing")]
    answers = {url: requests.get(url, timeout=60).text for url in gets}
    statements = ("SHOW STREAMS;", "SHOW QUERIES;", "SHOW TOPICS;", "SHOW PROPERTIES;", "DESCRIBE USERS;", "nonsense;")
    for statement in statements:
        answers[statement] = requests.post(f"{ksql}/ksql", json={"ksql": statement}, timeout=60).text
    push = {"sql": "SELECT * FROM fraudulent_transactions EMIT CHANGES LIMIT 1;"}
    push |= {"properties": {"auto.offset.reset": "earliest"}}  # type: ignore[dict-item]
    answers["push query"] = requests.post(f"{ksql}/query-stream", json=push, timeout=60).text
    assert all(answers.values())
    assert {what: found for what, text in answers.items() if (found := found_in(text))} == {}


def test_only_the_credentials_file_holds_secrets_and_it_is_for_this_user(used: Bank) -> None:
    settings = used.settings
    searched, holders = 0, []
    for path in files(settings.data_dir):
        searched += 1
        if found_in(path.read_bytes()):
            holders.append(path.relative_to(settings.data_dir))
    assert searched > 50
    assert holders == [Path("credentials.env")]
    assert stat.S_IMODE(settings.credentials_file.stat().st_mode) == 0o600
    # Whom PostgreSQL runs as when root starts it may pass through.
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) & 0o067 == 0


def files(data_dir: Path) -> Iterator[Path]:
    """Configs, plans, logs, data of the servers, Kafka's own topics; not the bulk of the records, nor jars."""
    for folder, folders, names in os.walk(data_dir):
        folders[:] = [name for name in folders if not name.startswith(BULK)]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and not name.endswith(("index", ".jar")):
                yield path


def test_no_topic_of_the_servers_holds_a_secret(used: Bank) -> None:
    topics = ("connect-configs", "connect-status", "_streamguard_ksql_default_commands")
    values = {topic: [record.value for record in read(used.settings, topic)] for topic in topics}
    assert all(values.values())
    assert {topic for topic, found in values.items() if any(found_in(value) for value in found if value)} == set()


def test_no_argument_of_any_process_holds_a_secret(used: Bank) -> None:
    found = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
    arguments = [" ".join(words) for words in found if words]
    mark = str(used.settings.data_dir)
    assert sum(mark in text for text in arguments) >= 5  # the servers
    assert [text for text in arguments if found_in(text)] == []


def test_a_process_has_only_the_secrets_it_needs(used: Bank) -> None:
    holders: dict[str, set[str]] = {name: set() for name in PLANTED}
    for program, process in used.stack.supervisor.processes().items():
        if not process.is_up:
            continue
        root = psutil.Process(process.pid)
        for each in (root, *root.children(recursive=True)):
            for name in found_in("\n".join(each.environ().values())):
                holders[name].add(program)
    supervisor = psutil.Process(used.stack.supervisor.pid())
    assert found_in("\n".join(supervisor.environ().values())) == []
    assert holders == {
        "S3's access key": {"s3", "connect"},
        "S3's secret key": {"s3", "connect"},
        "MongoDB's password": {"connect"},
        "PostgreSQL's password": set(),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("connectors", "render"),
        ("connectors", "status"),
        ("connectors", "validate", "-p", "bank"),
        ("connectors", "plan", "-p", "bank", "--set", "mongodb_tasks=3"),
        ("connectors", "deploy", "-p", "bank"),
        ("query", "fraud-report"),
        ("query", "fraud-report", "--engine", "duckdb"),
        ("topics", "describe", "connect-configs"),
        ("topics", "tail", "connect-configs", "--from-beginning"),
        ("ksql", "exec", "SHOW PROPERTIES;"),
    ],
    ids=" ".join,
)
def test_no_output_of_a_command_holds_a_secret(used: Bank, arguments: tuple[str, ...]) -> None:
    done = command(used.settings, "-v", *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list | dict)
    assert found_in(done.stdout + done.stderr) == []


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that failed with 1, in one sentence without any secret."""
    assert found_in(done.stdout + done.stderr) == []
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


def test_a_wrong_password_is_refused_without_being_repeated(used: Bank) -> None:
    settings = used.settings
    uri = mongodb_uri(settings.mongodb_port, WRONG)
    told = refused(command(settings, "-v", "query", "fraud-report", STREAMGUARD_MONGODB_URI=uri))
    assert "STREAMGUARD_MONGODB_URI" in told
    told = refused(command(settings, "-v", "query", "fraud-report", "-e", "duckdb", STREAMGUARD_S3_SECRET_KEY=WRONG))
    assert "refuses the keys: check STREAMGUARD_S3_ACCESS_KEY and STREAMGUARD_S3_SECRET_KEY" in told


def test_what_the_worker_says_of_a_connector_that_it_refuses_is_cut(used: Bank, tmp_path: Path) -> None:
    """Its own words hold the address with the password, resolved: they would be in `deploy`, `validate`, the log."""
    project = project_with(tmp_path, used.stack.project, LEAKS)
    settings = used.settings
    url = settings.connect_url
    config = {"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "topics": "users", "database": "leaks"}
    config |= {"name": "leaks-uri", "connection.uri": "${env:STREAMGUARD_MONGODB_URI}?readPreference=nonsense"}
    raw = requests.put(f"{url}/connector-plugins/{config['connector.class']}/config/validate", json=config, timeout=60)
    assert found_in(raw.text) == ["MongoDB's password"]  # so there is something to cut
    for words in (("validate",), ("deploy", "--timeout", "10")):
        done = command(settings, "-v", "--project", str(project), "connectors", *words, *LEAKS)
        assert found_in(done.stdout + done.stderr) == []
        assert done.returncode in (1, 3, 5)
        assert "Traceback" not in done.stderr
        assert [name for name in LEAKS if name not in done.stdout + done.stderr] == []
        assert f"Invalid value {MASK} for configuration connection.uri" in done.stdout + done.stderr
    known = ConnectClient(url).connectors()
    for name in LEAKS:
        if name in known:
            ConnectClient(url).delete(name)
    logs = {path.name: path.read_bytes() for path in used.stack.places.logs.iterdir()}
    assert {name: found for name, content in logs.items() if (found := found_in(content))} == {}


def project_with(folder: Path, project: Project, templates: dict[str, str]) -> Path:
    """A copy of the project with templates of its own."""
    for name in ("ksql", "init", "connectors"):
        shutil.copytree(project.root / name, folder / name)
    for name, body in templates.items():
        (folder / "connectors" / "bank" / f"{name}.json.j2").write_text(LEAKY % body)
    return folder


def test_a_stack_shows_no_secret_by_repr(stack: Stack) -> None:
    shown: Any = (stack.settings, stack.programs, vars(stack))
    assert found_in(repr(shown)) == []
