"""Where the records of bursts are: places that are set aside, so that no two campaigns ever want the same one.

The records of a stream are cut into cycles of `CYCLE`. A burst campaign owns *tracks*: in each cycle that many places,
which a permutation of the cycle's own spreads over it, so that nothing shows in a record's number. All places that a
campaign owns, in order, are its *slots*: many more than it needs, so that its records find one close to where they are
wanted.
"""

from __future__ import annotations

import math

import numpy as np

from streamguard.datagen.columns.draws import BLOCK, Scatter, Whole

CYCLE = 1024
SPREAD = 64
"""At most this many slots for each record of a burst: the more there are, the closer is one."""

_FILLED = 0.9  # of a cycle belongs to tracks at most

assert BLOCK % CYCLE == 0


class Tracks:
    """Which places of a cycle belong to which campaign."""

    def __init__(self, seed: int, stream: str, shares: list[float]) -> None:
        """`shares` of all records, for each campaign."""
        spread = min(float(SPREAD), _FILLED / sum(shares)) if shares else 1.0
        self.counts = [max(1, math.ceil(share * CYCLE * spread)) for share in shares]
        ends = np.cumsum(self.counts)
        self._tracks = [np.arange(end - count, end) for count, end in zip(self.counts, ends.tolist(), strict=True)]
        self._factor, self._shift = (Scatter(seed, stream, "cycles", name) for name in ("factor", "shift"))

    def indexes(self, campaign: int, slots: Whole) -> Whole:
        """The numbers of the records at these slots of a campaign."""
        count = self.counts[campaign]
        cycles, which = np.unique(slots // count, return_inverse=True)
        factor = (self._factor.of(cycles).astype(np.int64) << 1 | 1)[:, None]
        shift = self._shift.of(cycles).astype(np.int64)[:, None]
        places = np.sort((self._tracks[campaign] * factor + shift) % CYCLE, axis=1)
        return np.asarray(cycles[which] * CYCLE + places[which, slots % count], dtype=np.int64)


def grown(positions: Whole) -> Whole:
    """Rows of positions that never fall, moved on so that each is behind the one before it."""
    order = np.arange(positions.shape[-1])
    return np.asarray(np.maximum.accumulate(positions - order, axis=-1) + order, dtype=np.int64)


def settled(wanted: Whole, last: int) -> Whole:
    """A slot of its own before `last` for each of some sorted wishes: the next that is free."""
    return np.asarray(np.minimum(grown(wanted), last - len(wanted) + np.arange(len(wanted))), dtype=np.int64)
