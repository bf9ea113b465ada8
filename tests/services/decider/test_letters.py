"""Records for Kafka, kept in the database until they are published."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.decider.letters import packed, unpacked

HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.none() | st.binary()))


@given(HEADERS)
def test_headers_come_back_as_they_were_also_those_that_are_there_twice(
    headers: list[tuple[str, str | bytes | None]],
) -> None:
    assert unpacked(packed(headers)) == headers


def test_no_headers_are_nothing() -> None:
    assert (packed([]), unpacked(None)) == (None, [])
