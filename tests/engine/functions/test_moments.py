"""Dates, times and timestamps: functions, texts and casts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.values import moments
from tests.engine.functions.evaluate import kind, value

DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy-MM-dd HH:mm', 'Europe/Paris')", "1970-01-01 01:00"),
        ("TIMESTAMPTOSTRING(86400000, 'dd.MM.yyyy')", "02.01.1970"),
        ("UNIX_TIMESTAMP(PARSE_TIMESTAMP('1970-01-02', 'yyyy-MM-dd'))", DAY),
        ("STRINGTOTIMESTAMP('1970-01-01 02', 'yyyy-MM-dd HH', '+0200')", 0),
        ("FORMAT_DATE(FROM_DAYS(31), 'dd MMM yyyy')", "01 Feb 1970"),
        ("DATETOSTRING(365, 'yyyy')", "1971"),
        ("STRINGTODATE('1970-02-01', 'yyyy-MM-dd')", 31),
        ("UNIX_DATE(PARSE_DATE('1970-02', 'yyyy-MM'))", 31),
        ("UNIX_DATE(PARSE_DATE('1970-02-01 and more', 'yyyy-MM-dd'))", 31),
        ("FORMAT_TIME(PARSE_TIME('01:02 PM', 'hh:mm a'), 'HHmm')", "1302"),
        ("UNIX_TIMESTAMP(CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', 'Asia/Tokyo'))", 9 * 3_600_000),
        ("UNIX_DATE(DATEADD(DAYS, 2, FROM_DAYS(1)))", 3),
        ("UNIX_DATE(DATESUB(HOURS, 25, FROM_DAYS(3)))", 1),
        ("UNIX_TIMESTAMP(TIMESTAMPADD(SECONDS, 2, FROM_UNIXTIME(1)))", 2001),
        ("UNIX_TIMESTAMP(TIMESTAMPSUB(MINUTE, 1, FROM_UNIXTIME(0)))", -60_000),
        ("CAST(TIMEADD(HOURS, 2, CAST('23:00' AS TIME)) AS STRING)", "01:00"),
        ("CAST(TIMESUB(MILLISECONDS, 1, CAST('00:00' AS TIME)) AS STRING)", "23:59:59.999"),
    ],
)
def test_results(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CAST('1970-01-02' AS DATE)", 1),
        ("CAST('1970-02' AS DATE)", 31),
        ("CAST('10:11:12.5' AS TIME)", 36_672_500),
        ("CAST('1970-01-01T00:00:01' AS TIMESTAMP)", 1000),
        ("CAST('1970-01-01T01:00+0100' AS TIMESTAMP)", 0),
        ("CAST('1970' AS TIMESTAMP)", 0),
        ("CAST('1970-01-01T24' AS TIMESTAMP)", DAY),
        ("CAST(CAST('1970-01-02T03:00' AS TIMESTAMP) AS DATE)", 1),
        ("CAST(CAST('1970-01-02T03:00' AS TIMESTAMP) AS TIME)", 10_800_000),
        ("CAST(CAST('1970-01-02' AS DATE) AS TIMESTAMP)", DAY),
        ("CAST(FROM_UNIXTIME(1) AS STRING)", "1970-01-01T00:00:00.001"),
        ("CAST(FROM_DAYS(-1) AS STRING)", "1969-12-31"),
    ],
)
def test_casts(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "CAST('tomorrow' AS DATE)",
        "CAST('1970-02-30' AS DATE)",
        "CAST('25:00' AS TIME)",
        "CAST('1970-01-01T1Nowhere' AS TIMESTAMP)",
    ],
)
def test_a_text_that_is_no_moment_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="a text"):
        value(text)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("DA > '1970-01-01'", {"DA": 1}, True),
        ("'1970-01-02' = DA", {"DA": 1}, True),
        ("TS BETWEEN '1970-01-01' AND '1970-01-01T00:00:01'", {"TS": 1000}, True),
        ("TI < '00:01'", {"TI": 59_999}, True),
        ("TS > DA", {"TS": DAY + 1, "DA": 1}, True),
        ("DA IN ('1970-01-01', '1970-01-03')", {"DA": 2}, True),
        ("ROWTIME >= '1970-01-01T00:00:00.500'", {"ROWTIME": 500}, True),
        ("ROWTIME BETWEEN '1970' AND '1971'", {"ROWTIME": 5}, True),
        ("DA = '1970-01-01'", {}, False),
    ],
)
def test_moments_compare_with_texts_and_one_another(text: str, row: dict[str, Any], expected: bool) -> None:
    assert value(text, row) is expected


def test_types() -> None:
    assert kind("PARSE_DATE(S, 'yyyy')") == "DATE"
    assert kind("STRINGTODATE(S, 'yyyy')") == "INTEGER"
    assert kind("CONVERT_TZ(TS, 'UTC', 'UTC')") == "TIMESTAMP"


@given(st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 31)))  # noqa: DTZ001  local to UTC here
def test_a_timestamp_comes_back_from_its_text(moment: datetime) -> None:
    milliseconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    text = moments.text_of_timestamp(milliseconds)
    assert moments.timestamp_of_text(text) == milliseconds
    assert moments.timestamp_of_text(f"{text}-0130") == milliseconds + 90 * 60_000
    days, time = divmod(milliseconds, DAY)
    assert moments.date_of_text(moments.text_of_date(days)) == days
    assert moments.time_of_text(moments.text_of_time(time)) == time
