"""ksqlDB's own REST cases pass at least as often as they did: see tests/conformance/rest_floor.yml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streamguard.settings import Settings
from tests import conformance
from tests.conformance.__main__ import counts
from tests.conformance.rest import run
from tests.conformance.rest_cases import load

FILE = Path(__file__).parents[3] / "shared" / "qtt" / "rest-cases.jsonl.gz"
FLOOR: dict[str, int] = yaml.safe_load((Path(conformance.__file__).parent / "rest_floor.yml").read_text())


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not FILE.exists(), reason="ksqlDB's cases are not here: their licence keeps them out of the project"
)
def test_no_fewer_rest_cases_pass_than_before(settings: Settings) -> None:
    verdicts = run(load(FILE), settings)
    found = counts(verdicts)
    short = {name: f"{found[name][0]} of {floor}" for name, floor in FLOOR.items() if found[name][0] < floor}
    assert not short, [f"{verdict.case.id}: {verdict.reason}" for verdict in verdicts if not verdict.passed]
