"""The profiles of the accounts that were stored last, so that they need not be read again.

What is here is what the database holds, as long as it stands where these profiles were noted: the profile of an account
in a partition changes with the transactions of that partition, and with nothing else, and whoever stores one of them
moves the offset of the partition in the same database transaction. So if an offset is another one, somebody else has
written, or what we believe to be stored is not, and all of this is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from streamguard.model import Place
from streamguard.services.decider.facts import Profile

MOST = 100_000
"""Profiles that are kept, of about 300 bytes each; those that were noted first are forgotten first."""


class Profiles:
    """Profiles by account and partition; `most` of them are kept from one batch to the next."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[tuple[str, int], Profile] = {}
        self._ends: dict[Place, int] = {}

    def at(self, starts: Mapping[Place, int]) -> dict[tuple[str, int], Profile]:
        """What is known while the database stands there; whoever reads more may add it."""
        if any(self._ends.get(place, start) != start for place, start in starts.items()):
            self.forget()
        self._ends |= starts
        return self._known

    def note(self, profiles: Mapping[tuple[str, int], Profile], ends: Mapping[Place, int]) -> None:
        """They are stored, with these offsets."""
        self._known |= profiles
        self._ends |= ends
        for key in list(islice(self._known, max(0, len(self._known) - self._most))):
            del self._known[key]

    def forget(self) -> None:
        """Begin anew."""
        self._known, self._ends = {}, {}
