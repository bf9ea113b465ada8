"""What docs/decider.md shows of the rules is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streamguard.errors import ProjectError
from streamguard.services.decider.expressions import parse, tokens
from streamguard.services.decider.expressions.compile import condition
from streamguard.services.decider.rules import rules_of
from tests.docs.readme import ROOT, blocks

PAGE = ROOT / "docs" / "decider.md"
RULES = "init/card/rules.yml"


def test_the_mistake_is_told_as_it_is_shown() -> None:
    text = (ROOT / RULES).read_text().replace("amount > 10 * account.mean", "amount > 10 * acount.mean")
    with pytest.raises(ProjectError) as raised:
        rules_of(Path(RULES), text)
    assert [f"{raised.value}\n"] == blocks(PAGE, "text")


def test_the_condition_is_one_and_has_the_limits_that_are_told() -> None:
    [example] = blocks(PAGE, "yaml")
    condition(yaml.safe_load(example)["when"])
    told = " ".join(PAGE.read_text().split())
    assert f"up to {tokens.LONGEST:,} characters, and is nested up to {parse.DEEPEST} deep" in told
