"""The statements of ksql/card find exactly what the reference finds, in records of the world and in made-up ones."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.world.reading import find_world, read_world, world_of
from tests.card.reference import EPOCH, GRACE, Thresholds, alerts, by_rule
from tests.card.rules import PROJECT, VARIABLES, found

RECORDS, FEWER = 20_000, 4_000
SECONDS = 2 * 3600
START = datetime(2026, 1, 31, 3, 30, tzinfo=UTC)
"""In the night, which ends before the records do."""
FAULTS: dict[str, Any] = {
    "late": {"share": 0.05, "delay": ["1s", "100m"]},
    "out_of_order": {"share": 0.05, "distance": 200},
    **dict.fromkeys(
        ("duplicate", "dropped", "tombstone", "null", "missing_field", "truncated", "unknown_field", "wrong_key"), 0.005
    ),
}
STRICT = {**VARIABLES, "velocity_max": "1", "risk_score": "3", "risk_count": "2", "high_amount": "700", "night_to": "4"}


FEW = {"user": 40, "account": 48, "card": 60}
"""So few that most accounts have several transactions in some minute, and that it matters which come too late."""


@cache
def records(count: int, *, few: bool) -> tuple[bytes | None, ...]:
    """Two hours of the world, with campaigns more frequent than usual; some late, out of order, or spoilt."""
    document = copy.deepcopy(dict(read_world(find_world(PROJECT, "card")).document))
    if few:  # without V, which no rule looks at and which takes most of the time
        del document["streams"]["transactions"]["columns"]["v"]
        del document["streams"]["transactions"]["record"]["V"]
    world = world_of({**document, "faults": FAULTS})
    shares = {"card-testing": 0.02, "fast-spending": 0.02, "impossible-travel": 0.02, "stolen-card": 0.01}
    counts = FEW if few else {}
    rate = count / SECONDS
    run = Run(world, "r", 7, START, rate=rate, backfill=True, campaigns=shares, truth=False, counts=counts)
    return tuple(value for block in Source(run, "transactions").blocks(0, count) for value in block.values)


@pytest.mark.parametrize(
    ("variables", "few"), [(VARIABLES, False), (STRICT, True)], ids=["as shipped", "other thresholds, few people"]
)
def test_the_rules_find_in_the_world_what_the_reference_finds(variables: dict[str, str], few: bool) -> None:
    given, thresholds = records(FEWER if few else RECORDS, few=few), Thresholds.of(variables)
    wanted = alerts(given, thresholds)
    assert found(given, variables) == wanted
    assert set(by_rule(wanted)) == {"HIGH_AMOUNT", "NIGHT_TIME", "HIGH_RISK_CATEGORY", "VELOCITY", "RISK"}
    if few:
        assert alerts(given, thresholds, grace=10 * GRACE) != wanted, "some come too late"
        assert alerts(given, thresholds, grace=0) != wanted, "some are late, and count"


PARTS = st.fixed_dictionaries(
    {
        "transaction_id": st.sampled_from([*(f"t{number}" for number in range(30)), None]),
        "account_id": st.sampled_from(["a1", "a1", "a2", None]),
        "user_id": st.sampled_from(["u1", "u2", None]),
        "merchant_category": st.sampled_from(["grocery", "travel", "Electronics", None]),
        "country": st.sampled_from(["DE", "FR", "US", None]),
        "amount": st.sampled_from([3000, 3000.01, 20, 150, 150.5, 501, None]),
        "timestamp": st.builds(
            lambda minute, second: (EPOCH + timedelta(minutes=minute, seconds=second)).isoformat(),
            st.sampled_from([600, 600, 601, 604, 605, 660, 661, 664, 665, 667]),
            st.sampled_from([0, 30, 59.999]),
        ),
    }
)


@given(st.lists(PARTS, max_size=40), st.sampled_from([VARIABLES, STRICT]))
def test_the_rules_find_what_the_reference_finds_whatever_comes_and_when(
    given: list[dict[str, Any]], variables: dict[str, str]
) -> None:
    values = [json.dumps(record).encode() for record in given]
    assert found(values, variables) == alerts(values, Thresholds.of(variables))
