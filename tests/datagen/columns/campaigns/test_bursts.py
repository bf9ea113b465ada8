from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.campaigns.slots import CYCLE, Tracks, settled
from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.columns.stream import Columns, Stream, compile_stream
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.model import World
from tests.datagen.joining import joined
from tests.datagen.small import DOCUMENT, world

START = 1_795_000_000_000_000
SHARES = st.lists(st.floats(1e-5, 0.1), min_size=1, max_size=6).filter(lambda shares: sum(shares) < 0.5)
BLOCKS = 150
MANY: dict[str, Any] = {
    "spending": {"kind": "velocity_burst", "actor": "payer", "share": 0.02, "records": [4, 9], "every": ["2s", "20s"]},
    "mules": {"kind": "mule", "from": "payer", "to": "payee", "share": 0.02, "records": [4, 12]},
    "slow": {"kind": "velocity_burst", "actor": "payer", "share": 0.01, "records": 3, "every": "20m"},
    "single": {"kind": "purchase", "actor": "payer", "payee": "payee", "share": 0.01},
    "limit": {
        "kind": "structuring", "actor": "payer", "amount": "amount", "limit": 1000, "share": 0.01, "records": [3, 8],
        "every": ["1m", "10m"],
    },
}  # fmt: skip


@cache
def busy() -> World:
    return world(
        campaigns=MANY,
        entities={"person": {**DOCUMENT["entities"]["person"], "count": 500}},
    )


@cache
def stream() -> Stream:
    return compile_stream(busy(), "payments", seed=5, start=START)


@cache
def records() -> Columns:
    """Some hundred thousand records as one."""
    return joined([stream().block(number) for number in range(BLOCKS)])


def instances(name: str) -> list[np.ndarray[Any, Any]]:
    """The places of the records of each instance of a campaign that lies wholly in the sample, in order."""
    number = list(MANY).index(name)
    lane = stream().bursts[number]
    at = np.flatnonzero(records().campaign == number + 1)
    of, found = records().instance[at], []
    for instance in np.unique(of):
        places = at[of == instance]
        length = lane.lengths(np.array([instance])).sum()
        steps = records().step[places].tolist()
        assert steps == list(range(steps[0], steps[0] + len(steps)))
        if len(steps) < length:  # cut off at one end of the sample
            assert steps[0] > 0 or steps[-1] < length - 1
            assert places[0] < 200_000 or places[-1] > BLOCKS * BLOCK - 200_000
            continue
        found.append(places)
    return found


@given(SHARES, st.integers(0, 2**40))
def test_no_two_campaigns_want_the_same_record(shares: list[float], cycle: int) -> None:
    tracks = Tracks(0, "payments", shares)
    assert sum(tracks.counts) <= CYCLE
    taken = [
        tracks.indexes(number, np.arange(cycle * count, (cycle + 3) * count))
        for number, count in enumerate(tracks.counts)
    ]
    every = np.concatenate(taken)
    assert len(np.unique(every)) == len(every)
    assert every.min() >= cycle * CYCLE
    assert every.max() < (cycle + 3) * CYCLE
    assert all((np.diff(each) > 0).all() for each in taken)


def test_nothing_shows_in_the_number_of_a_record() -> None:
    tracks = Tracks(0, "payments", [0.01])
    places = tracks.indexes(0, np.arange(200 * tracks.counts[0])) % CYCLE
    counts = np.bincount(places, minlength=CYCLE)
    mean = counts.mean()
    assert ((counts - mean) ** 2 / mean).sum() < CYCLE + 5 * np.sqrt(2 * CYCLE)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=100).map(sorted))
def test_every_record_of_a_campaign_has_a_slot_of_its_own_near_where_it_wants_one(wanted: list[int]) -> None:
    found = settled(np.array(wanted), 100)
    assert (np.diff(found) > 0).all()
    assert found[-1] < 100
    if len(set(wanted)) == len(wanted):
        assert found.tolist() == wanted


