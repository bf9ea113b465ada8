from __future__ import annotations

import json
import shutil
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.project import shipped

pytestmark = pytest.mark.slow

BANK = "topics:\n  bank-transactions: {partitions: 1}\ngenerator: {world: bank, topic: bank-transactions}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors", "ksql", "init"):
        (tmp_path / name).mkdir()
    (tmp_path / "init" / "bank.yml").write_text(BANK)
    shutil.copytree(shipped() / "init" / "worlds", tmp_path / "init" / "worlds")
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
        (["--count", "0"], "0 is not in the range 1<=x<=1000000000000000"),
        (["--count", "1.5"], "'1.5' is not a valid integer"),
        (["--duration", "-3"], "-3.0 is not in the range x>0"),
        (["--seed", "-3"], "-3 is not in the range x>=0"),
        (["--run", 'a"b'], "letters, digits, dots, dashes and underscores"),
        (["--run", ""], "letters, digits, dots, dashes and underscores"),
        (["--fraudulent-share", "101"], "101.0 is not in the range 0<=x<=100"),
        (["--fraudulent-share", "90"], "fraudulent 90%, unidentified 20%: add --unidentified-share 10, or less"),
        (["--fraudulent-share", "100"], "add --unidentified-share 0."),
        (["--people", "1"], "1 is not in the range"),
        (["--output", "xml"], "'xml' is not one of"),
        (["--speed", "5", "--max"], "--speed and --max exclude each other"),
        (["--from", "yesterday"], "'yesterday' is no date: write it as 2026-01-31"),
        (["--from", "2199-01-01"], "--from 2199-01-01 00:00 is not past"),
        (["--from", "2020-01-01", "--days", "100000"], "end in the future"),
        (["--then-live"], "nothing comes before"),
        (["--days", "2", "--then-live", "--speed", "9"], "exclude each other"),
        (["--campaign", "fast-spending"], "is not NAME=PERCENT"),
        (["--campaign", "fast-spending=200"], "is not NAME=PERCENT"),
        (["--set", "entities.person.count"], "is not PLACE=VALUE"),
        (["--world", "transfers", "--mode", "velocity"], "has no campaign of kind velocity_burst"),
        (["--world", "transfers", "--fraudulent-share", "5"], "has no label with fraudulent"),
        (["--world", "bnk"], "did you mean bank?"),
        (["--to", "stdout", "--workers", "2"], "a file is written by one process"),
        (["--to", "stdout"], "needs an end"),
        (["--to", "nowhere", "--count", "1"], "name stdout, FILE.jsonl or FILE.parquet"),
        (["--resume", __file__, "--seed", "4"], "leave --seed out"),
        (["bank", "--resume", __file__], "leave PIPELINE out"),
        (["bank", "card"], "unexpected extra argument (card)"),
        (["bnak"], "did you mean bank?"),
        (["--people", "7", "--world", "transfers"], "no entity is called person"),
        (["--campaign", "fast-spendin=5"], "did you mean fast-spending?"),
        (["--campaign", "mules=90"], "would take 94% of transactions: let them take 85% of it at most, all together"),
        (["--count", "1", "--to", "x.jsonl", "--manifest", "/no/m"], "there is no folder /no"),
        (["--count", "1", "--journal", "/no/j"], "there is no folder /no"),
        (["--fault", "lat=5"], "no fault in the world is called lat (did you mean late?)"),
        (["--fault", "late=5"], "write `faults: {late: 0.05}` into its file, or --set faults.late=0.05 instead"),
        (["--set", "entities.person.count=none"], "entities.person.count"),
        (["--resume", "/nonexistent/journal"], "'/nonexistent/journal' does not exist"),
        (["--verify", "/nonexistent/manifest"], "'/nonexistent/manifest' does not exist"),
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


