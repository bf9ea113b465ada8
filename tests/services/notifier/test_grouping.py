"""Every decision is in one group, no group is too large, and the order is that in which they came."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.notifier.grouping import KINDS, Group, groups
from tests.services.notifier.made import decision, items


@given(st.integers(0, 120), st.sampled_from(KINDS), st.integers(1, 60))
def test_every_decision_is_in_exactly_one_group(count: int, by: str, size: int) -> None:
    found = groups(items(count), by, size)
    assert sorted(item.index for group in found for item in group.items) == list(range(count))
    assert all(0 < len(group.items) <= size for group in found)


@given(st.integers(1, 120), st.sampled_from(KINDS), st.integers(1, 60))
def test_the_group_whose_first_decision_came_first_is_first(count: int, by: str, size: int) -> None:
    by_value: dict[str, list[Group]] = {}
    for group in groups(items(count), by, size):
        by_value.setdefault(group.value, []).append(group)
        assert [item.index for item in group.items] == sorted(item.index for item in group.items)
    firsts = [together[0].items[0].index for together in by_value.values()]
    assert firsts == sorted(firsts)
    for together in by_value.values():
        indexes = list(chain.from_iterable((item.index for item in group.items) for group in together))
        assert indexes == sorted(indexes)


def test_decisions_of_one_group_have_it_in_common() -> None:
    assert {group.value for group in groups(items(9), "rule", 50)} == {"HIGH_AMOUNT", "VELOCITY", "RISK"}
    assert {group.value for group in groups(items(9), "account", 50)} == {f"ACC-{number:08d}" for number in range(7)}
    assert [group.value for group in groups(items(9), "severity", 50)] == ["high"]
    assert [group.value for group in groups(items(9), "all", 50)] == [""]


def test_a_thousand_decisions_are_twenty_messages() -> None:
    assert len(groups(items(1000), "all", 50)) == 20
    assert len(groups(items(1000), "rule", 50)) == 21


@given(st.integers(2, 60))
def test_halves_are_the_whole(count: int) -> None:
    (group,) = groups(items(count), "all", 500)
    first, second = group.halves()
    assert first.items + second.items == group.items
    assert first.items
    assert second.items


def test_a_message_keeps_its_id_and_another_channel_or_revision_has_another() -> None:
    (group,) = groups(items(3), "all", 50)
    assert group.message_id("a") == group.message_id("a") != group.message_id("b")
    (other,) = groups([*items(2), type(items(1)[0])(2, decision(2, revision=2))], "all", 50)
    assert other.message_id("a") != group.message_id("a")
