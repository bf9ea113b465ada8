"""Profiles are kept from one batch to the next while the database stands where they were noted, and no longer."""

from __future__ import annotations

from streamguard.services.decider.facts import Profile
from streamguard.services.decider.profiles import Profiles

HERE, THERE = ("transactions", 0), ("transactions", 1)
ONE = {("a-1", 0): Profile(1, 5.0, 5.0, 7, "DE")}


def noted() -> Profiles:
    profiles = Profiles()
    assert profiles.at({HERE: 0}) == {}
    profiles.note(ONE, {HERE: 10})
    return profiles


def test_what_was_stored_is_known_to_the_next_batch() -> None:
    profiles = noted()
    assert profiles.at({HERE: 10}) == ONE
    assert profiles.at({HERE: 10, THERE: 3, ("fraud-alerts", 0): 99}) == ONE


def test_where_somebody_else_has_read_on_nothing_is_known_any_more() -> None:
    profiles = noted()
    assert profiles.at({HERE: 11}) == {}
    assert profiles.at({HERE: 10}) == {}


def test_what_was_read_for_a_batch_that_was_not_stored_is_forgotten_once_another_one_has_stored_it() -> None:
    profiles = Profiles()
    profiles.at({HERE: 5}).update(ONE)
    assert profiles.at({HERE: 5}) == ONE
    assert profiles.at({HERE: 8}) == {}


def test_those_that_were_noted_first_are_forgotten_first() -> None:
    profiles = Profiles(most=2)
    for number in range(5):
        profiles.note({(f"a-{number}", 0): Profile(number)}, {HERE: number + 1})
    assert list(profiles.at({HERE: 5})) == [("a-3", 0), ("a-4", 0)]
