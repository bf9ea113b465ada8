"""Where the records of bursts are: places that are set aside, so that no two instances ever want the same one.

The records of a stream are cut into cycles of `CYCLE`. A burst campaign owns *tracks*: in each cycle that many places,
which a permutation of the cycle's own spreads over it, so that nothing shows in a record's number. All places that a
campaign owns, in order, are its *slots*. They are dealt out to *lanes* one after the other, and the slots of a lane are
cut into windows: a window holds one instance, which takes some slots and leaves the rest to ordinary records.

All of this is arithmetic: where an instance is follows from its number, and no record depends on another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamguard.datagen.draws import BLOCK, Scatter, Whole, below

CYCLE = 1024
SPREAD = 64
"""At most this many slots for each record of a burst; more slots make intervals finer."""

_FILLED = 0.9  # of a cycle belongs to tracks at most
_MOST_LANES = 50_000

assert BLOCK % CYCLE == 0


class Tracks:
    """Which places of a cycle belong to which campaign."""

    def __init__(self, seed: int, stream: str, shares: list[float]) -> None:
        """`shares` of all records, for each campaign."""
        spread = min(float(SPREAD), _FILLED / sum(shares)) if shares else 1.0
        self.counts = [max(1, int(share * CYCLE * spread)) for share in shares]
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


@dataclass(frozen=True)
class Lanes:
    """How the slots of one campaign are dealt out.

    `window` slots of a lane for each instance, of which a part `accepted` takes place; `spacing`: records from one
    slot of a lane to the next.
    """

    lanes: int
    window: int
    accepted: float
    spacing: float


def plan(share: float, tracks: int, lengths: tuple[float, int], gap: float, unevenness: float) -> Lanes:
    """Lanes for instances of so many records (mean, most), with so many records of the stream from one to the next.

    `unevenness`: how many times its mean the rate may be; an instance must fit into its window then, too.
    """
    mean, most = lengths
    exact = mean * tracks / (CYCLE * share)
    window = max(most, int(exact))
    slack = 1.15 * most / mean * unevenness
    slots_a_gap = max(1.0, exact / mean / slack)
    lanes = min(_MOST_LANES, max(1, round(gap / slots_a_gap * tracks / CYCLE)))
    return Lanes(lanes, window, min(1.0, window / exact), lanes * CYCLE / tracks)


def fitted(positions: Whole, lengths: Whole, window: int) -> Whole:
    """Positions of the records of instances (a row each), made to grow by at least one and to end inside the window."""
    order = np.arange(positions.shape[1])
    positions = np.maximum.accumulate(positions - order, axis=1) + order
    span = positions[np.arange(len(positions)), lengths - 1][:, None]
    squeezed = np.where(span >= window, positions * (window - 1) // np.maximum(1, span), positions)
    squeezed = np.maximum.accumulate(squeezed - order, axis=1) + order
    return np.asarray(np.minimum(squeezed, window - lengths[:, None] + order), dtype=np.int64)


def begun(positions: Whole, lengths: Whole, window: int, draws: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> Whole:
    """The same, begun somewhere in the window."""
    span = positions[np.arange(len(positions)), lengths - 1]
    return np.asarray(positions + below(draws, window - span)[:, None], dtype=np.int64)
