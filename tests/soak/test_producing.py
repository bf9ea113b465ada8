"""What the generator promises of pace, memory, kills and outages, at the sizes it is promised for."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from statistics import median

import psutil
import pytest
from confluent_kafka import TopicPartition

from streamguard.datagen.records.journal import read_journal
from streamguard.datagen.records.manifest import differences, read_manifest
from streamguard.kafka import clients
from streamguard.stack.stack import Stack
from tests.stack.test_produce import (
    PARTITIONS,
    Target,
    derived,
    in_order,
    standing_still,
    target,
    wait_for_first_record,
    wait_for_line,
)

__all__ = ["target"]
pytestmark = pytest.mark.timeout(600)
PACE, MINUTE = 1_000, 60
SLOT = 0.1
WAITING = 64
"""Megabytes of records that may wait for Kafka, more at one time than at another."""
KILLS = 3
AWAY = 20.0


def written_at(target: Target) -> list[float]:
    """When each record in the topic was produced, in seconds since 1970, sorted."""
    reader = clients.consumer(target.settings, f"times-{target.topic}")
    places = [TopicPartition(target.topic, number, 0) for number in range(PARTITIONS)]
    total = sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)
    reader.assign(places)
    found: list[float] = []
    while len(found) < total:
        found += [message.timestamp()[1] / 1000 for message in reader.consume(10_000, timeout=10)]
    reader.close()
    return sorted(found)


def per_slot(times: list[float], seconds: float) -> list[int]:
    """How many records were produced in each slot of so many seconds, from the first record on."""
    slots = Counter(int((at - times[0]) / seconds + 1e-6) for at in times)
    return [slots[number] for number in range(max(slots) + 1)]


def test_a_thousand_a_second_are_sixty_thousand_a_minute_and_come_evenly(target: Target) -> None:
    process = target.start("--rate", str(PACE), "--duration", str(MINUTE), "--output", "json")
    summary = json.loads(process.communicate(timeout=2 * MINUTE)[0])
    slots = per_slot(written_at(target), SLOT)
    print(f"\n{summary['acknowledged']:,} records, at most {max(slots)} in {SLOT} s, at least {min(slots[:-1])}")
    assert summary["acknowledged"] == pytest.approx(PACE * MINUTE, rel=0.005)
    assert max(slots) <= 2 * PACE * SLOT


def test_steps_of_the_rate_are_followed_within_a_second(target: Target) -> None:
    steps = "streams.transactions.rate={steps: [{at: 0s, rate: 10}, {at: 5s, rate: 2000}, {at: 15s, rate: 10}]}"
    topic = f"streams.transactions.topic={target.topic}"
    target.produce("--set", steps, "--set", topic, "--duration", "20", "--world", "bank")
    seconds = per_slot(written_at(target), 1.0)
    print(f"\nrecords in each second: {seconds}")
    before, during, after = seconds[1:4], seconds[6:13], seconds[16:19]  # but for the second of each step
    assert [*before, *after] == pytest.approx([10] * 6, abs=1)
    assert during == pytest.approx([2000] * 7, rel=0.02)


def test_memory_does_not_grow_over_five_million_records(target: Target) -> None:
    process = target.start("--max", "--count", "5000000", "--output", "json")
    resident = []
    while process.poll() is None:
        resident.append(psutil.Process(process.pid).memory_info().rss / 2**20)
        time.sleep(0.5)
    assert json.loads(process.communicate()[0])["acknowledged"] == 5_000_000
    third = len(resident) // 3
    middle, end = median(resident[third : 2 * third]), median(resident[2 * third :])
    print(f"\nresident: {middle:.0f} MB in the middle third, {end:.0f} MB in the last, at most {max(resident):.0f} MB")
    assert end <= middle + WAITING


def wait_until_some_are_acknowledged(process: subprocess.Popen[str], journal: Path) -> None:
    """Return when a journal says so, or says more than it did."""
    before = _acknowledged(journal)
    while _acknowledged(journal) <= before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def _acknowledged(journal: Path) -> int:
    return read_journal(journal).positions["transactions"].watermark if journal.exists() else 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_killed_three_times_is_the_run_that_was_not(target: Target, tmp_path: Path, workers: int) -> None:
    journal, manifest = tmp_path / "journal.json", tmp_path / "manifest.json"
    asked = ("--rate", "20000", "--count", "200000", "--seed", "0", "--run", "cut", "--workers", str(workers))
    doubtful: list[tuple[int, int]] = []
    arguments: tuple[str, ...] = (*asked, "--journal", str(journal))
    pipeline: tuple[str, ...] = ("trial",)
    for _ in range(KILLS):
        process = target.start(*arguments, pipeline=pipeline)
        wait_until_some_are_acknowledged(process, journal)
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for each in family:
            each.kill()
        process.communicate(timeout=5)
        told = read_journal(journal).positions["transactions"]
        doubtful.append((told.watermark, told.reserved))
        arguments, pipeline = ("--resume", str(journal)), ()
    last = target.start(*arguments, "--manifest", str(manifest), "--output", "json", pipeline=pipeline)
    out, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    values = [value for _, _, value in target.read()]
    times = Counter(int(value["transaction_id"][-9:]) for value in values)
    assert sorted(times) == list(range(200_000))
    twice = [index for index, number in times.items() if number > 1]
    print(f"\n{KILLS} kills: {len(twice)} records twice, all in the reported {doubtful}")
    assert all(any(first <= index < stop for first, stop in doubtful) for index in twice)
    once = {str(value["transaction_id"]): value for value in values}
    assert [once[name] for name in sorted(once)] == derived(json.loads(out))
    assert differences(read_manifest(manifest)) == []


def test_a_kafka_that_is_away_for_twenty_seconds_costs_no_record(target: Target, stack: Stack) -> None:
    process = target.start("--rate", "1000", "--count", "40000", "--output", "json")
    wait_for_first_record(target)
    begun = time.monotonic()
    with standing_still(stack, "kafka"):
        said = wait_for_line(process, "does not answer")
        told = time.monotonic() - begun
        time.sleep(AWAY - told)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    summary = json.loads(out)
    print(f"\n{summary['acknowledged']:,} acknowledged; told after {told:.1f} s: {said.strip()}")
    assert "answers again" in err
    assert in_order(target.read()) == derived(summary)
    assert summary["acknowledged"] == 40_000
