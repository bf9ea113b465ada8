"""The sender against an outlet in memory and a clock that only moves when it waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from streamguard.datagen.encoding import JsonEncoder, records
from streamguard.datagen.people import People
from streamguard.datagen.publishing import LAST_CALL, Progress, Publishing, Report, Totals
from streamguard.datagen.worlds.bank import Run

START = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = 1e-4
"""Seconds in which the outlet answers, unless it is told otherwise."""


@dataclass
class Memory:
    """Takes records, answers them in `serve`, which also is the only thing that takes time."""

    room: int = 100_000
    most: int = 1_000_000
    answer: float = ANSWER
    now: float = 0.0
    away: tuple[float, float] = (-1.0, -1.0)
    refuses: Callable[[dict[str, Any]], bool] = lambda _: False
    queue: list[tuple[bytes, bytes, Report]] = field(default_factory=list)
    delivered: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def send(self, key: bytes, value: bytes, report: Report) -> bool:
        if len(self.queue) >= self.room:
            return False
        self.queue.append((key, value, report))
        self.times.append(self.now)
        return True

    def serve(self, seconds: float) -> None:
        here = not self.away[0] <= self.now < self.away[1]
        self.now += self.answer if here and self.queue else max(seconds, ANSWER)
        if not here:
            return
        answered, self.queue = self.queue[: self.most], self.queue[self.most :]
        for _key, value, report in answered:
            record = orjson.loads(value)
            if self.refuses(record):
                report("refused", None)
            else:
                self.delivered.append(record)
                report(None, None)

    @property
    def waiting(self) -> int:
        return len(self.queue)


@dataclass
class Trial:
    people: People
    seen: list[Progress] = field(default_factory=list)

    def publish(
        self, outlet: Memory, *, stop_at: float = float("inf"), rate: float | None = 100.0, **limits: Any
    ) -> Totals:
        run = Run("r1", 7, START, rate, people=len(self.people))
        return Publishing(
            run,
            JsonEncoder(run, self.people),
            outlet,
            clock=lambda: outlet.now,
            stopped=lambda: outlet.now >= stop_at,
            show=self.seen.append,
            **limits,
        ).publish()

    def expected(self, count: int, rate: float | None = 100.0) -> list[dict[str, Any]]:
        return list(records(7, "r1", START, count, rate=rate, people=self.people))


@pytest.fixture
def trial(people: People) -> Trial:
    return Trial(people)


@pytest.mark.parametrize("rate", [100.0, None])
def test_a_run_writes_exactly_the_records_of_its_definition(trial: Trial, rate: float | None) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, rate=rate, count=2500)
    assert outlet.delivered == trial.expected(2500, rate)
    assert (totals.produced, totals.failed) == (2500, 0)


def test_the_totals_count_evaluations_and_the_people_of_fraudulent_records(trial: Trial) -> None:
    totals = trial.publish(Memory(), rate=None, count=500)
    expected = trial.expected(500)
    frauds = [record for record in expected if record["evaluation"] == "fraudulent"]
    named = {record[side]["id"] for record in frauds for side in ("sender_details", "receiver_details")}
    for evaluation, number in totals.acknowledged.items():
        assert number == sum(record["evaluation"] == evaluation for record in expected)
    assert totals.fraudulent_people == len(named)


def test_a_duration_holds_exactly_its_records(trial: Trial) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, rate=250.0, duration=4.0)
    assert totals.produced == 1000
    assert outlet.now == pytest.approx(4.0, abs=0.1)


def test_a_duration_ends_a_run_at_full_speed(trial: Trial) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, rate=None, duration=0.001)
    assert totals.produced > 0
    assert totals.produced == len(outlet.delivered)


def test_records_are_sent_when_they_are_due(trial: Trial) -> None:
    outlet = Memory()
    trial.publish(outlet, rate=200.0, count=400)
    assert all(number / 200 - 1e-9 <= time <= number / 200 + 0.02 for number, time in enumerate(outlet.times))


def test_a_full_queue_loses_and_repeats_nothing(trial: Trial) -> None:
    outlet = Memory(room=7)
    totals = trial.publish(outlet, rate=None, count=3000)
    assert outlet.delivered == trial.expected(3000, None)
    assert totals.failed == 0


def test_kafka_away_for_20_seconds_costs_no_record_and_is_shown(trial: Trial) -> None:
    outlet = Memory(away=(2.0, 22.0), room=500)
    totals = trial.publish(outlet, count=4000)
    assert outlet.delivered == trial.expected(4000)
    assert totals.failed == 0
    assert max(progress.silent for progress in trial.seen) > 19
    assert trial.seen[-1].silent == 0


def test_a_refused_record_ends_the_run_and_is_counted(trial: Trial) -> None:
    outlet = Memory(refuses=lambda record: bool(record["transaction_id"] == "r1-000000100"))
    totals = trial.publish(outlet, count=4000)
    assert totals.failed == 1
    assert totals.error == "refused"
    assert totals.produced < 200
    assert sum(totals.acknowledged.values()) == totals.produced - 1


def test_the_people_of_a_refused_fraud_are_not_counted(trial: Trial) -> None:
    outlet = Memory(refuses=lambda record: bool(record["evaluation"] == "fraudulent"))
    totals = trial.publish(outlet, count=4000)
    assert totals.acknowledged["fraudulent"] == 0
    assert totals.fraudulent_people == 0


def test_a_stop_waits_for_what_is_on_its_way(trial: Trial) -> None:
    outlet = Memory(away=(0.5, 2.5))
    totals = trial.publish(outlet, stop_at=1.0)
    assert 100 <= totals.produced <= 130
    assert totals.failed == 0
    assert outlet.delivered == trial.expected(totals.produced)


def test_a_stop_while_kafka_is_away_ends_within_five_seconds_and_counts_what_is_lost(trial: Trial) -> None:
    outlet = Memory(away=(0.5, 1e9))
    totals = trial.publish(outlet, stop_at=1.0)
    assert outlet.now <= 1.0 + LAST_CALL + 0.5
    assert totals.failed == outlet.waiting > 0
    assert totals.produced == totals.failed + sum(totals.acknowledged.values())


def test_a_stop_waits_as_long_as_answers_come(trial: Trial) -> None:
    outlet = Memory(most=1, answer=0.006, away=(0.0, 0.9))
    totals = trial.publish(outlet, rate=1_000.0, stop_at=1.0)
    assert outlet.now > 1.0 + LAST_CALL
    assert totals.failed == 0


def test_a_run_that_is_stopped_before_it_began_writes_nothing(trial: Trial) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, stop_at=0.0)
    assert (totals.produced, outlet.delivered) == (0, [])


def test_a_stop_while_the_queue_is_full_ends_the_run(trial: Trial) -> None:
    outlet = Memory(away=(0.0, 1e9), room=10)
    totals = trial.publish(outlet, rate=None, stop_at=1.0)
    assert totals.produced == totals.failed == 10


def test_the_last_progress_is_the_total(trial: Trial) -> None:
    totals = trial.publish(Memory(), count=321)
    assert trial.seen[-1].acknowledged == totals.produced == 321
    assert trial.seen[-1].waiting == 0
