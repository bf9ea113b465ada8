from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.arithmetic import exp, log, log_gamma
from streamguard.datagen.columns.distributions import Numbers, Shares, chance
from streamguard.datagen.columns.draws import Draws32, Scatter
from streamguard.datagen.columns.quantiles import Level, normal_below, quantile, tail_of
from streamguard.datagen.world.shapes import (
    Constant,
    Distribution,
    Gamma,
    LogNormal,
    Mixture,
    Normal,
    Pareto,
    Tailed,
    Uniform,
)

SIZE = 200_000
LEVELS = np.array([2.0**-33, 1e-8, 1e-4, 0.01, 0.3, 0.5, 0.7, 0.99, 0.9999, 1 - 1e-8])


def sample(distribution: Distribution, scale: float = 1e6, size: int = SIZE) -> Any:
    numbers = Numbers([distribution], scale)
    return numbers.take(lambda name: Scatter(3, name).of(np.arange(size)), "x") / scale


@given(st.floats(-700, 700))
def test_the_exponential_is_right_to_the_last_digits(exponent: float) -> None:
    assert exp(np.array([exponent]))[0] == pytest.approx(math.exp(exponent), rel=1e-15)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_right_to_the_last_digits(number: float) -> None:
    assert log(np.array([number]))[0] == pytest.approx(math.log(number), rel=1e-15, abs=1e-16)


@pytest.mark.parametrize("number", [0.1, 0.5, 1, 2, 7.7, 100])
def test_the_gamma_function_is_right(number: float) -> None:
    assert log_gamma(number) == pytest.approx(math.lgamma(number), abs=1e-13)


def test_normal_quantiles_are_right_in_both_tails() -> None:
    found = quantile(Normal(0, 1), Level(LEVELS, 1 - LEVELS))
    assert found == pytest.approx([NormalDist().inv_cdf(level) for level in LEVELS], rel=1e-12)
    assert normal_below(1.3) == pytest.approx(NormalDist().cdf(1.3), abs=1e-14)


@pytest.mark.parametrize(("shape", "mean"), [(1, 1), (2, 3), (0.5, 1), (40, 10)])
def test_gamma_quantiles_have_what_is_below_them(shape: float, mean: float) -> None:
    """Put back into the distribution function, which for whole and half shapes is a series."""
    steps = np.linspace(0.002, 0.998, 250)
    found = quantile(Gamma(shape, mean), Level(steps, 1 - steps)) * shape / mean
    terms = np.array([math.exp(-x + shape * math.log(x) - math.lgamma(shape + 1)) for x in found])
    below, term = terms.copy(), terms
    for number in range(1, 300):
        term = term * found / (shape + number)
        below += term
    assert below == pytest.approx(steps, abs=3e-6)


MOMENTS = [
    (Constant(3.5), 3.5, 0.0),
    (Uniform(-2, 4), 1.0, 6 / math.sqrt(12)),
    (Normal(5, 2), 5.0, 2.0),
    (LogNormal(120, 0.5), 120 * math.exp(0.125), 120 * math.exp(0.125) * math.sqrt(math.exp(0.25) - 1)),
    (Gamma(2, 3), 3.0, 3 / math.sqrt(2)),
    (Pareto(1, 5), 1.25, math.sqrt(5 / 48)),
    (Tailed(1, 2, 6), 1.0, 2.0),
    (Mixture((Constant(0), Uniform(9, 11)), (0.75, 0.25)), 2.5, math.sqrt(0.25 * (100 + 1 / 3) - 6.25)),
]


@pytest.mark.parametrize(("distribution", "mean", "sd"), MOMENTS, ids=lambda value: type(value).__name__)
def test_numbers_have_the_mean_and_the_spread_of_their_distribution(
    distribution: Distribution, mean: float, sd: float
) -> None:
    found = sample(distribution)
    kurtosis = ((found - mean) ** 4).mean() / max(sd, 1e-9) ** 4
    assert abs(found.mean() - mean) <= 3 * sd / math.sqrt(SIZE) + 1e-6
    assert abs(found.std() - sd) <= 3 * sd * math.sqrt(max(kurtosis - 1, 0.0) / 4 / SIZE) + 1e-5


