from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streamguard.datagen.generate import Outcome
from streamguard.datagen.publishing import Totals
from streamguard.datagen.worlds.bank import Run
from streamguard.errors import KafkaError

ACKNOWLEDGED = {"fraudulent": 10, "unidentified": 20, "legitimate": 70}
DONE = Outcome(
    Run("r1", 7, datetime(2026, 11, 22, tzinfo=UTC), 50.0),
    "bank-transactions",
    Totals(100, ACKNOWLEDGED, 0, None, 2.0, 19),
    interrupted=False,
)


def test_the_summary_is_flat_and_complete() -> None:
    assert DONE.summary() == {
        "run": "r1",
        "seed": 7,
        "start": "2026-11-22T00:00:00+00:00",
        "topic": "bank-transactions",
        "target_rate": 50.0,
        "fraudulent_share": 0.1,
        "unidentified_share": 0.2,
        "people": 5000,
        "produced": 100,
        "acknowledged": 100,
        "failed": 0,
        "seconds": 2.0,
        "rate": 50.0,
        "fraudulent": 10,
        "unidentified": 20,
        "legitimate": 70,
        "fraudulent_people": 19,
        "first_sequence": 0,
        "last_sequence": 99,
    }


def test_a_run_without_a_record_has_no_sequence_numbers() -> None:
    nothing = replace(DONE, totals=Totals(0, dict.fromkeys(ACKNOWLEDGED, 0), 0, None, 0.0, 0))
    summary = nothing.summary()
    assert (summary["first_sequence"], summary["last_sequence"], summary["rate"]) == (None, None, 0.0)


@pytest.mark.parametrize(("error", "says"), [("Local: Message timed out", "timed out"), (None, "answer in time")])
def test_records_without_an_answer_are_an_error_with_their_number(error: object | None, says: str) -> None:
    lost = replace(DONE, totals=replace(DONE.totals, produced=1234, failed=1134, error=error))
    with pytest.raises(KafkaError, match=rf"k:9092 did not acknowledge 1,134 of 1,234 records: .*{says}"):
        lost.check("k:9092")


def test_a_run_without_failures_is_no_error() -> None:
    DONE.check("k:9092")
