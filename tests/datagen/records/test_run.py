"""A run is a world and what was decided when it began; overrides change what they name and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from streamguard.datagen.records.run import Run
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.streams import ChoiceColumn, LabelColumn, Rate
from streamguard.errors import ProjectError
from tests.datagen.small import DOCUMENT, FAULTS, SMALL, TRUTH, world

START = datetime(2026, 3, 1, 8, 30, 0, 123_456, tzinfo=UTC)
ALL = world(faults=FAULTS, truth=TRUTH)
RUN = Run(ALL, "r", 7, START)


def label(run: Run) -> LabelColumn:
    column = run.resolved().streams[0].column("evaluation")
    assert isinstance(column, LabelColumn)
    return column


def test_without_overrides_a_run_has_the_world_as_it_is() -> None:
    assert RUN.resolved() == ALL


def test_overrides_change_what_they_name() -> None:
    resolved = replace(
        RUN,
        rate=5.0,
        counts={"person": 7},
        campaigns={"spending": 0.5},
        faults={"duplicate": 0.25, "late": 0.0},
        topics={"payments": "elsewhere"},
        truth=False,
    ).resolved()
    assert resolved.entities[0].count == 7
    assert resolved.streams[0].rate == Rate(mean=5.0)
    assert resolved.streams[0].topic == "elsewhere"
    assert isinstance(resolved.campaigns[0], Burst) and resolved.campaigns[0].share == 0.5
    assert {fault.kind: fault.share for fault in resolved.faults} == {
        kind: 0.25 if kind == "duplicate" else 0.01 for kind in FAULTS if kind != "late"
    }
    assert resolved.truth is None


def test_values_that_are_not_named_share_what_is_left_as_they_did_before() -> None:
    assert label(replace(RUN, shares={"evaluation": {"fraudulent": 0.55}})).choices.shares == pytest.approx(
        (0.55, 0.1, 0.35)
    )


def test_what_fraud_is_labelled_changes_in_proportion() -> None:
    streams: dict[str, Any] = orjson.loads(orjson.dumps(DOCUMENT["streams"]))
    streams["payments"]["columns"]["evaluation"]["fraud"] = {"fraudulent": 0.7, "unidentified": 0.2, "legitimate": 0.1}
    run = Run(world(streams=streams), "r", 7, START)
    only = label(replace(run, shares={"evaluation": {"legitimate": 1.0}}))
    assert only.fraud is not None and only.fraud.shares == (0.0, 0.0, 1.0)
    never = label(replace(run, shares={"evaluation": {"fraudulent": 0.0}}))
    assert never.fraud is not None and never.fraud.shares[0] == 0.0
    assert sum(never.fraud.shares) == pytest.approx(1.0)
    same = label(replace(run, shares={"evaluation": {"fraudulent": 0.1}}))
    assert same.fraud is not None and same.fraud.shares == pytest.approx((0.7, 0.2, 0.1))


def test_a_choice_has_shares_too() -> None:
    streams: dict[str, Any] = orjson.loads(orjson.dumps(DOCUMENT["streams"]))
    streams["payments"]["columns"]["status"] = {"choice": {"done": 0.5, "open": 0.5}}
    run = Run(world(streams=streams), "r", 7, START, shares={"status": {"done": 0.9}})
    column = run.resolved().streams[0].column("status")
    assert isinstance(column, ChoiceColumn)
    assert column.choices[0].shares == pytest.approx((0.9, 0.1))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"counts": {"persn": 5}}, r"no entity is called persn \(did you mean person\?\)"),
        ({"shares": {"evaluaton": {"fraudulent": 0.5}}}, r"no choice or label is called evaluaton \(did you mean eval"),
        ({"shares": {"evaluation": {"fraud": 0.5}}}, r"no value of evaluation is called fraud \(did you mean fraudul"),
        ({"shares": {"evaluation": {"fraudulent": 1.1}}}, "the shares of evaluation are no parts of one"),
        ({"campaigns": {"spendin": 0.5}}, r"no campaign with a share is called spendin \(did you mean spending\?\)"),
        (
            {"faults": {"oversize": 0.5}},
            "the world small has no fault oversize: write `faults: {oversize: 0.5}` into its file",
        ),
        ({"streams": ("payment",)}, r"no stream is called payment \(did you mean payments\?\)"),
        ({"topics": {"payment": "t"}}, r"no stream is called payment \(did you mean payments\?\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_an_override_of_what_is_not_there_is_one_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        replace(RUN, **changes).resolved()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rate": 0.5, "full_speed": True},
        {"backfill": True, "to": START + timedelta(days=3), "streams": ("payments",)},
        {"truth": False, "counts": {"person": 3}, "shares": {"evaluation": {"fraudulent": 0.5}}},
        {"campaigns": {"spending": 0.1}, "faults": {"late": 0.0}, "topics": {"payments": "p"}},
        {"start": START.replace(tzinfo=UTC, microsecond=0), "seed": 0},
    ],
)
def test_a_run_is_read_back_from_its_document(changes: dict[str, Any]) -> None:
    run = replace(RUN, **changes)
    assert Run.of(orjson.loads(orjson.dumps(run.document())), ALL) == run


def test_a_run_of_another_world_is_refused() -> None:
    with pytest.raises(ProjectError, match="run r: the world small is not what it was then"):
        Run.of(RUN.document(), SMALL)
