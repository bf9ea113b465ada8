"""The shipped worlds are what they declare, at a million records each: minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.datagen.check.run import check
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.project import Project

PROJECT = Project(Path(__file__).parents[2])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["bank", "card", "handbook", "transfers", "ulb-cards"])
def test_a_million_records_of_a_shipped_world_are_as_it_declares(name: str) -> None:
    found = check(read_world(find_world(PROJECT, name)), 1_000_000, seed=1)
    assert not [finding for finding in found.findings if not finding.passed]
