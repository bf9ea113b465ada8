from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.draws import Draws, Scatter, below, block, key_of

BLOCKS = st.integers(min_value=0, max_value=2**48)
NAMES = st.lists(st.text(max_size=5), max_size=4)


def test_a_column_has_the_same_numbers_on_every_machine() -> None:
    assert block(7, "bank/sender", 0)[:3].tolist() == [3531810748, 1539516761, 3416904970]
    assert Scatter(7, "place").of(np.arange(-1, 2), 5).tolist() == [2612132809, 1306110543, 2721759727]


@given(st.lists(BLOCKS, min_size=1, max_size=8))
def test_blocks_may_be_drawn_in_any_order(numbers: list[int]) -> None:
    column = Draws(0, "transactions", "amount")
    for number in numbers:
        assert column.block(number).tobytes() == Draws(0, "transactions", "amount").block(number).tobytes()


def test_seed_column_and_block_each_give_other_numbers() -> None:
    seen = {Draws(seed, name).block(at).tobytes() for seed in (-1, 0, 1) for name in ("a", "b") for at in (0, 1, 2**40)}
    assert len(seen) == 18


@given(NAMES, NAMES)
def test_other_names_are_another_key(names: list[str], others: list[str]) -> None:
    assert (key_of(0, *names) == key_of(0, *others)) == (names == others)


def test_a_block_does_not_overlap_the_next() -> None:
    numbers = np.concatenate([Draws(3, "x").block(at).view(np.uint64) for at in range(64)])
    assert len(np.unique(numbers)) == len(numbers)


@pytest.mark.parametrize("bits", range(0, 32, 4))
def test_every_digit_of_a_draw_is_spread_evenly(bits: int) -> None:
    """Chi-square with fifteen degrees of freedom: above 44 once in ten thousand."""
    for numbers in (
        np.concatenate([Draws(1, "even").block(at) for at in range(32)]),
        Scatter(1).of(np.arange(1 << 17)),
    ):
        counts = np.bincount((numbers >> bits) & 15, minlength=16)
        mean = len(numbers) / 16
        assert ((counts - mean) ** 2 / mean).sum() < 44


def test_single_draws_know_the_order_of_their_positions_and_may_be_negative() -> None:
    scatter = Scatter(0, "campaign")
    grid = scatter.of(np.arange(-50, 50)[:, None], np.arange(100))
    assert grid.shape == (100, 100)
    assert len(np.unique(grid)) > 9_980
    assert grid[10, 20] == scatter.of(-40, 20)[0]


@given(st.integers(min_value=1, max_value=2**31 - 1))
def test_a_draw_below_a_bound_is_below_it(bound: int) -> None:
    numbers = below(np.array([0, 2**31, 2**32 - 1], dtype=np.uint32), bound)
    assert numbers.tolist() == [0, bound // 2, bound - 1]
