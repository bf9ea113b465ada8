"""ksqlDB's own query cases pass at least as often as they did: see floor.yml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conformance.__main__ import counts
from tests.conformance.cases import load
from tests.conformance.verdict import judged

FILE = Path(__file__).parents[3] / "shared" / "qtt" / "cases.jsonl.gz"
FLOOR: dict[str, int] = yaml.safe_load((Path(__file__).parent / "floor.yml").read_text())


@pytest.mark.slow
@pytest.mark.skipif(
    not FILE.exists(), reason="ksqlDB's cases are not here: their licence keeps them out of the project"
)
def test_no_fewer_cases_pass_than_before() -> None:
    tiers = {int(name.split()[1]) for name in FLOOR}
    found = counts(judged(case) for case in load(FILE) if case.tier in tiers)
    short = {name: f"{found[name][0]} of {floor}" for name, floor in FLOOR.items() if found[name][0] < floor}
    assert not short
