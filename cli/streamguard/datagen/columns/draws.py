"""Random numbers that depend on seed, names and position alone.

A generator that is advanced from record to record ties every value to all draws before it. Here the numbers of a column
come in blocks from Philox, a counter-based generator: the names are its key, the block is its counter. Any record can
be made without those before it, a new column leaves the others as they are, and as only the raw output of the generator
is used, which is fixed by its publication, the bytes are the same on every machine, Python and numpy.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096
"""Records a block: the unit in which numbers are drawn. Part of the contract: another size gives other records."""

Draws32 = NDArray[np.uint32]
Whole = NDArray[np.int64]

_WORDS = BLOCK // 2  # numbers of 64 bits a block
_TURNS = _WORDS // 4  # Philox gives four of them for each value of its counter
_ROUND = 1 << 256  # values of its counter, so that going back is going far ahead
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


def key_of(seed: int, *names: object) -> bytes:
    """Sixteen bytes for a seed and names: no two lists of names share them."""
    text = "".join(f"{len(name)}:{name}" for name in map(str, (seed, *names)))
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"streamguard").digest()


class Draws:
    """The numbers of one column, whole and evenly spread over 0 to 2^32 - 1, a block at a time in any order."""

    def __init__(self, seed: int, *names: object) -> None:
        self._philox = np.random.Philox(key=np.frombuffer(key_of(seed, *names), dtype="<u8").astype(np.uint64))
        self._next = 0

    def block(self, number: int) -> Draws32:
        """The draws for the records from ``number * BLOCK`` on."""
        if number != self._next:
            self._philox.advance((number - self._next) * _TURNS % _ROUND)
        self._next = number + 1
        raw: NDArray[np.uint64] = self._philox.random_raw(_WORDS)
        return raw.astype("<u8", copy=False).view("<u4")


def block(seed: int, names: str, number: int) -> Draws32:
    """One block of the column `names`."""
    return Draws(seed, names).block(number)


def below(draws: Draws32, bound: int | Whole) -> Whole:
    """Draws as whole numbers from 0 to `bound` - 1; a bound has at most 31 bits."""
    product: Whole = draws.astype(np.int64) * bound
    product >>= 32
    return product


class Scatter:
    """Numbers of 32 bits for single positions: what is drawn for a campaign, an entity, a day, and not for a block.

    `of(a, b)` is the draw at position a, b; positions may be negative, and arrays are combined as numpy does.
    """

    def __init__(self, seed: int, *names: object) -> None:
        key = key_of(seed, *names)
        self._keys = [np.uint64(int.from_bytes(key[at : at + 8], "little")) for at in (0, 8)]

    def of(self, *positions: int | Whole) -> Draws32:
        """The draws at these positions."""
        mixed = np.asarray(self._keys[0])
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is what is meant
            for position in positions:
                mixed = _mixed(mixed + np.asarray(position, dtype=np.int64).astype(np.uint64) * _GOLDEN)
            mixed = _mixed(mixed ^ self._keys[1])
        return np.atleast_1d(mixed >> np.uint64(32)).astype(np.uint32)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result depends on every bit of the number (the finalizer of SplitMix64)."""
    for shift, factor in _MIX:
        numbers = (numbers ^ (numbers >> shift)) * factor
    return numbers ^ (numbers >> np.uint64(31))
