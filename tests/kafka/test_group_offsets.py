from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count

import pytest

from streamguard.kafka.group_offsets import WINDOW, GroupReaders
from streamguard.settings import Settings

PLACE = ("t", 0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The groups that were asked; each has committed as many offsets as groups were asked before it."""
    names: list[str] = []

    def committed(_self: GroupReaders, group: str, _places: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        names.append(group)
        return {PLACE: len(names)}

    monkeypatch.setattr(GroupReaders, "committed", committed)
    yield names


def groups(names: str) -> dict[str, list[tuple[str, int]]]:
    return {name: [PLACE] for name in names}


def readers() -> GroupReaders:
    """Every look at their clock is a second later."""
    seconds = count(1.0)
    return GroupReaders(Settings(), clock=lambda: next(seconds))


def test_what_does_not_fit_into_a_look_is_asked_in_the_next(asked: list[str]) -> None:
    asking, wanted = readers(), groups("abcde")
    assert sorted(asking.look(wanted, 3.0)) == ["a", "b"]
    assert sorted(asking.look(wanted, 3.0)) == ["a", "b", "c", "d"]
    assert sorted(asking.look(wanted, 3.0)) == ["a", "b", "c", "d", "e"]
    assert asked == ["a", "b", "c", "d", "e", "a"]


def test_at_least_one_group_is_asked_and_those_that_can_wait_come_last(asked: list[str]) -> None:
    asking, wanted = readers(), groups("abc")
    asking.look(wanted, 0.0, later=["a"])
    asking.look(wanted, 100.0, later=["a"])
    assert asked == ["b", "c", "b", "a"]


def test_a_pace_is_over_the_last_minute(asked: list[str]) -> None:
    asking = readers()
    for _ in range(200):
        pace = asking.look(groups("a"), 0.0)["a"]
    assert WINDOW <= pace.last.time - pace.earlier.time < WINDOW + 4
    assert pace.last.offsets[PLACE] == len(asked)


def test_of_no_groups_nothing_is_known(asked: list[str]) -> None:
    assert readers().look({}, 1.0) == {}
    assert asked == []
