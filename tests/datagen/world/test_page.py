"""docs/worlds.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamguard.datagen.world.reading import read_world
from streamguard.datagen.world.resolving.kinds import KINDS
from streamguard.errors import ProjectError

PAGE = (Path(__file__).parents[3] / "docs" / "worlds.md").read_text(encoding="utf-8")
EXAMPLE = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))


def test_the_example_is_a_world(tmp_path: Path) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(EXAMPLE)
    assert [campaign.kind for campaign in read_world(path).campaigns] == ["card_testing", "small_payments"]


def test_mistakes_in_it_are_told_as_the_page_shows(tmp_path: Path) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(
        EXAMPLE.replace("weight: activity", "weight: activty").replace("amount: amount\n", "amount: amuont\n")
    )
    with pytest.raises(ProjectError) as caught:
        read_world(path)
    assert f"Error: {str(caught.value).replace(f'{tmp_path}/', '')}" in PAGE


def test_every_kind_of_campaign_is_on_the_page() -> None:
    assert not [kind for kind in KINDS if f"`{kind}`" not in PAGE]
