"""What a journal says after a kill: where to go on, and what may be there twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamguard.datagen.records.journal import Journal, Position, read_journal
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.sums import Account
from streamguard.errors import ProjectError, StorageError
from tests.datagen.small import SMALL

RUN = Run(SMALL, "r", 7, datetime(2026, 1, 1, tzinfo=UTC))
AHEAD = 100


class Killed(RuleBasedStateMachine):
    """A run that is killed at any moment, and goes on from its journal; `sent` counts how often each record went out,
    `arrived` has those that Kafka holds."""

    def __init__(self) -> None:
        super().__init__()
        self.file = b""
        self.sent: list[int] = []
        self.allowed: set[int] = set()
        self.begin({"s": Position()})

    def begin(self, positions: dict[str, Position]) -> None:
        def write(_path: Path, content: bytes) -> None:
            self.file = content

        self.journal = Journal(Path("journal"), RUN, positions, ahead=AHEAD, write=write)
        self.next = self.acknowledged = positions["s"].watermark

    @rule(count=st.integers(1, 250))
    def send(self, count: int) -> None:
        self.journal.reserve({"s": self.next + count})
        for index in range(self.next, self.next + count):
            if index == len(self.sent):
                self.sent.append(0)
            self.sent[index] += 1
        self.next += count

    @rule(part=st.floats(0, 1))
    def acknowledge(self, part: float) -> None:
        self.acknowledged += int((self.next - self.acknowledged) * part)
        self.journal.acknowledge({"s": self.acknowledged}, {"s": Account()})

    @rule()
    def kill(self) -> None:
        position = self.position()
        assert position.watermark <= self.acknowledged <= self.next <= position.reserved
        self.allowed |= set(range(position.watermark, position.reserved))
        self.begin({"s": position})

    @invariant()
    def nothing_is_missing_and_twice_is_only_what_was_reported(self) -> None:
        assert all(times >= 1 for times in self.sent)
        assert {index for index, times in enumerate(self.sent) if times > 1} <= self.allowed

    def position(self) -> Position:
        document = orjson.loads(self.file)["streams"]["s"]
        return Position(document["watermark"], document["reserved"], document["account"])


TestKilled = Killed.TestCase
TestKilled.settings = settings(max_examples=25, stateful_step_count=25)


def test_a_journal_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    journal = Journal(path, RUN, {"payments": Position()}, ahead=AHEAD)
    journal.reserve({"payments": 1000})
    journal.acknowledge({"payments": 900})
    resumed = read_journal(path)
    assert resumed.run == RUN
    position = resumed.positions["payments"]
    assert (position.watermark, position.reserved, position.doubtful) == (900, 1100, 200)
    assert Account.of(position.account).document() == Account().document()


def test_at_the_end_nothing_is_doubtful(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    journal = Journal(path, RUN, {"payments": Position()})
    journal.reserve({"payments": 1})
    journal.acknowledge({"payments": 1})
    journal.end({"payments": 1})
    assert read_journal(path).positions["payments"].doubtful == 0


def test_it_is_written_once_for_many_records() -> None:
    written: list[bytes] = []
    journal = Journal(Path("j"), RUN, {"s": Position()}, ahead=AHEAD, write=lambda _, content: written.append(content))
    for bound in range(1, 1000):
        journal.reserve({"s": bound})
    assert len(written) <= 1 + 1000 / AHEAD + 1


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b'{"journal": 1}', b"null"])
def test_what_is_no_journal_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=r"is no journal of `streamguard produce --journal`"):
        read_journal(path)


def test_a_journal_of_another_format_or_of_other_versions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, RUN, {})
    document = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**document, "journal": 99}))
    with pytest.raises(ProjectError, match="it is of format 99"):
        read_journal(path)
    path.write_bytes(orjson.dumps({**document, "versions": {**document["versions"], "faker": "1.0"}}))
    with pytest.raises(ProjectError, match=r"began with faker 1\.0"):
        read_journal(path)


def test_a_journal_that_can_not_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="can not be read: No such file"):
        read_journal(tmp_path / "missing")
    with pytest.raises(StorageError, match="can not be written: No such file"):
        Journal(tmp_path / "missing" / "journal", RUN, {})
