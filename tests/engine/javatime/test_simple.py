"""The lenient reading of PARSE_DATE."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.javatime import TimeError, simple_pattern

READ = [
    ("yyyy-MM-dd", "2021-05-06", 18_753),
    ("yyyy-MM-dd", "2021-5-6", 18_753),
    ("yyyy-MM-dd", "2021-05-06 and more", 18_753),
    ("yyyy-MM-dd'T'", "2021-05-06T", 18_753),
    ("dd-MMM-yyyy", "06-MAY-2021", 18_753),
    ("d MMMM yy", "6 may 21", 18_753),
    ("EEE, d MMM yy", "Thu, 6 May 49", 28_980),
    ("yy", "50", -7305),
    ("MMM-yyyy", "May-2021", 18_748),
    ("yyyyMMdd", "20210506", 18_753),
    ("yyyy-DDD", "2021-126", 18_753),
    ("yyyy-MM-dd", "2020-17-06", 18_753),
    ("yyyy-MM-dd", "2021-04-36", 18_753),
    ("yyyy-MM-dd HH:mm", "2021-05-05 24:00", 18_753),
    ("yyyy-MM-dd HH:mm Z", "2021-05-06 02:00 +0200", 18_753),
    ("yyyy ww E", "2021 19 Thu", 18_753),
    ("yyyy MM W E", "2021 05 2 Thu", 18_753),
    ("yyyy MM F E", "2021 05 1 Thu", 18_753),
    ("''yyyy", "'1970", 0),
]


@pytest.mark.parametrize(("text", "given", "days"), READ)
def test_a_date_is_read_leniently(text: str, given: str, days: int) -> None:
    assert simple_pattern(text).date(given) == days


@pytest.mark.parametrize("given", ["", "2021", "2021-", "x2021-05-06", "2021/05/06"])
def test_a_text_that_does_not_fit_is_refused(given: str) -> None:
    with pytest.raises(TimeError, match="Unparseable date"):
        simple_pattern("yyyy-MM-dd").date(given)


def test_a_time_in_a_date_is_refused() -> None:
    with pytest.raises(TimeError, match="Date format contains time field"):
        simple_pattern("yyyy HH").date("2021 01")


@pytest.mark.parametrize(("text", "words"), [("yyyy n", "Illegal pattern character 'n'"), ("'yyyy", "Unterminated")])
def test_a_pattern_that_java_refuses_is_refused(text: str, words: str) -> None:
    with pytest.raises(TimeError, match=words):
        simple_pattern(text)


@given(
    st.text("yMdEaGHkKhmsSzZXDwWFuL' -:", max_size=10),
    st.text(max_size=12) | st.text("0123456789- :JanPM+", max_size=16),
)
def test_no_pattern_and_no_text_fails_in_another_way(text: str, given: str) -> None:
    with contextlib.suppress(TimeError):
        simple_pattern(text).date(given)
