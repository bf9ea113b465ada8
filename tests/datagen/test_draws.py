from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.draws import BLOCK, RANGE, draws


def test_a_column_has_the_same_numbers_on_every_machine() -> None:
    assert draws(7, "bank/sender", 0)[:3] == (1125399870, 1767010323, 1800997188)


def test_seed_column_and_block_each_give_other_numbers() -> None:
    seen = {draws(seed, column, block) for seed in (0, 1) for column in ("a", "b") for block in (0, 1)}
    assert len(seen) == 8


@given(st.integers(min_value=0), st.text(max_size=20), st.integers(min_value=0))
def test_every_draw_is_in_range(seed: int, column: str, block: int) -> None:
    numbers = draws(seed, column, block)
    assert len(numbers) == BLOCK
    assert all(0 <= number < RANGE for number in numbers)


def test_draws_are_spread_evenly() -> None:
    numbers = [number for block in range(100) for number in draws(0, "even", block)]
    shares = [sum(number >> 30 == quarter for number in numbers) / len(numbers) for quarter in range(4)]
    assert all(abs(share - 0.25) < 0.01 for share in shares)
