"""Five hundred connectors: planned in two seconds, validated in five, beside a loop of curl."""

from __future__ import annotations

import os

import pytest
from benchmarks import connectors

from streamguard.stack.stack import Stack


@pytest.mark.timeout(1_200)
def test_five_hundred_connectors_are_planned_in_2_seconds_within_150_megabytes_and_validated_in_5(stack: Stack) -> None:
    """The best of three rounds: whatever else the machine does adds to the others.

    A validation also renders and lints, as a plan does; beyond that the requests count, beside a loop that only makes
    them. The plugin of MongoDB's sink opens a connection for each, whoever asks.
    """
    figures = connectors.measure_on(stack, rounds=3)
    print(f"\n{connectors.table(figures)}\nload {os.getloadavg()[0]:.1f}, rounds: {figures}")
    plan, validate, bare = min(figures.plan), min(figures.validate), min(figures.bare)
    assert plan < 2
    assert figures.memory < 150e6
    assert plan < min(figures.curl)
    assert validate < 5
    assert validate < plan + 3 * bare + 1
    ours, theirs = figures.mongodb
    assert ours < plan + 1.5 * theirs + 1
