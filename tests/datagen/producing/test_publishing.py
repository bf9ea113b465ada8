"""The sender against an outlet in memory and a clock that only moves when it waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.lanes import SLICE, Lane
from streamguard.datagen.producing.latencies import percentile
from streamguard.datagen.producing.pacing import EVERYTHING, Backfill, Constant, FullSpeed, Pace, Paced
from streamguard.datagen.producing.progress import Progress
from streamguard.datagen.producing.publishing import LAST_CALL, ROOM, Publishing, Totals
from streamguard.datagen.records.truth import Delayed
from tests.datagen.streams import Memory, Numbers, label_of


@dataclass
class Trial:
    source: Numbers = field(default_factory=Numbers)
    seen: list[Progress] = field(default_factory=list)

    def publish(
        self,
        outlet: Memory,
        *,
        stop_at: float = float("inf"),
        rate: float | None = 100.0,
        count: int = EVERYTHING,
        pace: Pace | None = None,
        lane: dict[str, Any] | None = None,
        **options: Any,
    ) -> Totals:
        pace = pace or (FullSpeed() if rate is None else Paced(Constant(rate)))
        return Publishing(
            [Lane(self.source, pace, count, **lane or {})],
            outlet,
            clock=lambda: outlet.now,
            stopped=lambda: outlet.now >= stop_at,
            show=self.seen.append,
            **options,
        ).publish()

    def expected(self, count: int) -> list[bytes]:
        return [self.source.value(index) for index in range(count)]


@pytest.fixture
def trial() -> Trial:
    return Trial()


def labels_of(values: list[bytes]) -> dict[str, int]:
    return Counter(label_of(int(value.rpartition(b"-")[2])) for value in values)


@pytest.mark.parametrize("rate", [100.0, None])
def test_a_run_writes_exactly_the_records_of_its_definition(trial: Trial, rate: float | None) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, rate=rate, count=BLOCK + 2500)
    assert outlet.values() == trial.expected(BLOCK + 2500)
    assert (totals.progress.produced, totals.progress.acknowledged, totals.progress.failed) == (6596, 6596, 0)
    assert totals.progress.counts == labels_of(outlet.values())


def test_a_slice_is_within_one_block_and_never_larger_than_one_poll_can_bear(trial: Trial) -> None:
    trial.publish(Memory(), rate=None, count=3 * BLOCK)
    assert {stop - first for _, first, stop in trial.source.asked} == {SLICE}


def test_a_run_that_goes_on_begins_where_it_is_told(trial: Trial) -> None:
    outlet = Memory()
    trial.publish(outlet, rate=None, count=5000, lane={"next": 4321})
    assert outlet.values() == trial.expected(5000)[4321:]


def test_a_duration_ends_a_run_at_full_speed(trial: Trial) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, rate=None, duration=0.001)
    assert totals.progress.produced == len(outlet.delivered) > 0


def test_records_are_sent_when_they_are_due(trial: Trial) -> None:
    outlet = Memory()
    trial.publish(outlet, rate=200.0, count=400)
    assert all(number / 200 - 1e-9 <= time <= number / 200 + 0.02 for number, time in enumerate(outlet.times))


def test_a_full_queue_loses_and_repeats_nothing(trial: Trial) -> None:
    outlet = Memory(room=7)
    totals = trial.publish(outlet, rate=None, count=3000)
    assert outlet.values() == trial.expected(3000)
    assert totals.progress.failed == 0


@pytest.mark.slow
def test_what_waits_for_an_answer_is_bounded(trial: Trial) -> None:
    outlet = Memory(away=(0.0, 2.0))
    trial.publish(outlet, rate=None, count=2 * ROOM)
    assert outlet.deepest <= ROOM + SLICE
    assert len(outlet.delivered) == 2 * ROOM


def test_kafka_away_for_20_seconds_costs_no_record_and_is_shown(trial: Trial) -> None:
    outlet = Memory(away=(2.0, 22.0), room=500)
    totals = trial.publish(outlet, count=4000)
    assert outlet.values() == trial.expected(4000)
    assert totals.progress.failed == 0
    assert max(progress.silent for progress in trial.seen) > 19
    assert trial.seen[-1].silent == 0


def test_a_refused_record_ends_the_run_and_is_counted_with_its_reason(trial: Trial) -> None:
    outlet = Memory(refuses=lambda value: value.endswith(b"000100"))
    totals = trial.publish(outlet, count=4000)
    assert totals.error == "refused"
    assert totals.progress.reasons == {"refused": 1}
    assert totals.progress.produced < 200
    assert totals.progress.acknowledged == totals.progress.produced - 1
    assert totals.progress.counts == labels_of(outlet.values())


def test_refused_records_are_taken_from_the_counts_of_their_slice_alone(trial: Trial) -> None:
    outlet = Memory(refuses=lambda value: value.endswith(b"0"))
    totals = trial.publish(outlet, rate=None, count=1000)
    assert totals.progress.failed == 100
    assert totals.progress.counts == {"fraudulent": 0, "unidentified": 100, "legitimate": 800}


def test_a_stop_waits_for_what_is_on_its_way(trial: Trial) -> None:
    outlet = Memory(away=(0.5, 2.5))
    totals = trial.publish(outlet, stop_at=1.0)
    assert 100 <= totals.progress.produced <= 130
    assert totals.progress.failed == 0
    assert outlet.values() == trial.expected(totals.progress.produced)


def test_a_stop_while_kafka_is_away_ends_within_five_seconds_and_counts_what_is_lost(trial: Trial) -> None:
    outlet = Memory(away=(0.5, 1e9))
    totals = trial.publish(outlet, stop_at=1.0).progress
    assert outlet.now <= 1.0 + LAST_CALL + 0.5
    assert totals.failed == totals.reasons["no answer"] > 0
    assert totals.produced == totals.failed + totals.acknowledged
    assert {label: number for label, number in totals.counts.items() if number} == labels_of(outlet.values())
    assert outlet.waiting == 0


def test_a_stop_waits_as_long_as_answers_come(trial: Trial) -> None:
    outlet = Memory(most=1, answer=0.006, away=(0.0, 0.9))
    totals = trial.publish(outlet, rate=1_000.0, stop_at=1.0)
    assert outlet.now > 1.0 + LAST_CALL
    assert totals.progress.failed == 0


def test_a_run_that_is_stopped_before_it_began_writes_nothing(trial: Trial) -> None:
    outlet = Memory()
    totals = trial.publish(outlet, stop_at=0.0)
    assert (totals.progress.produced, outlet.delivered) == (0, [])


def test_a_stop_while_the_queue_is_full_ends_the_run(trial: Trial) -> None:
    outlet = Memory(away=(0.0, 1e9), room=10)
    totals = trial.publish(outlet, rate=None, stop_at=1.0).progress
    assert totals.produced == totals.failed == 10
    assert totals.positions["numbers"].sent == 10


def test_the_last_progress_is_the_total(trial: Trial) -> None:
    totals = trial.publish(Memory(), count=321)
    assert trial.seen[-1] == totals.progress
    assert totals.progress.acknowledged == 321
    assert totals.progress.waiting == 0


def test_latencies_are_sampled(trial: Trial) -> None:
    totals = trial.publish(Memory(answer=0.010), rate=None, count=2048).progress
    assert totals.latencies.total() >= 2048 // 16
    assert percentile(totals.latencies, 0.99) == pytest.approx(0.010, rel=0.05)
    assert sum(totals.partitions.values()) == totals.latencies.total()


def test_the_position_of_a_stream_is_what_has_its_answer_without_a_gap() -> None:
    trial = Trial()
    outlet = Memory(refuses=lambda value: value.endswith(b"001500"))
    totals = trial.publish(outlet, rate=None, count=4000)
    assert totals.progress.positions["numbers"].acknowledged == 1024, "the slice that holds the failed one begins there"


def test_records_that_are_doubled_or_dropped_are_counted_as_written() -> None:
    trial = Trial(Numbers(doubled=frozenset({5, 600}), dropped=frozenset({7})))
    outlet = Memory()
    totals = trial.publish(outlet, rate=None, count=1000).progress
    assert (totals.produced, totals.acknowledged, len(outlet.delivered)) == (1001, 1001, 1001)
    assert totals.faults == {"duplicate": 2, "dropped": 1}
    assert totals.positions["numbers"].sent == 1000


def test_a_slice_of_nothing_but_dropped_records_is_done_at_once() -> None:
    trial = Trial(Numbers(dropped=frozenset(range(10))))
    totals = trial.publish(Memory(), count=10).progress
    assert (totals.produced, totals.positions["numbers"].acknowledged) == (0, 10)


def test_truth_is_sent_beside_and_counted_apart() -> None:
    trial = Trial(Numbers(truth_topic="truth"))
    outlet = Memory()
    totals = trial.publish(outlet, rate=None, count=2000).progress
    assert len(outlet.values("truth")) == 200
    assert (totals.acknowledged, totals.beside) == (2000, {"truth": 200})


def test_labels_come_when_the_event_time_has_come_to_them() -> None:
    trial = Trial(Numbers(labels_topic="labels"))
    outlet = Memory()
    totals = trial.publish(outlet, rate=None, count=1100, lane={"later": Delayed()}).progress
    assert outlet.values("labels") == [b"label-%d" % index for index in range(0, 1100, 100) if index + 50 <= 1100]
    assert totals.beside == {"labels": 11}
    assert [record.time for record in outlet.delivered if record.name == "labels"][:2] == [500, 1500]
    assert totals.campaigns == {"fast-spending": 11}


def test_no_label_of_a_worker_is_from_after_the_end_of_the_run() -> None:
    trial, outlet = Trial(Numbers(labels_topic="labels")), Memory()
    count = 4_030  # label 4,000 is due at 4,050
    trial.publish(outlet, rate=None, count=count, lane={"later": Delayed(), "worker": 0, "workers": 2})
    due = [index for index in range(0, count, 100) if index + 50 <= count]
    assert outlet.values("labels") == [b"label-%d" % index for index in due]


@pytest.mark.parametrize("workers", [2, 3])
def test_a_label_comes_when_it_is_due_also_while_the_block_of_another_worker_is_sent(workers: int) -> None:
    source, outlet = Numbers(labels_topic="labels", label_delay=20_500), Memory()
    seconds, lane = 100.0, {"later": Delayed(), "worker": 0, "workers": workers}
    Trial(source).publish(outlet, stop_at=seconds, lane=lane, agree=lambda reached: reached)
    told = [record for record in outlet.delivered if record.name == "labels"]
    own = [at for at in range(0, 20_000, 100) if at // BLOCK % workers == 0]
    assert [record.content for record in told] == [b"label-%d" % at for at in own if at / 100 + 20.5 < seconds]
    assert all(-1e-6 <= record.sent_at - (record.time or 0) / 1000 < 0.3 for record in told)


def test_a_label_is_not_from_after_the_last_record_however_few_there_are() -> None:
    source, outlet = Numbers(labels_topic="labels", label_delay=15), Memory()
    Trial(source).publish(outlet, stop_at=30.0, pace=Paced(Every(20.0)), lane={"later": Delayed()})
    assert outlet.values("numbers") == [source.value(0), source.value(1)]
    assert outlet.values("labels") == []


@pytest.mark.parametrize("growing", [True, False])
def test_no_label_of_a_backfill_is_from_after_now(growing: bool) -> None:
    source, outlet = Numbers(labels_topic="labels", label_delay=60_500), Memory()
    pace, lane = Backfill(Constant(100.0), 50.0, growing=growing), {"later": Delayed(), "worker": 0, "workers": 3}
    Trial(source).publish(outlet, stop_at=20.0, pace=pace, lane=lane, agree=lambda reached: reached)
    told = [record for record in outlet.delivered if record.name == "labels"]
    assert [record.content for record in told] == [b"label-%d" % at for at in range(0, 4_000, 100) if at / 100 < 9.5]
    assert all((record.time or 0) / 1000 <= 50 + record.sent_at for record in told)


@dataclass(frozen=True)
class Every:
    """A record each so many seconds."""

    seconds: float

    def due(self, seconds: float) -> int:
        return int(seconds / self.seconds) + 1

    def due_at(self, index: int) -> float:
        return index * self.seconds


def test_event_times_go_with_the_records() -> None:
    outlet = Memory()
    Trial(Numbers(event_times=True)).publish(outlet, rate=None, count=50)
    assert [record.time for record in outlet.delivered] == [index * 1000 for index in range(50)]


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_together_write_every_record_once(workers: int) -> None:
    values: list[bytes] = []
    for worker in range(workers):
        trial, outlet = Trial(), Memory()
        trial.publish(outlet, rate=None, count=20_000, lane={"worker": worker, "workers": workers})
        values += outlet.values()
    assert sorted(values) == Trial().expected(20_000)


def test_a_worker_that_is_stopped_sends_its_part_up_to_the_agreed_end() -> None:
    answers = iter([None, None, {"numbers": 9_000}])
    asked: list[dict[str, int]] = []

    def agree(reached: Any) -> Any:
        asked.append(dict(reached))
        return next(answers)

    trial, outlet = Trial(), Memory()
    lane = {"worker": 0, "workers": 2}
    totals = trial.publish(outlet, rate=100.0, stop_at=1.0, lane=lane, agree=agree).progress
    assert asked[0]["numbers"] == pytest.approx(100, abs=5)
    own = [index for index in range(9_000) if index // BLOCK % 2 == 0]
    assert outlet.values() == [trial.source.value(index) for index in own]
    assert totals.positions["numbers"].sent == 9_000


def test_nothing_is_sent_beyond_what_is_reserved(trial: Trial) -> None:
    outlet = Memory()
    asked: list[int] = []

    def permit(_stream: str, index: int) -> int:
        asked.append(index)
        return 1500 if outlet.now < 0.5 else EVERYTHING

    trial.publish(outlet, rate=None, count=3000, permit=permit)
    early = [record for record in outlet.delivered if record.sent_at < 0.5]
    assert len(early) == 1500
    assert outlet.values() == trial.expected(3000)


def test_a_backfill_ends_where_live_begins_without_gap_or_overlap(trial: Trial) -> None:
    outlet = Memory()
    trial.publish(outlet, pace=Backfill(Constant(100.0), 20.0, growing=True), stop_at=5.0)
    values = outlet.values()
    assert values == trial.expected(len(values))
    assert len(values) == pytest.approx(2500, abs=3)
    early = [record for record in outlet.delivered if record.sent_at < 0.1]
    assert len(early) == pytest.approx(2000, abs=15)