def test_records_can_go_to_a_file_and_be_verified(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_CACHE_DIR", str(tmp_path / "cache"))
    file, manifest = tmp_path / "some.jsonl", tmp_path / "manifest.json"
    arguments = ["--count", "5000", "--people", "50", "--seed", "0", "--run", "r", "--manifest", str(manifest)]
    assert produce(project, "bank", "--to", str(file), *arguments) == 0
    values = [json.loads(line) for line in file.read_text().splitlines()]
    assert [value["transaction_id"] for value in values] == [f"r-{index:09d}" for index in range(5000)]
    assert produce(project, "--verify", str(manifest)) == 0
    assert "5,000 records of transactions: equal" in capsys.readouterr().out
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 1'))
    assert produce(project, "--verify", str(manifest)) == 1
    assert "the manifest says" in capsys.readouterr().err


def test_a_file_is_written_at_once_with_event_times_until_now(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_CACHE_DIR", str(tmp_path / "cache"))
    file, half_an_hour = tmp_path / "some.jsonl", "90000"
    assert produce(project, "bank", "--to", str(file), "--count", half_an_hour, "--people", "50") == 0
    lines = file.read_text().splitlines()
    first, last = (datetime.fromisoformat(json.loads(line)["transfer_date"]) for line in (lines[0], lines[-1]))
    assert (last - first).total_seconds() == pytest.approx(1800, abs=1)
    assert abs((datetime.now(UTC) - last).total_seconds()) < 60


def test_a_file_that_is_there_is_not_replaced_unless_that_is_asked_for(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.jsonl"
    arguments = ("transfers", "--to", str(file), "--count", "3")
    file.write_text("mine\n")
    assert produce(project, *arguments) == 64
    assert f"{file} is there already: add --overwrite, or name another file" in capsys.readouterr().err
    assert file.read_text() == "mine\n"
    assert produce(project, *arguments, "--overwrite") == 0
    assert len(file.read_text().splitlines()) == 3


def test_nor_are_truth_and_labels_beside_it(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = tmp_path / "some-truth.jsonl"
    beside.write_text("mine\n")
    told = ("--set", "truth.topic=told")
    assert produce(project, "transfers", "--to", str(tmp_path / "some.jsonl"), "--count", "3", *told) == 64
    assert f"{beside} is there already" in capsys.readouterr().err
    assert produce(project, "transfers", "--to", str(tmp_path / "some.jsonl"), "--count", "3") == 0


@pytest.mark.parametrize("name", ["full.jsonl", "full.parquet"])
def test_a_full_disk_is_one_sentence_and_exit_code_74(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    target = tmp_path / name
    target.symlink_to("/dev/full")
    assert produce(project, "transfers", "--to", str(target), "--count", "100000") == 74
    err = capsys.readouterr().err.strip()
    assert err == f"Error: {target} can not be written: the disk is full"


def test_a_file_has_no_journal(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, journal = str(tmp_path / "some.jsonl"), str(tmp_path / "journal")
    assert produce(project, "bank", "--to", file, "--count", "5", "--journal", journal) == 64
    assert "leave --journal and --resume out" in capsys.readouterr().err


@pytest.mark.parametrize("world", ["card", "handbook", "transfers", "ulb-cards"])
def test_a_world_that_no_pipeline_has_is_explained_by_its_name(
    project: Path, world: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert produce(project, world, "--explain") == 0
    assert capsys.readouterr().out.startswith(f"world {world}")


def test_so_is_one_whose_pipeline_names_no_generator(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "init" / "handbook.yml").write_text("topics: {handbook-transactions: {partitions: 4}}\n")
    assert produce(project, "handbook", "--explain") == 0
    assert capsys.readouterr().out.startswith("world handbook")


def test_the_plan_is_explained_and_nothing_is_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert produce(project, "bank", "--explain", "--days", "2", "--then-live", "--seed", "5", "--run", "r") == 0
    out = capsys.readouterr().out
    assert "run r, seed 5: from 20" in out
    assert "as fast as possible, then live" in out


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["produce", "--help"]) == 0
    assert "streamguard produce bank --rate 500 --count 20000" in capsys.readouterr().out
