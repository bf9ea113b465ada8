"""Five hundred connectors: planned in two seconds, validated in five, beside a loop of curl."""

from __future__ import annotations

from statistics import median

import pytest
from benchmarks import connectors

from streamguard.stack.stack import Stack


@pytest.mark.timeout(1_200)
def test_five_hundred_connectors_are_planned_in_2_seconds_within_150_megabytes_and_validated_in_5(stack: Stack) -> None:
    """The plugin of MongoDB's sink opens a connection for each validation, whoever asks: there only the rest counts."""
    figures = connectors.measure_on(stack, rounds=3)
    print(connectors.table(figures))
    assert median(figures.plan) < 2
    assert figures.memory < 150e6
    assert median(figures.plan) < median(figures.curl)
    assert median(figures.validate) < 5
    assert median(figures.validate) < 2 * median(figures.bare) + 2, "it adds little to the requests themselves"
    ours, bare = figures.mongodb
    assert ours < 1.5 * bare + 2
