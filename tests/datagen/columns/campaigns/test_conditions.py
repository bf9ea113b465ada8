from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamguard.datagen.columns.campaigns.conditions import within
from streamguard.datagen.columns.clock import DAY
from streamguard.datagen.columns.stream import Columns, Stream, compile_stream
from tests.datagen.joining import joined
from tests.datagen.small import DOCUMENT, world

START = 20_790 * DAY + 5 * DAY // 24
PAYMENTS = DOCUMENT["streams"]["payments"]


def stream(rate: float = 0.2, start: int = START, **campaigns: Any) -> Stream:
    declared = world(
        streams={"payments": {**PAYMENTS, "rate": rate}},
        entities={"person": {**DOCUMENT["entities"]["person"], "count": 400}},
        campaigns=campaigns,
    )
    return compile_stream(declared, "payments", seed=2, start=start)


def sample(made: Stream, blocks: int = 40) -> Columns:
    return joined([made.block(number) for number in range(blocks)])


LEAKED = {"kind": "leaked_card", "actor": "payer", "amount": "amount", "per_day": 3, "days": 4, "probability": 1}


def test_a_condition_holds_on_exactly_its_days() -> None:
    made = stream(leaked=LEAKED)
    columns = sample(made)
    state, days = made.conditions[0], columns.instants // DAY
    for day in np.unique(days).tolist():
        active = np.unique(np.concatenate([state.fallen(before) for before in range(day - 3, day + 1)]))
        today = days == day
        expected = np.isin(columns.values["payer"][today], active)
        assert (expected == (columns.campaign[today] == 1)).all()


def test_the_world_is_warm_on_its_first_day() -> None:
    columns = sample(stream(leaked=LEAKED), blocks=1)
    assert {0, 1, 2, 3} == set(columns.step[columns.campaign == 1].tolist())


def test_so_many_fall_on_a_day_as_declared_and_nobody_twice() -> None:
    state = stream(leaked={**LEAKED, "per_day": 2.25}).conditions[0]
    fallen = [state.fallen(day) for day in range(20_000, 20_400)]
    assert {len(entities) for entities in fallen} == {2, 3}
    assert all(len(np.unique(entities)) == len(entities) for entities in fallen)
    assert np.mean([len(entities) for entities in fallen]) == pytest.approx(2.25, abs=0.1)
    everybody = stream(leaked={**LEAKED, "per_day": 400}).conditions[0].fallen(20_000)
    assert sorted(everybody.tolist()) == list(range(400))


def test_an_instance_is_one_entity_from_its_first_day_to_its_last() -> None:
    columns = sample(stream(leaked=LEAKED))
    mine = columns.campaign == 1
    for instance in np.unique(columns.instance[mine]):
        at = mine & (columns.instance == instance)
        assert len(np.unique(columns.values["payer"][at])) == 1
        first = columns.instants[at] // DAY - columns.step[at]
        assert len(np.unique(first)) == 1
        assert columns.step[at].max() < 4


def test_a_part_of_the_records_is_changed_and_the_rest_is_as_it_was() -> None:
    plain = sample(stream())
    changed = sample(stream(leaked={**LEAKED, "probability": 0.5, "changes": {"amount": {"times": 5}}}))
    every = sample(stream(leaked=LEAKED))
    mine = changed.campaign == 1
    assert mine.sum() == pytest.approx((every.campaign == 1).sum() / 2, rel=0.1)
    assert changed.values["amount"][~mine].tolist() == plain.values["amount"][~mine].tolist()
    ratio = changed.values["amount"][mine] / plain.values["amount"][mine]
    assert abs(ratio - 5).max() < 0.5 + 5 / plain.values["amount"][mine].min()
    assert changed.values["payer"].tolist() == plain.values["payer"].tolist()


def test_hours_may_go_over_midnight() -> None:
    hours = np.arange(24) * DAY // 24
    assert np.flatnonzero(within(hours, (22 * DAY // 24, 3 * DAY // 24))).tolist() == [0, 1, 2, 22, 23]
    assert np.flatnonzero(within(hours, (3 * DAY // 24, 5 * DAY // 24))).tolist() == [3, 4]


def test_a_condition_of_the_night_is_of_the_night() -> None:
    night = {"kind": "night_time", "actor": "payer", "amount": "amount", "per_day": 100, "days": 3, "probability": 1}
    made = stream(night=night)
    columns = sample(made)
    declared = made.conditions[0].condition.hours
    assert declared is not None
    mine = columns.campaign == 1
    assert mine.any()
    assert within(columns.instants[mine] % DAY, (round(declared[0] * DAY / 24), round(declared[1] * DAY / 24))).all()


def test_a_steady_condition_is_on_in_its_seasons_and_on_its_days_of_the_month() -> None:
    gifts = {
        "kind": "gifts",
        "amount": "amount",
        "probability": 1,
        "seasons": {"gifts": {"from": "12-10", "to": "12-12"}},
    }
    payday = {"kind": "payday", "amount": "amount", "probability": 1, "month_days": [15]}
    columns = sample(stream(start=20_797 * DAY, gifts=gifts, payday=payday), blocks=60)  # 10 December 2026
    day = columns.instants // DAY - 20_797
    assert (columns.campaign[day < 3] == 1).all()
    assert (columns.campaign[(day == 3) | (day == 4)] == 0).all()
    assert (columns.campaign[day == 5] == 2).all()
    assert not columns.fraud.any()


def test_the_first_of_the_file_takes_a_record_that_two_want() -> None:
    both = stream(one=LEAKED, other={**LEAKED, "per_day": 100})
    columns, alone = sample(both), sample(stream(one=LEAKED))
    assert ((columns.campaign == 1) == (alone.campaign == 1)).all()
    assert (columns.campaign == 2).mean() > 0.5


def test_a_rule_takes_what_is_above_its_number() -> None:
    columns = sample(stream(large={"kind": "amount_above", "amount": "amount", "above": 220}), blocks=10)
    assert ((columns.values["amount"] > 22_000) == (columns.campaign == 1)).all()
    assert (columns.fraud == (columns.campaign == 1)).all()
    assert (columns.instance == -1).all()


def test_drift_makes_more_fall() -> None:
    state = stream(leaked={**LEAKED, "drift": [{"from": "10d", "times": 4}]}).conditions[0]
    begin = START // DAY
    assert [len(state.fallen(begin + day)) for day in (-5, 0, 9, 10, 30)] == [3, 3, 3, 12, 12]
