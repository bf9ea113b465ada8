"""Counts and hashes of what is written do not depend on how it was cut up, or by whom."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.blocks import Block, Classes
from streamguard.datagen.records.faults import Spoilt
from streamguard.datagen.records.sums import Account, Summer
from streamguard.datagen.records.truth import Told


def whole(number: int, *, nulls: bool = True, times: bool = True) -> Block:
    """A block in which every 7th record is dropped, every 11th doubled, and every 13th has no value."""
    random = Random(number)
    often = np.array([0 if at % 7 == 3 else 2 if at % 11 == 4 else 1 for at in range(BLOCK)])
    places = np.arange(BLOCK).repeat(often)
    first = number * BLOCK
    texts = [b"%d" % random.randrange(10**9) for _ in places]
    return Block(
        first=first,
        size=BLOCK,
        keys=[None if nulls and at % 17 == 0 else b"k%d" % (at % 50) for at in places.tolist()],
        values=[None if nulls and at % 13 == 0 else text for at, text in zip(places.tolist(), texts, strict=True)],
        times=(places * 3).tolist() if times else None,
        classes=Classes(("good", "bad"), ("burst",), places % 2, (places % 5 == 0).astype(int), often % 2),
        places=places,
        truth=[Told(first + at, None if at % 2 else b"k", b"truth %d" % at, at) for at in range(0, BLOCK, 100)],
        labels=[Told(first + at, b"k", b"label %d" % at, at * 2) for at in range(0, BLOCK, 150)],
        ledger=[Spoilt(first + at, "dropped") for at in range(3, BLOCK, 7)],
    )


@cache
def blocks() -> list[Block]:
    return [whole(number) for number in range(3)]


def account(parts: list[Block]) -> Account:
    summer, found = Summer(), Account()
    for part in parts:
        summer.take(part)
        found.add(summer.done())
    found.add(summer.rest())
    found.fold()
    return found


def cut(block: Block, places: list[int]) -> list[Block]:
    bounds = [0, *sorted(places), block.size]
    return [block.part(first, stop) for first, stop in itertools.pairwise(bounds)]


@cache
def summed() -> dict[str, Any]:
    return account(blocks()).document()


@settings(max_examples=20)
@given(st.lists(st.integers(0, BLOCK), max_size=6), st.lists(st.integers(0, BLOCK), max_size=6))
def test_cuts_do_not_matter(first: list[int], second: list[int]) -> None:
    again = account([*cut(blocks()[0], first), *cut(blocks()[1], second), blocks()[2]])
    assert again.document() == summed()


@pytest.mark.parametrize("size", [1, 1000])
def test_batches_do_not_matter(size: int) -> None:
    parts = [part for block in blocks() for part in cut(block, list(range(size, BLOCK, size)))]
    assert account(parts).document() == summed()


@pytest.mark.parametrize("workers", [2, 4])
def test_the_order_of_blocks_and_who_sums_them_does_not_matter(workers: int) -> None:
    summers, found = [Summer() for _ in range(workers)], Account()
    for place, block in enumerate(reversed(blocks())):
        summers[place % workers].take(block)
    for summer in reversed(summers):
        found.add(summer.done())
        found.fold()
    assert found.document() == summed()


def test_everything_that_is_written_counts() -> None:
    block = blocks()[0]
    places = len(block.values) - 1
    changed = [
        replace(block, values=[*block.values[:places], b"other"]),
        replace(block, keys=[b"other", *block.keys[1:]]),
        replace(block, keys=[b"", *block.keys[1:]]),
        replace(block, times=[*(block.times or ())[:places], 1]),
        replace(block, times=None),
        replace(block, truth=block.truth[:-1]),
        replace(block, labels=block.labels[:-1]),
    ]
    assert block.keys[0] is None
    assert len({account([each]).link for each in (block, *changed)}) == 1 + len(changed)


def test_moving_a_byte_from_a_key_to_its_value_counts() -> None:
    one = whole(0, nulls=False)
    other = replace(one, keys=[b"k", *one.keys[1:]], values=[b"0" + (one.values[0] or b""), *one.values[1:]])
    assert one.keys[0] == b"k0"
    assert account([one]).link != account([other]).link


def test_the_tally_is_what_was_written() -> None:
    tally = account(blocks()).tally
    values = [value for block in blocks() for value in block.values]
    assert (tally.records, tally.written) == (3 * BLOCK, len(values))
    assert tally.counts.total() == len(values)
    assert tally.truth == sum(len(block.truth) for block in blocks())
    assert tally.labels == sum(len(block.labels) for block in blocks())


def test_an_account_goes_on_from_its_document() -> None:
    begun = Account.of(account(blocks()[:1]).document())
    summer = Summer()
    for block in blocks()[1:]:
        summer.take(block)
    begun.add(summer.done())
    begun.fold()
    assert begun.document() == summed()


def test_a_block_is_folded_once_all_before_it_are() -> None:
    summer, found = Summer(), Account()
    summer.take(blocks()[1])
    found.add(summer.done())
    found.fold()
    assert found.number == 0
    summer.take(blocks()[0])
    found.add(summer.done())
    found.fold(1)
    assert found.number == 1
    found.fold()
    assert found.number == 2