def test_what_is_outside_of_a_bell_is_drawn_elsewhere() -> None:
    found = sample(Normal(1, 0.5, low=0, instead=Uniform(0, 2)))
    below = NormalDist().cdf(-2)
    assert found.min() >= 0
    assert (found > 2).mean() == pytest.approx(below, abs=3 * math.sqrt(below / SIZE))
    inside = NormalDist(1, 0.5)
    wanted = inside.cdf(0.5) - inside.cdf(0) + below * 0.25
    assert (found < 0.5).mean() == pytest.approx(wanted, abs=3 * math.sqrt(wanted / SIZE))


def test_what_is_outside_of_a_bell_may_be_clipped() -> None:
    found = sample(Normal(0, 1, low=-1, high=1))
    assert (found.min(), found.max()) == (-1, 1)
    assert (found == 1).mean() == pytest.approx(1 - NormalDist().cdf(1), abs=0.003)


@pytest.mark.parametrize("kurtosis", [0.2, 6, 42, 933])
def test_a_tail_has_its_kurtosis(kurtosis: float) -> None:
    h = tail_of(kurtosis)
    assert 3 * (1 - 2 * h) ** 3 / math.sqrt(1 - 4 * h) ** 5 - 3 == pytest.approx(kurtosis, rel=1e-9)


def test_tails_are_true_to_the_last_draw() -> None:
    """The smallest and largest draws, and those where one table takes over from another."""
    low = [0, 1, 255, 256, 2**20 - 1, 2**20]
    edges = [*low, 2**31, *(2**32 - 1 - edge for edge in reversed(low))]
    draws = np.array(edges, dtype=np.uint32)
    numbers = Numbers([LogNormal(120, 1.1)], 100).take(lambda _: draws, "x")
    assert (np.diff(numbers) >= 0).all()
    exact = quantile(LogNormal(12_000, 1.1), Level((draws + 0.5) / 2**32, 1 - (draws + 0.5) / 2**32))
    assert numbers == pytest.approx(exact, rel=2e-3, abs=1)


def test_each_group_has_its_own_distribution() -> None:
    by = np.arange(SIZE) % 3
    numbers = Numbers([Constant(1), Mixture((Constant(2), Constant(4)), (0.5, 0.5)), LogNormal(10, 2)], 1000)
    found = numbers.take(lambda name: Scatter(0, name).of(np.arange(SIZE)), "x", by) / 1000
    assert set(found[by == 0]) == {1}
    assert set(found[by == 1]) == {2, 4}
    assert np.median(found[by == 2]) == pytest.approx(10, rel=0.03)
    assert found[by == 2].max() > 10_000
    alone = Numbers([LogNormal(10, 2)], 1000).take(lambda name: Scatter(0, name).of(np.arange(SIZE)), "x") / 1000
    assert found[by == 2].tolist() == alone[by == 2].tolist()


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(any), min_size=1, max_size=5))
def test_shares_are_those_that_are_declared(groups: list[list[float]]) -> None:
    """Found among all draws by their limits, not by looking at samples."""
    shares = Shares(groups)
    for number, group in enumerate(groups):
        limits = [round(sum(group[: place + 1]) / sum(group) * 2**32) for place in range(len(group))]
        before = 0
        for place, limit in enumerate(limits):
            if limit - before > 4:
                draws = np.array([before + 2, limit - 3], dtype=np.uint32)
                by = np.full(2, number) if len(groups) > 1 else None
                assert shares.take(draws, by).tolist() == [place, place]
            before = limit


def test_many_choices_are_found_as_well_as_few() -> None:
    weights = np.arange(50_000) % 7
    draws: Draws32 = Scatter(1).of(np.arange(400_000))
    found = Shares([weights]).take(draws)
    assert not (weights[found] == 0).any()
    counts = np.bincount(weights[found], minlength=7) / len(draws)
    assert counts == pytest.approx(np.arange(7) / 21, abs=0.003)


def test_a_chance_is_a_part_of_all_draws() -> None:
    assert [int(chance(share)) for share in (-1, 0, 0.5, 1, 2)] == [0, 0, 2**31, 2**32, 2**32]
