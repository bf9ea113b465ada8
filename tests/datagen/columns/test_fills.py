from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamguard.datagen.columns.stream import Columns, compile_stream
from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import read_world
from streamguard.datagen.world.streams import ComponentsColumn, LabelColumn
from tests.datagen.joining import joined
from tests.datagen.small import DOCUMENT, world

WORLDS = Path(__file__).parents[3] / "init" / "worlds"
START = 1_795_000_000_000_000


@cache
def shipped(name: str, blocks: int) -> tuple[World, Columns]:
    loaded = read_world(WORLDS / f"{name}.yml")
    stream = compile_stream(loaded, loaded.streams[0].name, seed=0, start=START)
    return loaded, joined([stream.block(number) for number in range(blocks)])


def payments(**columns: Any) -> Columns:
    """Records of the small world with other columns behind the payer and the payee."""
    declared = DOCUMENT["streams"]["payments"]
    people = {name: declared["columns"][name] for name in ("payer", "payee")}
    record = {"payer": "payer.id", **{name: name for name in columns}}
    made = world(streams={"payments": {**declared, "columns": {**people, **columns}, "record": record}}, campaigns={})
    stream = compile_stream(made, "payments", seed=1, start=START)
    return joined([stream.block(number) for number in range(20)])


def within_chance(found: float, share: float, size: int) -> bool:
    return bool(abs(found - share) <= 3 * np.sqrt(share * (1 - share) / size) + 1e-9)


def test_a_label_has_its_shares_over_all_records_and_others_among_fraud() -> None:
    bank, columns = shipped("bank", 80)
    label = bank.streams[0].column("evaluation")
    assert isinstance(label, LabelColumn)
    assert label.fraud is not None
    codes = columns.values["evaluation"]
    for code, (share, of_fraud) in enumerate(zip(label.choices.shares, label.fraud.shares, strict=True)):
        assert within_chance((codes == code).mean(), share, columns.size)
        assert within_chance((codes[columns.fraud] == code).mean(), of_fraud, int(columns.fraud.sum()))


def test_a_label_keeps_its_shares_whatever_makes_the_fraud() -> None:
    """A rule says nothing of its share, and conditions and bursts get in each other's way."""
    declared = DOCUMENT["streams"]["payments"]
    label = {"label": {"bad": 0.3, "good": 0.7}, "fraud": {"bad": 0.9, "good": 0.1}}
    stream = {**declared, "rate": 5, "columns": {**declared["columns"], "evaluation": label}}
    rule = {"kind": "amount_above", "amount": "amount", "above": 100}
    leaked = {"kind": "leaked_card", "actor": "payer", "amount": "amount", "per_day": 2, "days": 1, "probability": 0.5}
    campaigns = {**DOCUMENT["campaigns"], "large": rule, "leaked": leaked}
    made = compile_stream(world(streams={"payments": stream}, campaigns=campaigns), "payments", seed=1, start=START)
    columns = joined([made.block(number) for number in range(200)])
    assert columns.fraud.mean() > 0.25
    assert (columns.values["evaluation"] == 0).mean() == pytest.approx(0.3, abs=0.01)
    again = made.starting(START + 1)
    assert again.block(3).values["evaluation"].tolist() == made.block(3).values["evaluation"].tolist()


def test_components_have_their_spread_and_fraud_moves_all_of_them_together() -> None:
    ulb, columns = shipped("ulb-cards", 60)
    components = ulb.streams[0].column("v")
    assert isinstance(components, ComponentsColumn)
    fraud = columns.fraud
    found = np.stack([columns.values[f"v{number}"] for number in range(1, 29)]) / 10**components.decimals
    for numbers, declared in zip(found, components.components, strict=True):
        ordinary = declared.ordinary
        error = ordinary.sd * np.sqrt((ordinary.kurtosis + 2) / 4 / columns.size)
        assert abs(numbers[~fraud].mean() - ordinary.mean) < 3 * ordinary.sd / np.sqrt(columns.size)
        assert abs(numbers[~fraud].std() - ordinary.sd) < 3 * error
        spread = np.hypot(declared.fraud_mean, components.spread * ordinary.sd)
        assert abs(numbers[fraud].mean() - declared.fraud_mean) < 4 * spread / np.sqrt(fraud.sum())
    moved = found[:, fraud] * np.sign([[one.fraud_mean] for one in components.components])
    assert np.corrcoef(moved[13], moved[16])[0, 1] > 0.3
    assert abs(np.corrcoef(found[13, ~fraud], found[16, ~fraud])[0, 1]) < 0.02


def test_a_choice_goes_by_another_column() -> None:
    by = {"GB": {"choice": {"card": 0.9, "cash": 0.1}}, "FR": {"choice": {"card": 0.5, "cash": 0.5}},
          "PL": {"choice": {"card": 0, "cash": 1}}}  # fmt: skip
    columns = payments(country={"attribute": "payer.country"}, means={"by": "country", "each": by})
    for code, share in enumerate((0.9, 0.5, 0.0)):
        means = columns.values["means"][columns.values["country"] == code]
        assert within_chance((means == 0).mean(), share, len(means))


def test_a_number_goes_by_another_column() -> None:
    each = {"GB": {"uniform": [1, 2]}, "FR": {"uniform": [5, 6]}, "PL": 9}
    columns = payments(fee={"by": "payer.country", "each": each, "decimals": 1})
    assert set(columns.values["fee"].tolist()) == {*range(10, 21), *range(50, 61), 90}


def test_a_share_of_amounts_is_rounded_as_people_like_it() -> None:
    rounding = [{"share": 0.2, "to": 5}, {"share": 0.3, "to": 1, "plus": -0.01}]
    amount = payments(amount={"uniform": [0.2, 100], "decimals": 2, "least": 0.2, "rounding": rounding}).values[
        "amount"
    ]
    assert amount.min() >= 20
    assert ((amount % 500) == 0).mean() == pytest.approx(0.2 * 0.975 + 0.5 / 500, abs=0.006)
    assert ((amount % 100) == 99).mean() == pytest.approx(0.3 + 0.5 / 100, abs=0.007)


def test_a_number_stays_within_its_limits() -> None:
    amount = payments(amount={"lognormal": {"median": 10, "sigma": 2}, "decimals": 2, "least": 2, "most": 50}).values
    assert (amount["amount"].min(), amount["amount"].max()) == (200, 5000)
