"""Records in standard output and in files: the same bytes as in Kafka, a line each."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.manifest import Manifest, differences, versions
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source, written
from streamguard.datagen.sinks import is_sink, open_sink
from streamguard.datagen.sinks.lines import Lines
from streamguard.errors import StorageError, StreamguardError
from tests.datagen.sinks.storing import stored
from tests.datagen.small import FAULTS, SMALL, TRUTH, world

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = BLOCK + 77
SPOILT = Run(world(faults=FAULTS, truth=TRUTH), "r", 7, START)
PROGRAM = """
from datetime import UTC, datetime
from streamguard.datagen.records.run import Run
from streamguard.datagen.sinks import open_sink
from streamguard.datagen.records.source import Source
from tests.datagen.small import SMALL
source = Source(Run(SMALL, "r", 7, datetime(2026, 3, 1, tzinfo=UTC)), "payments")
with open_sink("stdout", source) as sink:
    try:
        for block in source.blocks(0, 10**9):
            sink.write(block)
    except BrokenPipeError:
        pass
"""


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_a_line_is_the_value_of_a_record(tmp_path: Path) -> None:
    stored(Run(SMALL, "r", 7, START), tmp_path / "out.jsonl", COUNT)
    assert lines(tmp_path / "out.jsonl") == [record.value for record in written(Run(SMALL, "r", 7, START), COUNT)]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_faults_are_in_the_file_as_they_would_be_in_kafka_and_the_truth_is_beside_it(tmp_path: Path) -> None:
    entry = stored(SPOILT, tmp_path / "out.jsonl", COUNT)
    assert lines(tmp_path / "out.jsonl") == [record.value or b"null" for record in written(SPOILT, COUNT)]
    assert len(lines(tmp_path / "out.jsonl")) == entry.tally.written
    truth = [orjson.loads(line) for line in lines(tmp_path / "out-truth.jsonl")]
    assert len(truth) == entry.tally.truth > 0
    assert sum(told["fault"] is not None for told in truth) == entry.tally.faults.total()
    assert len(lines(tmp_path / "out-labels.jsonl")) == entry.tally.labels > 0


def test_its_account_is_that_of_the_manifest(tmp_path: Path) -> None:
    entry = stored(SPOILT, tmp_path / "out.jsonl", COUNT)
    assert differences(Manifest(SPOILT, (entry,), versions())) == []


def test_other_places_are_refused_with_those_that_there_are() -> None:
    assert [is_sink(target) for target in ("stdout", "a.jsonl", "b/c.parquet", "out.csv", "kafka")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(StreamguardError, match=r"out\.csv is no place for records: name stdout, FILE\.jsonl"):
        open_sink("out.csv", Source(Run(SMALL, "r", 7, START), "payments"))


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"out\.jsonl can not be written: No such file or directory"):
        stored(SPOILT, tmp_path / "missing" / "out.jsonl", COUNT)


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert orjson.loads(process.stdout.readline())["id"] == "r-000000"
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may have more than 100,000 bytes in this test: what a full disk answers, short of the word."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_file_that_can_not_grow_is_a_storage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=rf"{name} can not be written: the file is too large") as caught:
        stored(Run(SMALL, "r", 7, START), tmp_path / name, 40 * BLOCK)
    assert caught.value.exit_code == 74


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only where there is a disk that is always full")  # noqa: PTH110
def test_a_full_disk_is_said_to_be_full() -> None:
    source = Source(Run(SMALL, "r", 7, START), "payments")
    with (
        pytest.raises(StorageError, match="/dev/full can not be written: the disk is full"),
        Lines(Path("/dev/full")) as sink,
    ):
        sink.write(source.block(0))
