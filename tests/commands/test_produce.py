from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from streamguard.commands import run

pytestmark = pytest.mark.slow

BANK = "topics:\n  bank-transactions: {partitions: 1}\ngenerator: {world: bank, topic: bank-transactions}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors", "ksql", "init"):
        (tmp_path / name).mkdir()
    (tmp_path / "init" / "bank.yml").write_text(BANK)
    return tmp_path


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        number: int = held.getsockname()[1]
    return number


def produce(project: Path, *arguments: str) -> int:
    return run(["--project", str(project), "produce", *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rate", "-1"], "-1.0 is not in the range x>0"),
        (["--rate", "0"], "0.0 is not in the range x>0"),
        (["--rate", "nan"], "nan is no finite number"),
        (["--rate", "inf"], "inf is no finite number"),
        (["--rate", "fast"], "'fast' is not a valid float"),
        (["--rate", "5", "--max"], "--rate and --max exclude each other"),
        (["--count", "0"], "0 is not in the range x>=1"),
        (["--count", "1.5"], "'1.5' is not a valid integer"),
        (["--duration", "-3"], "-3.0 is not in the range x>0"),
        (["--seed", "-3"], "-3 is not in the range x>=0"),
        (["--run", 'a"b'], "letters, digits, dots, dashes and underscores"),
        (["--run", ""], "letters, digits, dots, dashes and underscores"),
        (["--fraudulent-share", "101"], "101.0 is not in the range 0<=x<=100"),
        (["--fraudulent-share", "90"], "more than 100 percent together"),
        (["--people", "1"], "1 is not in the range"),
        (["--output", "xml"], "'xml' is not one of"),
        (["bank", "card"], "unexpected extra argument (card)"),
        (["bnak"], "did you mean bank?"),
    ],
)
def test_bad_input_is_a_usage_error(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert produce(project, *arguments) == 64
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_a_world_that_does_not_exist_is_named_with_the_ones_that_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "init" / "bank.yml").write_text(BANK.replace("world: bank", "world: bnk"))
    assert produce(project) == 1
    assert "init/bank.yml: generator.world: no world bnk (did you mean bank?)" in capsys.readouterr().err


def test_a_kafka_that_is_not_there_is_one_sentence_within_ten_seconds(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("STREAMGUARD_KAFKA_BOOTSTRAP", f"127.0.0.1:{closed_port}")
    begin = time.monotonic()
    assert produce(project, "--count", "1") == 1
    assert time.monotonic() - begin < 10
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().count("\n") == 0
    assert f"no Kafka broker answers at 127.0.0.1:{closed_port}" in captured.err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["produce", "--help"]) == 0
    assert "streamguard produce bank --rate 500 --count 20000" in capsys.readouterr().out
