"""The rights that are needed against an access control list."""

from __future__ import annotations

import pytest

from streamguard.kafka.permissions import Entry
from streamguard.rights.compare import missing, superfluous
from streamguard.rights.model import Right

READS = Right("a", "topic", "orders", "literal", ("read",), "")
LOOKS = Right("a", "topic", "orders", "literal", ("describe",), "")
COMMITS = Right("a", "transactional_id", "sg.a.", "prefixed", ("write",), "")


def entry(
    name: str,
    operation: str,
    pattern: str = "literal",
    *,
    allows: bool = True,
    principal: str = "a",
    resource: str = "topic",
    host: str = "*",
) -> Entry:
    return Entry(principal, resource, name, pattern, operation, allows, host)


@pytest.mark.parametrize(
    "granted",
    [
        entry("orders", "read"),
        entry("orders", "all"),
        entry("*", "read"),
        entry("ord", "read", "prefixed"),
        entry("orders", "read", principal="*"),
    ],
)
def test_a_right_is_granted_by_its_name_a_prefix_everything_and_to_everybody(granted: Entry) -> None:
    assert missing([READS], [granted]) == []


@pytest.mark.parametrize(
    "other",
    [
        entry("orders", "write"),
        entry("order", "read"),
        entry("orders.x", "read", "prefixed"),
        entry("orders", "read", resource="group"),
        entry("orders", "read", principal="b"),
        entry("orders", "read", host="10.0.0.7"),
        entry("orders", "read", allows=False),
    ],
)
def test_nothing_else_grants_it(other: Entry) -> None:
    assert missing([READS], [other]) == [READS]


def test_a_refusal_wins_and_reading_brings_describing() -> None:
    assert missing([READS], [entry("orders", "read"), entry("*", "all", allows=False)]) == [READS]
    assert missing([LOOKS], [entry("orders", "read")]) == []
    assert missing([READS], [entry("orders", "describe")]) == [READS]


def test_a_prefix_is_granted_by_a_shorter_one_only() -> None:
    ids = "transactional_id"
    assert missing([COMMITS], [entry("sg.", "write", "prefixed", resource=ids)]) == []
    assert missing([COMMITS], [entry("sg.a.0", "write", resource=ids)]) == [COMMITS]
    assert missing([COMMITS], [entry("sg.a.b", "write", "prefixed", resource=ids)]) == [COMMITS]


def test_what_no_right_asks_for_is_more_than_needed() -> None:
    more = [entry("orders", "delete"), entry("*", "read"), entry("ord", "read", "prefixed")]
    enough = [entry("orders", "read"), entry("orders", "describe"), entry("others", "read", principal="b")]
    assert superfluous([READS], [*more, *enough]) == more
    assert superfluous([COMMITS], [entry("sg.a.0", "write", resource="transactional_id")]) == []
