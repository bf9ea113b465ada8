from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streamguard.connect.offsets.instants import parse_instant

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T12:00:00+02:00", "2026-11-22T10:00:00+00:00"),
        ("2h", "2026-11-22T10:00:00+00:00"),
        ("90m", "2026-11-22T10:30:00+00:00"),
        ("1.5d", "2026-11-21T00:00:00+00:00"),
    ],
)
def test_a_time_is_iso_8601_with_a_zone_or_so_long_ago(text: str, at: str) -> None:
    assert parse_instant(text, NOW) == datetime.fromisoformat(at).timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-11-22T10:00:00", "says no time zone"),
        ("tomorrow", "is no time"),
        ("2026-11-23T10:00:00Z", "is yet to come"),
        ("-2h", "is no time"),
        ("99999999999d", "before the year 1"),
        ("", "is no time"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_instant(text, NOW)
