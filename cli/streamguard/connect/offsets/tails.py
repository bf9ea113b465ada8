"""Partitions that end in no record: what a lag must not count.

The end of a transaction takes an offset of its own, so a group that has read everything may stay behind the end for
ever. Only a reader knows whether a record is left (`kafka.backlog`). It is asked about what stands still, once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from streamguard.model import Place

Standing = tuple[Place, int, int]
"""A partition, the offset at which a group goes on in it, and the end."""
FEW = 10
"""So little behind the end is asked about in the first look, when nothing is known to stand still."""
MOST = 500


class Tails:
    """Remembers what stands still, and what was found there."""

    def __init__(self, ask: Callable[[Mapping[Place, int]], set[Place]]) -> None:
        """`ask` tells which partitions have a committed record at their offset or later."""
        self._ask = ask
        self._before: set[Standing] | None = None
        self._has_records: dict[Standing, bool] = {}

    def empty(self, standings: Collection[Standing]) -> frozenset[tuple[Place, int]]:
        """The partitions, each with its offset, behind which there is no record, as far as is known by now."""
        behind = {one for one in standings if one[1] < one[2]}
        self._has_records = {one: known for one, known in self._has_records.items() if one in behind}
        first = {one for one in behind if one[2] - one[1] <= FEW}
        still = (first if self._before is None else behind & self._before) - self._has_records.keys()
        self._before = behind
        asked: dict[Place, Standing] = {}
        for one in sorted(still)[:MOST]:
            asked.setdefault(one[0], one)  # of two groups in one partition, the other is asked for next time
        found = self._ask({place: at for place, (_, at, _) in asked.items()}) if asked else set()
        self._has_records |= {one: place in found for place, one in asked.items()}
        return frozenset((place, at) for (place, at, _), known in self._has_records.items() if not known)
