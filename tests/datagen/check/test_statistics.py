"""The statistics of the checks agree with what others compute, and with the engine's own numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score  # type: ignore[import-untyped]

from streamguard.datagen.check.findings import Finding, judged
from streamguard.datagen.check.leaks import murmur2
from streamguard.datagen.check.statistics import bins, cramers_v, drawn, fits, telling
from streamguard.datagen.columns.distributions import Numbers
from streamguard.datagen.columns.draws import Draws, Draws32
from streamguard.datagen.world.shapes import (
    Distribution,
    Gamma,
    LogNormal,
    Mixture,
    Normal,
    Pareto,
    Tailed,
    Uniform,
)
from streamguard.verify import oracle

SHAPES: list[Distribution] = [
    Uniform(2, 9),
    Normal(10, 3, low=0),
    Normal(1, 0.5, 0, None, Uniform(0, 2)),
    LogNormal(30, 0.8),
    Gamma(0.5, 10),
    Gamma(20, 10),
    Pareto(5, 2.5),
    Tailed(0, 2, 30),
    Mixture((LogNormal(6, 1.5), Uniform(100, 200)), (0.7, 0.3)),
]


def draws(block: int, name: str) -> Draws32:
    return Draws(3, "test", name).block(block)


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_the_engine_and_numpy_draw_the_same_distribution(shape: Distribution) -> None:
    from scipy import stats

    numbers = Numbers([shape], 1000.0)
    own = np.concatenate([numbers.take(partial(draws, at), "x") for at in range(12)]) / 1000
    other = np.floor(drawn(shape, np.random.default_rng(1), 4 * len(own)) * 1000 + 0.5) / 1000
    assert stats.ks_2samp(own, other).pvalue > 0.001


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
def test_the_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([row[0] for row in rows], dtype=np.float64), np.array([row[1] for row in rows])
    if positive.any():
        assert telling(scores, positive, 0.2)[0] == pytest.approx(average_precision_score(positive, scores))


def test_a_rule_has_to_find_enough_to_count() -> None:
    scores, positive = np.arange(100.0), np.arange(100) % 10 == 9
    assert telling(scores, positive, 0.1)[1] == 1.0  # the highest alone
    assert telling(scores, positive, 0.2)[1] == pytest.approx(2 / 11)


def test_columns_that_hang_together_are_told_from_those_that_do_not() -> None:
    chance = np.random.default_rng(1)
    left, right = chance.integers(0, 5, 20_000), chance.integers(0, 7, 20_000)
    assert cramers_v(left, right)[0] < 0.02
    v, p = cramers_v(left, np.where(chance.random(20_000) < 0.2, left, right))
    assert v > 0.1
    assert p < 1e-9


def test_counts_fit_their_shares_or_do_not() -> None:
    assert fits(np.array([500, 300, 200]), [0.5, 0.3, 0.2]) == pytest.approx(1.0)
    assert fits(np.array([600, 200, 200]), [0.5, 0.3, 0.2]) < 1e-6
    assert fits(np.array([500, 500, 1]), [0.5, 0.5, 0.0]) < 1e-6


def test_bins_are_of_about_equal_size() -> None:
    sizes = np.bincount(bins(np.random.default_rng(1).exponential(size=10_000)))
    assert len(sizes) == 10
    assert sizes.min() > 900


def test_the_verdict_takes_into_account_how_many_tests_there_are() -> None:
    some = [Finding("S1", str(n), "p", 0.0, "", p) for n, p in enumerate([0.0004, 0.0004, 0.5, 0.9])]
    assert [finding.passed for finding in judged(some)] == [True, True, True, True]
    assert [finding.passed for finding in judged(some[:1] + some[2:3])] == [False, True]


@given(st.binary(max_size=40))
def test_keys_lie_where_kafka_puts_them(key: bytes) -> None:
    assert murmur2(key) == oracle.murmur2(key)
