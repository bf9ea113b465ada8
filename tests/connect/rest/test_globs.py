from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.rest.globs import matching, select, select_templates
from streamguard.errors import ConnectorNotFound, UnknownName

KNOWN = ["users-mongodb-sink", "users-s3-sink", "transactions-s3-sink", "a[b]"]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], sorted(KNOWN)),
        (["users-s3-sink"], ["users-s3-sink"]),
        (["users-*"], ["users-mongodb-sink", "users-s3-sink"]),
        (["*-s3-sink", "users-*"], ["transactions-s3-sink", "users-mongodb-sink", "users-s3-sink"]),
        (["users-s?-sink"], ["users-s3-sink"]),
        (["[!u]*-s3-sink"], ["transactions-s3-sink"]),
        (["a[b]"], ["a[b]"]),
    ],
)
def test_names_and_patterns_choose_in_the_order_of_the_names(patterns: list[str], chosen: list[str]) -> None:
    assert select(patterns, KNOWN, "http://c") == chosen


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("users-s3-snk", "http://c has no connector users-s3-snk (did you mean users-s3-sink?)"),
        ("USERS-*", "http://c has no connector that matches USERS-*"),
    ],
)
def test_what_chooses_nothing_is_an_error_even_beside_something_that_does(pattern: str, says: str) -> None:
    with pytest.raises(ConnectorNotFound) as caught:
        select(["users-*", pattern], KNOWN, "http://c")
    assert says in str(caught.value)
    assert matching([pattern], KNOWN) == []


@given(st.lists(st.text(min_size=1), unique=True))
def test_every_name_chooses_itself_whatever_it_is_made_of(names: list[str]) -> None:
    assert select(names, names, "") == sorted(names)
    plain = [name for name in names if name != "*"]  # which would mean itself
    assert not plain or select(["*"], plain, "") == sorted(plain)


def test_templates_are_chosen_in_the_same_way() -> None:
    assert select_templates(["users-*"], KNOWN) == ["users-mongodb-sink", "users-s3-sink"]
    assert select_templates([], KNOWN) == sorted(KNOWN)
    with pytest.raises(UnknownName, match=r"no template of a connector that matches x\*"):
        select_templates(["x*"], KNOWN)
