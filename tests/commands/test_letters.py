"""What is printed of a dead letter: never a secret, and nothing of a person unless it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from streamguard.commands import run, topics
from streamguard.commands.letters import Deployed, Source, _document
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.letters.reading import Letter, letter_of
from streamguard.settings import load
from tests.commands.test_connectors import listing
from tests.connect.conftest import Answer, Script, script
from tests.kafka.letters.test_reading import connects

pytestmark = pytest.mark.slow

__all__ = ["script"]

SECRET = "xK7-q'tR\"9vLm2Zp"
URI = f"mongodb://app:{SECRET}@db:27017/"
CONFIG = {"connection.uri": "${env:MONGODB_URI}", "topics": "users"}
SOURCE = Source("users-mongodb-sink-dead-letter", configs={"users-mongodb-sink": CONFIG})
ROOT = Path(__file__).parent.parent.parent


def leaking(message: str) -> Letter:
    return letter_of(connects(message, before=(("who", b"Schroeder"),), value=b'{"name": "Schroeder"}'))


@pytest.mark.parametrize(
    "message",
    [
        f"Invalid value {URI} for configuration connection.uri: no such host",
        f"Schroeder not written: Invalid value {URI} for configuration connection.uri",
        f"can not reach {URI}",
    ],
)
@pytest.mark.parametrize("with_value", [False, True])
def test_a_secret_in_an_exception_is_never_printed_however_much_is_asked_for(message: str, *, with_value: bool) -> None:
    for source in (SOURCE, Source(SOURCE.topic)):  # with the config, and without
        printed = json.dumps(_document(source, leaking(message), with_value=with_value))
        assert not any(part in printed for part in (SECRET, "xK7", "9vLm2Zp"))


def test_what_is_of_a_person_is_printed_only_on_demand() -> None:
    letter = leaking("Schroeder is no number")
    assert "Schroeder" not in json.dumps(_document(SOURCE, letter, with_value=False))
    shown = _document(SOURCE, letter, with_value=True)
    assert shown["reason"] == "Schroeder is no number"
    assert shown["headers"] == [{"name": "who", "text": "Schroeder"}]


def test_without_a_config_only_classes_of_exceptions_are_printed() -> None:
    trace = "a.DataException: hunter2 is no field\n\tat a.B.c(B.java:7)\nCaused by: b.NoSuchField: hunter2\n"
    letter = letter_of(connects("hunter2 is no field", trace=trace))
    shown = _document(Source(SOURCE.topic), letter, with_value=True)
    assert "hunter2" not in json.dumps(shown)
    assert shown["exceptions"] == ["org.apache.kafka.connect.errors.DataException", "b.NoSuchField"]
    assert "at a.B.c(B.java:7)" in shown["trace"]
    assert "hunter2" in json.dumps(_document(SOURCE, letter, with_value=True)), (
        "no key of the config could have put it in"
    )


def test_topics_tail_prints_nothing_that_an_exception_says() -> None:
    record = connects("hunter2 is no field")
    headers = topics._document(record)["headers"]
    assert "hunter2" not in json.dumps(headers)
    assert headers["__connect.errors.stage"] == "VALUE_CONVERTER"
    assert topics._document(replace(record, headers=(("a", None), ("b", b""))))["headers"] == {"a": None, "b": ""}


def test_configs_are_asked_of_the_worker_once_and_only_if_it_answers(script: Script) -> None:
    script.rest = listing({"topics": "users"})
    found = Deployed(replace(load(ROOT), connect_url=script.url))
    assert found.get("c") == {"topics": "users"}
    asked = len(script.calls)
    assert [found.get("d"), found.get("c")] == [None, {"topics": "users"}]
    assert len(script.calls) == asked
    assert Deployed(replace(load(ROOT), connect_url="http://127.0.0.1:1")).get("c") is None


def test_configs_of_a_worker_of_another_kafka_are_not_those_of_these_letters(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "cluster_id", lambda _self: "ours")
    script.answers = [Answer(body={"version": "4.3.1", "kafka_cluster_id": "theirs"})]
    script.rest = listing({"topics": "users"})
    assert Deployed(replace(load(ROOT), connect_url=script.url)).get("c") is None


def dlq(script: Script, *words: str) -> int:
    return run(["--project", str(ROOT), "connectors", "dlq", *words, "--url", script.url])


def test_a_connector_that_is_not_there_or_has_no_dead_letter_topic_is_told(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.rest = listing({})
    assert dlq(script, "show", "d") == 1
    assert "has no connector d" in capsys.readouterr().err
    assert dlq(script, "replay", "c") == 3
    assert "c has no dead-letter topic" in capsys.readouterr().err
    assert dlq(script, "replay", "*") == 64
    assert "name one of them" in capsys.readouterr().err
