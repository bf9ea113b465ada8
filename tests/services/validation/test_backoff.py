"""How long is waited: by chance up to a bound that doubles, and as long as the API asks for, within reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.validation.backoff import LONGEST, LONGEST_ASKED, delay, retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_bound_doubles_with_every_failure_up_to_five_seconds() -> None:
    assert [delay(failures, 1.0) for failures in (1, 2, 3, 6, 7, 8, 1000)] == [0.1, 0.2, 0.4, 3.2, 5.0, 5.0, 5.0]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_the_whole_of_a_delay_is_by_chance(failures: int, chance: float) -> None:
    assert delay(failures, chance) == chance * delay(failures, 1.0)
    assert 0 <= delay(failures, chance) <= LONGEST


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("7", 7),
        ("3600", LONGEST_ASKED),
        ("9" * 400, LONGEST_ASKED),
        ("-7", 0),
        ("1.5", 0),
        ("soon", 0),
        ("\u0667", 0),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20),
        (format_datetime(NOW + timedelta(hours=20), usegmt=True), LONGEST_ASKED),
        (format_datetime(NOW - timedelta(seconds=20), usegmt=True), 0),
        ("Sun, 01 Mar 2026 12:00:05 -0000", 5),
        ("Sun, 01 Mar 2026 13:00:05 +0100", 5),
        ("Sun, 31 Feb 2026 12:00:05 GMT", 0),
    ],
)
def test_the_api_may_ask_for_time_by_a_number_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,6}"))
def test_no_header_crashes_it(header: str) -> None:
    assert 0 <= retry_after(header, NOW) <= LONGEST_ASKED
