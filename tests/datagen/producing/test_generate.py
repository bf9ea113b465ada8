from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streamguard.datagen.producing.generate import Outcome
from streamguard.datagen.producing.latencies import class_of
from streamguard.datagen.producing.progress import Position, Progress
from streamguard.datagen.producing.publishing import Totals
from streamguard.datagen.records.run import Run
from streamguard.datagen.world.reading import read_world
from streamguard.errors import KafkaError
from streamguard.project import shipped

WORLD = read_world(shipped() / "init" / "worlds" / "bank.yml")
PROGRESS = Progress(
    seconds=2.0,
    produced=100,
    acknowledged=100,
    size=120_000,
    counts={"fraudulent": 10, "unidentified": 20, "legitimate": 70},
    campaigns={"mules": 3},
    latencies=Counter({class_of(0.002): 99, class_of(0.1): 1}),
    positions={"transactions": Position(100, 100, 100, 100)},
)
RUN = Run(WORLD, "r1", 7, datetime(2026, 11, 22, tzinfo=UTC), 50.0)
DONE = Outcome(RUN, ["bank-transactions"], Totals(PROGRESS, None), interrupted=False)


def changed(error: str | None, **progress: object) -> Outcome:
    return replace(DONE, totals=Totals(replace(PROGRESS, **progress), error))  # type: ignore[arg-type]


def test_the_summary_is_flat_describes_the_run_and_says_what_became_of_it() -> None:
    summary = DONE.summary()
    assert Run.of(summary, WORLD) == RUN
    told = {
        "run": "r1",
        "seed": 7,
        "start": "2026-11-22T00:00:00+00:00",
        "topic": "bank-transactions",
        "target_rate": 50.0,
        "produced": 100,
        "acknowledged": 100,
        "failed": 0,
        "seconds": 2.0,
        "rate": 50.0,
        "fraudulent": 10,
        "unidentified": 20,
        "legitimate": 70,
        "by_campaign": {"mules": 3},
        "first_sequence": 0,
        "last_sequence": 99,
    }
    assert summary | told == summary
    assert summary["latency_p50_ms"] == pytest.approx(2, rel=0.05)


def test_a_run_without_a_record_has_no_sequence_numbers() -> None:
    summary = changed(None, produced=0, acknowledged=0, seconds=0.0, positions={}).summary()
    assert (summary["first_sequence"], summary["last_sequence"], summary["rate"]) == (None, None, 0.0)


@pytest.mark.parametrize("error", ["Local: Message timed out", "it did not answer in time"])
def test_records_without_an_answer_are_an_error_with_their_number(error: str) -> None:
    lost = changed(error, produced=1234, failed=1134)
    with pytest.raises(KafkaError, match=rf"k:9092 did not acknowledge 1,134 of 1,234 records: {error}"):
        lost.check("k:9092")


def test_a_worker_that_died_is_an_error_though_no_record_failed() -> None:
    with pytest.raises(KafkaError, match="worker 2 of 4 was killed by SIGKILL: of 17 records nobody knows"):
        changed("worker 2 of 4 was killed by SIGKILL", waiting=17).check("k:9092")


def test_a_run_without_failures_is_no_error() -> None:
    DONE.check("k:9092")
    assert DONE.done == "100 records acknowledged in 2.0 s (50.0/s), none failed"
