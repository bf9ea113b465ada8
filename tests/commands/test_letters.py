"""What is printed of a dead letter: never a secret, and nothing of a person unless it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.commands.letters import Source, _document
from streamguard.kafka.letters import Letter, letter_of
from tests.commands.test_connectors import listing
from tests.connect.conftest import Script, script
from tests.kafka.test_letters import connects

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
    for source in (SOURCE, Source(SOURCE.topic)):
        printed = json.dumps(_document(source, leaking(message), with_value=with_value))
        assert not any(part in printed for part in (SECRET, "xK7", "9vLm2Zp"))


def test_what_is_of_a_person_is_printed_only_on_demand() -> None:
    letter = leaking("Schroeder is no number")
    assert "Schroeder" not in json.dumps(_document(SOURCE, letter, with_value=False))
    shown = _document(SOURCE, letter, with_value=True)
    assert shown["reason"] == "Schroeder is no number"
    assert shown["headers"] == [{"name": "who", "text": "Schroeder"}]


def dlq(script: Script, *words: str) -> int:
    return run(["--project", str(ROOT), "connectors", "dlq", *words, "--url", script.url])


def test_a_connector_that_is_not_there_or_has_no_dead_letter_topic_is_told(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script.answers += [listing({}), listing({}), listing({})]
    assert dlq(script, "show", "d") == 1
    assert "has no connector d" in capsys.readouterr().err
    assert dlq(script, "replay", "c") == 3
    assert "c has no dead-letter topic" in capsys.readouterr().err
    assert dlq(script, "replay", "*") == 64
    assert "name one of them" in capsys.readouterr().err
