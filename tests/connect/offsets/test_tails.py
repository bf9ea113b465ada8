from __future__ import annotations

from collections.abc import Mapping

from streamguard.connect.offsets.tails import Tails
from streamguard.model import Place

A, B = ("t", 0), ("t", 1)


class Reader:
    """Knows which partitions have records, and what it was asked."""

    def __init__(self, *with_records: Place) -> None:
        self.with_records = set(with_records)
        self.asked: list[dict[Place, int]] = []

    def __call__(self, starts: Mapping[Place, int]) -> set[Place]:
        self.asked.append(dict(starts))
        return self.with_records & starts.keys()


def test_what_stands_still_is_asked_about_once() -> None:
    reader = Reader(B)
    tails = Tails(reader)
    standings = [(A, 100, 150), (B, 7, 90)]
    assert tails.empty(standings) == frozenset()
    assert tails.empty(standings) == tails.empty(standings) == {(A, 100)}
    assert reader.asked == [{A: 100, B: 7}]


def test_what_moves_is_not_asked_about_and_what_was_known_of_it_is_forgotten() -> None:
    reader = Reader()
    tails = Tails(reader)
    for at in range(0, 80, 20):
        assert tails.empty([(A, at, at + 100)]) == frozenset()
    assert reader.asked == []
    tails.empty([(A, 60, 160)])
    assert tails.empty([(A, 60, 160)]) == {(A, 60)}
    assert tails.empty([(A, 60, 161)]) == frozenset()


def test_a_little_is_asked_about_in_the_first_look_and_nothing_where_all_is_read() -> None:
    reader = Reader()
    assert Tails(reader).empty([(A, 99, 100), (B, 5, 5)]) == {(A, 99)}
    assert reader.asked == [{A: 99}]


def test_of_two_groups_in_a_partition_the_other_is_asked_for_in_the_next_look() -> None:
    reader = Reader()
    tails = Tails(reader)
    standings = [(A, 99, 100), (A, 98, 100)]
    assert tails.empty(standings) == {(A, 98)}
    assert tails.empty(standings) == {(A, 98), (A, 99)}
