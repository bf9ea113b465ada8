from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.bookkeeping import LEAST_AHEAD, SKEW, Books, Files
from streamguard.datagen.producing.orders import Orders, orders_of
from streamguard.datagen.producing.progress import Position, Progress
from streamguard.datagen.records.journal import read_journal
from streamguard.datagen.records.manifest import differences, read_manifest
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.sums import Summer
from streamguard.datagen.world.reading import read_world
from streamguard.project import shipped

WORLD = read_world(shipped() / "init" / "worlds" / "transfers.yml")
RUN = Run(WORLD, "r1", 7, datetime(2026, 11, 22, tzinfo=UTC), 1.0)
STREAM = WORLD.streams[0].name


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(RUN, STREAM, tmp_path_factory.mktemp("cache"))


def at(acknowledged: int, sent: int, seconds: float = 10.0) -> Progress:
    return Progress(seconds, positions={STREAM: Position(acknowledged, sent)})


def send(books: Books, source: Source, first: int, stop: int) -> None:
    """What a sender does, as far as books are concerned."""
    summer = Summer()
    begin = first // BLOCK * BLOCK
    if begin < first:
        summer.take(source.block(begin // BLOCK, 0, first - begin))
    for block in source.blocks(first, stop):
        summer.take(block)
    books.take({STREAM: [*summer.done(), *summer.rest()]})


def test_nothing_is_sent_that_the_journal_does_not_know_of(source: Source, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    books = Books(Files(journal=journal), RUN, [source])
    allowed = books.permit(STREAM, 0)
    assert allowed == read_journal(journal).positions[STREAM].reserved == LEAST_AHEAD + 1
    assert books.permit(STREAM, allowed - 1) == allowed, "not written again for each record"
    assert books.permit(STREAM, allowed) > allowed


def test_without_a_journal_nothing_is_reserved(source: Source) -> None:
    books = Books(Files(), RUN, [source])
    assert books.permit(STREAM, 10**9) > 10**12
    assert books.permits(at(5, 5)) == {STREAM: 5 + SKEW}, "workers stay together"
    assert books.permits(Progress(0.0)) == {STREAM: SKEW}
    assert not books.kept


def test_the_journal_is_written_once_a_second_and_at_the_end(source: Source, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    books = Books(Files(journal=journal), RUN, [source])
    books.note(at(100, 120, seconds=1.5))
    books.note(at(200, 220, seconds=1.7))
    assert read_journal(journal).positions[STREAM].watermark == 100
    books.close(at(300, 300))
    position = read_journal(journal).positions[STREAM]
    assert (position.watermark, position.reserved, position.doubtful) == (300, 300, 0)


def test_a_run_goes_on_as_its_journal_says_for_what_was_left_of_its_duration(source: Source, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    books = Books(Files(journal=journal), RUN, [source], Orders(count=9000, duration=60.0, speed=2.0, workers=3))
    books.note(at(100, 120, seconds=45.0))
    orders = orders_of(read_journal(journal), {})
    assert orders == Orders(count=9000, duration=15.0, speed=2.0, workers=3, first={STREAM: 100})


def test_what_is_said_anew_of_a_run_that_goes_on_wins(source: Source, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    Books(Files(journal=journal), RUN, [source], Orders(count=9000, workers=3))
    orders = orders_of(read_journal(journal), {"count": 70, "workers": 1})
    assert orders == Orders(count=70, workers=1, first={STREAM: 0})


def test_a_journal_of_before_says_nothing_of_how_a_run_is_sent(source: Source, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    Books(Files(journal=journal), RUN, [source])
    told = json.loads(journal.read_text())
    del told["orders"], told["seconds"]
    journal.write_text(json.dumps(told))
    assert orders_of(read_journal(journal), {"count": 5}) == Orders(count=5, first={STREAM: 0})


@pytest.mark.parametrize("cut", [1, BLOCK, BLOCK + 77, 2 * BLOCK + 5])
def test_the_manifest_of_a_run_that_was_cut_is_that_of_one_that_was_not(
    source: Source, tmp_path: Path, cut: int
) -> None:
    whole, parts, journal = tmp_path / "whole", tmp_path / "parts", tmp_path / "journal"
    total = 3 * BLOCK + 11
    books = Books(Files(whole), RUN, [source])
    send(books, source, 0, total)
    books.close(at(total, total))

    first = Books(Files(parts, journal), RUN, [source])
    send(first, source, 0, cut)
    first.note(at(cut, cut))
    resumed = read_journal(journal)
    second = Books(Files(parts, journal, resumed.positions), resumed.run, [source])
    send(second, source, cut, total)
    second.close(at(total, total))
    assert parts.read_text() == whole.read_text()
    assert differences(read_manifest(parts), tmp_path) == []


def test_a_manifest_of_other_records_differs(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "manifest"
    other = replace(RUN, seed=8)
    books = Books(Files(path), other, [source])
    send(books, source, 0, 500)
    books.close(at(500, 500))
    assert any("hash" in difference for difference in differences(read_manifest(path), tmp_path))