@pytest.mark.parametrize("name", MANY)
def test_a_campaign_has_its_share_of_the_records(name: str) -> None:
    number = list(MANY).index(name)
    burst = busy().campaigns[number]
    assert isinstance(burst, Burst)
    most = sum(phase.records.high for phase in burst.phases)
    size = BLOCK * BLOCKS
    count = (records().campaign == number + 1).sum()
    assert abs(count - burst.share * size) < 3 * np.sqrt(burst.share * size * most) + most


@pytest.mark.parametrize("name", ["spending", "mules", "slow", "limit"])
def test_instances_have_the_length_that_is_declared(name: str) -> None:
    burst = busy().campaigns[list(MANY).index(name)]
    assert isinstance(burst, Burst)
    low, high = (sum(getattr(phase.records, end) for phase in burst.phases) for end in ("low", "high"))
    lengths = [len(places) for places in instances(name)]
    assert len(lengths) > 100
    assert (min(lengths), max(lengths)) == (low, high)


@pytest.mark.parametrize(("name", "low", "high"), [("spending", 2, 20), ("slow", 1200, 1200), ("limit", 60, 600)])
def test_records_of_an_instance_are_as_far_apart_as_declared(name: str, low: int, high: int) -> None:
    gaps = np.concatenate([np.diff(records().instants[places]) for places in instances(name)]) / 1e6
    assert abs(gaps.mean() - (low + high) / 2) < 0.1 * (low + high) / 2
    assert np.percentile(gaps, 2) > low - 0.25 * (low + high) / 2
    assert np.percentile(gaps, 98) < high + 0.25 * (low + high) / 2


def test_an_instance_has_one_target() -> None:
    for places in instances("spending"):
        assert len(np.unique(records().values["payer"][places])) == 1


def test_a_mule_is_paid_by_many_and_pays_on_at_once() -> None:
    found = instances("mules")
    burst = busy().campaigns[1]
    assert isinstance(burst, Burst)
    lengths = stream().bursts[1].lengths(records().instance[[places[0] for places in found]])
    for places, (paid_in, paid_out) in zip(found, lengths.tolist(), strict=True):
        mule = records().values["payee"][places[0]]
        assert (records().values["payee"][places[:paid_in]] == mule).all()
        assert (records().values["payer"][places[paid_in:]] == mule).all()
        assert len(places) == paid_in + paid_out
    assert (records().values["payer"] != records().values["payee"]).all()


def test_amounts_below_the_limit_are_just_below_it() -> None:
    amounts = records().values["amount"][records().campaign == 5]
    assert amounts.min() >= 87_000
    assert amounts.max() < 100_000


def test_targets_are_drawn_from_everybody() -> None:
    targets = records().values["payer"][(records().campaign == 1) & (records().step == 0)]
    assert len(np.unique(targets)) > 300


def test_drift_makes_a_campaign_more_frequent_from_its_day_on() -> None:
    spending = {**MANY["spending"], "share": 0.01, "drift": [{"from": "1h", "times": 3}, {"from": "2h", "times": 0}]}
    drifting = compile_stream(world(campaigns={"spending": spending}), "payments", seed=1, start=START)
    blocks = [drifting.block(number) for number in range(3 * 72_000 // BLOCK)]
    campaign, instants = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("campaign", "instants")
    )
    hours = (instants - START) // 3_600_000_000
    shares = [campaign[hours == hour].mean() for hour in range(3)]
    assert shares[0] == pytest.approx(0.01, rel=0.2)
    assert shares[1] == pytest.approx(0.03, rel=0.15)
    assert shares[2] < 0.001


def test_a_phase_may_be_what_the_target_does_itself() -> None:
    theft = {"kind": "burst", "fraud": True, "actor": "payer", "share": 0.03}
    phases = [{"records": 1, "every": "1m", "fraud": False}, {"records": 2, "every": "5m"}]
    made = compile_stream(world(campaigns={"theft": {**theft, "phases": phases}}), "payments", seed=5, start=START)
    columns = joined([made.block(number) for number in range(20)])
    own = columns.campaign == 1
    assert own.any()
    assert (columns.fraud == (own & (columns.step > 0))).all()
    assert made.bursts[0].burst.fraud_share == pytest.approx(0.02)
