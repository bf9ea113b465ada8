"""Every check fails on a world that is not as it declares; tests/commands/test_world.py has one where all hold.

A broken world is drawn as it is and judged by what the honest one declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from streamguard.datagen.check.activity import activity
from streamguard.datagen.check.campaigns import campaigns, intensity, seasonal
from streamguard.datagen.check.components import components
from streamguard.datagen.check.encoded import integrity, source_of
from streamguard.datagen.check.findings import Finding, judged
from streamguard.datagen.check.independence import independence
from streamguard.datagen.check.leaks import leaks
from streamguard.datagen.check.parameters import parameters
from streamguard.datagen.check.plots import draw_plots
from streamguard.datagen.check.run import check
from streamguard.datagen.check.sample import Sample, take
from streamguard.datagen.check.spoilt import ALL, compared
from streamguard.datagen.check.times import times
from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import read_world
from tests.datagen.check.worlds import HONEST, ODD

SIZE, SEED, STREAM = 40_960, 5, "purchases"
Look = Callable[[Sample], Iterable[Finding]]


@cache
def honest(folder: Path) -> World:
    return world_of(folder, HONEST)


def world_of(folder: Path, text: str) -> World:
    path = folder / "honest.yml"
    path.write_text(text)
    return read_world(path)


def broken(folder: Path, old: str, new: str, *, days: float | None = 28) -> Sample:
    """A sample of the world with `new` instead of `old`, which says that it is of the honest one."""
    assert old in HONEST
    sample = take(world_of(folder, broken_text(old, new)), STREAM, SIZE, seed=SEED, days=days)
    fair = take(honest(folder), STREAM, SIZE, seed=SEED, days=days)
    return replace(fair, stream=sample.stream, **{name: getattr(sample, name) for name in DRAWN})


def broken_text(old: str, new: str) -> str:
    """The honest world with `new`; what no longer belongs there goes as well."""
    text = HONEST.replace(old, new, 1)
    return (
        text.replace("          travel: {lognormal: {median: 200, sigma: 0.9}}\n", "") if "by: status" in new else text
    )


DRAWN = ("values", "instants", "campaign", "instance", "step", "fraud")


@dataclass(frozen=True)
class Break:
    """What is declared, what is done instead, and which check tells it."""

    test: str
    old: str
    new: str
    look: Look
    subject: str
    days: float | None = 28


BREAKS = [
    Break("S1", "travel: {lognormal: {median: 200", "travel: {lognormal: {median: 20", parameters,
          "amount of travel, segment 1"),
    Break("S1", "done: 0.9, pending: 0.1", "done: 0.88, pending: 0.12", parameters, "status"),
    Break("S1", "        times: user.spend\n", "", parameters, "amount of food, segment 1"),
    Break("S1", "bad: 0.10, fine: 0.90", "bad: 0.12, fine: 0.88", parameters, "verdict"),
    Break("S2", "by: shop.kind\n        each:\n          food: {", "by: status\n        each:\n          pending: "
          "{lognormal: {median: 200, sigma: 0.9}}\n          done: {", independence, "status and amount"),
    Break("S3", "week: [80, 90, 100, 100, 125, 150, 150]", "week: [1, 1, 1, 1, 1, 1, 1]", times, "weekday"),
    Break("S3", "day: [1, 1, 2, 4, 3, 2]", "day: [1, 1, 3, 3, 3, 2]", times, "time of day"),
    Break("S4", "food: {lognormal: {median: 20, sigma: 0.7}}", "food: {gamma: {shape: 2, mean: 25}}", parameters,
          "amount of food"),
    Break("S5", "activity: {gamma: {shape: 2,", "activity: {gamma: {shape: 8,", activity, "card"),
    Break("S6", "fame: {zipf: 0.9}", "fame: {zipf: 1.1}", activity, "shop by fame"),
    Break("S6", "count: 6, share: 0.7", "count: 6, share: 0.8", activity, "shop of card"),
    Break("S8", "actor: card, share: 0.01, records: [4, 12]", "actor: card, share: 0.02, records: [4, 12]", campaigns,
          "fast"),
    Break("S8", "share: 0.01, records: [4, 12]", "share: 0.01, records: [4, 16]", campaigns, "fast, phase 1"),
    Break("S8", "every: [5s, 25s]}\n  leak", "every: [20s, 100s]}\n  leak", intensity, "fast", days=None),
    Break("S8", "per_day: 2}", "per_day: 6}", campaigns, "leak"),
    Break("S11", "sd: [2, 1, 0.5]", "sd: [2, 1.1, 0.5]", components, "v2"),
    Break("S11", "fraud_means: [-1.5,", "fraud_means: [-1.0,", components, "v1"),
    Break("S11", "kurtosis: [0.2, 3, 12]", "kurtosis: [12, 3, 0.2]", components, "v"),
]  # fmt: skip


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: f"{one.test} {one.new[:40]}")
def test_a_world_that_is_not_as_it_declares_fails(one: Break, tmp_path: Path) -> None:
    sample = broken(tmp_path, one.old, one.new, days=one.days)
    failed = {(finding.test, finding.subject) for finding in judged(list(one.look(sample))) if not finding.passed}
    assert (one.test, one.subject) in failed


@pytest.mark.parametrize(
    ("test", "subject", "old", "new"),
    [
        ("S7", "user", "bank: user.bank", "bank: {constant: Albion}"),
        ("S9", "card", "count: 1200", "count: 1500"),
        ("S9", "user", "user: {of: card.owner}", "user: {entity: user}"),
        ("S9", "status", "      status: status\n", "      status: {constant: done}\n"),
    ],
)
def test_bytes_that_do_not_say_what_the_entities_are_fail(
    test: str, subject: str, old: str, new: str, tmp_path: Path
) -> None:
    text = HONEST.replace(old, new, 1)
    if new == "user: {entity: user}":  # whose country a shop of a favourite has is then unknown
        text = text.replace("        same: {attribute: country, as: user.country}\n", "")
    written = world_of(tmp_path, text)
    sample = take(honest(tmp_path), STREAM, 4096, seed=SEED)
    found = list(integrity(sample, 2000, None, written))
    assert (test, subject) in {(finding.test, finding.subject) for finding in found if not finding.passed}


def test_a_ledger_that_leaves_out_a_fault_fails(tmp_path: Path) -> None:
    world = honest(tmp_path)
    clean = source_of(world, STREAM, SEED, None).blocks(0, 4096)
    spoilt = list(source_of(world, STREAM, SEED, None, faults=ALL).blocks(0, 4096))
    assert all(finding.passed for finding in compared(list(clean), spoilt))
    short = [replace(block, ledger=block.ledger[1:]) for block in spoilt]
    clean = source_of(world, STREAM, SEED, None).blocks(0, 4096)
    failed = {finding.subject for finding in compared(list(clean), short) if not finding.passed}
    assert "ledger" in failed


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("amount", "velocity_burst,", "velocity_burst, changes: {amount: {set: 9999}},"),
        ("status", "velocity_burst,", "velocity_burst, changes: {status: {set: pending}},"),
        ("V1", "fraud_means: [-1.5,", "fraud_means: [-15,"),
    ],
)  # fmt: skip
def test_a_field_that_gives_fraud_away_fails(field: str, old: str, new: str, tmp_path: Path) -> None:
    text = HONEST.replace(old, new, 1)
    if field == "status":
        text = text.replace("done: 0.9, pending: 0.1", "done: 0.999, pending: 0.001")
    world = world_of(tmp_path, text)
    sample = take(world, STREAM, 16_384, seed=SEED)
    failed = {finding.subject for finding in leaks(world, sample, None) if not finding.passed}
    assert failed == {field}
    trivial = world_of(tmp_path, text + "trivial: true\n")
    assert all(finding.passed for finding in leaks(trivial, sample, None))


def test_a_campaign_of_a_season_takes_its_part_of_it_and_of_nothing_else(tmp_path: Path) -> None:
    payday = "  payday: {kind: payday, amount: amount, month_days: [25], probability: 0.3}\n"
    world = world_of(tmp_path, HONEST + payday)
    (found,) = judged(list(seasonal(world, STREAM, 8192, SEED, None)))
    assert found.subject == "payday"
    assert found.passed
    more = world_of(tmp_path, HONEST + payday.replace("0.3", "0.4"))
    sample = take(more, STREAM, 8192, seed=SEED)
    lied = replace(sample, world=replace(sample.world, campaigns=world.campaigns))
    failed = {finding.subject for finding in judged(list(campaigns(lied))) if not finding.passed}
    assert failed == {"payday"}


def test_a_world_of_two_streams_and_of_other_things_is_checked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "odd.yml"
    path.write_text(ODD)
    checked = check(read_world(path), 10_000, SEED)
    failed = {(finding.test, finding.subject) for finding in checked.findings if not finding.passed}
    assert failed == {("S12", "level")}  # the fraud of this world always has the same level
    assert len(draw_plots(checked, tmp_path)) == 8
