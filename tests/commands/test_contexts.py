"""`streamguard connectors contexts`, and what --context does to the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from streamguard.commands import run
from tests.connect.conftest import Answer, Script, script, second

__all__ = ["script", "second"]  # fixtures

SECRET = "s3cret-hunter2"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "contexts.yml"
    monkeypatch.setenv("STREAMGUARD_CONTEXTS_FILE", str(path))
    monkeypatch.chdir(tmp_path)
    return path


def contexts(*arguments: str) -> int:
    return run(["connectors", "contexts", *arguments])


def test_a_context_is_made_changed_used_listed_and_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contexts("set", "prod", "--url", "https://a:1", "--url", "https://b:1", "--token-env", "TOKEN") == 0
    assert contexts("set", "prod", "--ca", "ca.pem", "--kafka", "k:9092") == 0
    assert contexts("use", "prod") == 0
    capsys.readouterr()
    assert contexts("show", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "prod",
        "urls": ["https://a:1", "https://b:1"],
        "auth": {"bearer": {"env": "TOKEN"}},
        "tls": {"ca": str(home.parent / "ca.pem")},
        "kafka_bootstrap": "k:9092",
    }
    assert contexts("list") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        *("*", "prod", "https://a:1,", "https://b:1", "bearer", "k:9092")
    ]
    assert contexts("remove", "prod") == 0
    assert yaml.safe_load(home.read_text()) == {"contexts": {}}


def test_name_and_password_take_the_place_of_a_token_and_the_reverse(home: Path) -> None:
    contexts("set", "c", "--url", "https://a", "--token-file", "/run/token")
    assert contexts("set", "c", "--user", "ops", "--password-env", "P") == 0
    assert yaml.safe_load(home.read_text())["contexts"]["c"]["auth"] == {
        "basic": {"user": "ops", "password": {"env": "P"}}
    }
    assert contexts("set", "c", "--user", "other") == 0
    assert yaml.safe_load(home.read_text())["contexts"]["c"]["auth"]["basic"]["password"] == {"env": "P"}
    assert contexts("set", "c", "--token-env", "T") == 0
    assert yaml.safe_load(home.read_text())["contexts"]["c"]["auth"] == {"bearer": {"env": "T"}}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--user", "ops", "--password-env", "P", "--token-env", "T"), "is basic or bearer, not both"),
        (("--user", "ops"), "basic.password is a secret: write where it is"),
        (("--password-env", "A", "--password-file", "b", "--user", "ops"), "is {env: NAME} or {file: PATH}"),
        (("--key", "k"), "tls.key is of no use without cert"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_nothing_is_written(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert contexts("set", "c", "--url", "https://a", *arguments) == 1
    assert told in capsys.readouterr().err
    assert not home.exists()


def test_a_password_in_an_address_is_refused_and_not_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert contexts("set", "c", "--url", f"https://ops:{SECRET}@connect:8083") == 1
    said = capsys.readouterr()
    assert "write them as auth.basic" in said.err
    assert SECRET not in said.err + said.out
    assert not home.exists()


def test_a_context_that_does_not_exist_is_a_mistake_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    contexts("set", "staging", "--url", "https://a")
    for arguments in (["contexts", "use", "stagin"], ["contexts", "remove", "stagin"], ["list", "--context", "stagin"]):
        assert run(["connectors", *arguments]) == 64
        assert "did you mean staging?" in capsys.readouterr().err
    assert contexts("show") == 64
    assert contexts("use") == 64


def test_commands_ask_the_context_that_is_named_else_the_one_in_use_as_who_one_is_there(
    script: Script, second: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    monkeypatch.setenv("PASSWORD", SECRET)
    script.rest = second.rest = Answer(body={})
    contexts("set", "one", "--url", script.url, "--token-env", "TOKEN")
    contexts("set", "two", "--url", second.url, "--user", "ops", "--password-env", "PASSWORD")
    contexts("use", "one")
    assert run(["connectors", "list"]) == 0
    assert run(["connectors", "list", "--context", "two"]) == 0
    assert [asked.authorization for asked in script.asked] == [f"Bearer {SECRET}"]
    assert (second.asked[0].authorization or "").startswith("Basic ")
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err


def test_a_token_is_in_no_message_however_much_is_said(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    contexts("set", "one", "--url", script.url, "--token-env", "TOKEN")
    for answer in (Answer(401, f"no Bearer {SECRET}"), Answer(500, {"error_code": 500, "message": f"bad {SECRET}"})):
        script.rest = answer
        assert run(["-v", "connectors", "list", "--context", "one"]) == 1
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err


def test_the_kafka_of_another_cluster_is_refused_where_offsets_would_be_looked_for_in_it(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamguard.commands import App
    from streamguard.commands.connectors import options
    from streamguard.errors import Refused
    from streamguard.kafka.cluster import Cluster

    monkeypatch.setattr(Cluster, "cluster_id", lambda _self: "ours")
    app = App(None)
    script.answers = [
        Answer(body={"kafka_cluster_id": "ours"}),
        Answer(body={}),
        Answer(body={"kafka_cluster_id": "x"}),
    ]
    options.require_kafka(app, script.client())
    options.require_kafka(app, script.client())  # a worker too old to tell
    with pytest.raises(Refused, match=r"is not the one that Kafka Connect at .* works on"):
        options.require_kafka(app, script.client())
