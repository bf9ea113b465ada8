"""Java's date and time patterns: expected texts and instants are what a JDK gives."""

from __future__ import annotations

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.javatime import UTC, TimeError, pattern, zone

NOON = 1_620_302_889_123  # 2021-05-06T12:08:09.123Z
PACIFIC = "America/Los_Angeles"

READ = [
    ("yyyy-MM-dd'T'HH:mm:ssX", "2021-05-06T12:08:09Z", 1_620_302_889_000),
    ("yyyy-MM-dd'T'HH:mm:ssX", "2021-05-06T14:08:09+02", 1_620_302_889_000),
    ("yyyy-MM-dd't'HH:mm:ssX", "2021-05-06T14:08:09+02", 1_620_302_889_000),
    ("yy-MM-dd HH:mm:ssX", "21-05-06 17:38:09+0530", 1_620_302_889_000),
    ("yyyyMMddHHmmssSSS", "20210506120809123", NOON),
    ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][.SSS]XXX", "2021-05-06T12:08:09.123456Z", NOON),
    ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][.SSS]XXX", "2021-05-06T14:08:09.123+02:00", NOON),
    ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][.SSS]XXX", "2021-05-06T12:08:09Z", 1_620_302_889_000),
    ("d MMM yyyy h:mm a", "6 may 2021 12:08 PM", 1_620_302_880_000),
    ("EEE, dd MMMM yyyy HH:mm", "Thu, 06 MAY 2021 12:08", 1_620_302_880_000),
    ("yyyy", "2021", 1_609_459_200_000),
    ("HH:mm", "12:30", 45_000_000),
    ("mm:ss", "12:30", 750_000),
    ("dd/MM", "31/02", 58 * 86_400_000),
    ("yyyy-DDD", "2020-366", 1_609_372_800_000),
    ("yyyy-MM-dd", "2021-02-30", 1_614_470_400_000),
    ("yyyy-MM-dd HH:mm", "2020-12-31 24:00", 1_609_459_200_000),
    ("yyyy-MM-dd HH:mm VV", "2021-05-06 14:08 Europe/Paris", 1_620_302_880_000),
    ("yyyy-MM-dd HH:mm z", "2021-05-06 05:08 PDT", 1_620_302_880_000),
    ("YYYY-'W'ww-e", "2021-W19-5", 1_620_259_200_000),
    ("uuuu-MM-dd G", "2021-05-06 AD", 1_620_259_200_000),
    ("ppd.pM.yyyy", " 6.5.2021", 1_620_259_200_000),
]


@pytest.mark.parametrize(("text", "given", "ms"), READ)
def test_a_text_is_read(text: str, given: str, ms: int) -> None:
    assert pattern(text).timestamp(given) == ms


WRITTEN = [
    ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2021-05-06T05:08:09.123-07"),
    ("EEEE, d MMMM uuuu G hh:mm a", "Thursday, 6 May 2021 AD 05:08 AM"),
    ("YYYY-'W'ww-e W", "2021-W19-5 2"),
    ("Q qqq QQQQ D DDD", "2 Q2 2nd quarter 126 126"),
    ("X XX XXX x xxx Z ZZZZ ZZZZZ", "-07 -0700 -07:00 -07 -07:00 -0700 GMT-07:00 -07:00"),
    ("O OOOO VV z zzzz", "GMT-7 GMT-07:00 America/Los_Angeles PDT Pacific Daylight Time"),
    ("ppH:mm 'o''clock'''", " 5:08 o'clock'"),
    ("yyyyyyy yy y S n A", "0002021 21 2021 1 123000000 18489123"),
    ("K k h H", "5 5 5 5"),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_a_timestamp_is_written(text: str, expected: str) -> None:
    assert pattern(text).of_timestamp(NOON, zone(PACIFIC)) == expected


def test_utc_is_written_as_java_does() -> None:
    assert pattern("X x Z O VV").of_timestamp(NOON) == "Z +00 +0000 GMT UTC"


REFUSED = {
    "yyyy-MM-dd T": "Unknown pattern letter: T",
    "b": "Unknown pattern letter: b",
    "HHH": "Too many pattern letters: H",
    "VVV": "Pattern letter count must be 2: V",
    "yyyy{": "Pattern includes reserved character: '{'",
    "yyyy'T": "Pattern ends with an incomplete string literal: yyyy'T",
    "yyyy]": "Pattern invalid as it contains ] without previous [",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_pattern_that_java_refuses_is_refused(text: str) -> None:
    with pytest.raises(TimeError) as caught:
        pattern(text)
    assert str(caught.value) == REFUSED[text]


MISFITS = [
    ("yyyy-MM-dd", "2021-5-06", "could not be parsed at index 5"),
    ("yyyy-MM-dd", "2021-05-06 ", "unparsed text found at index 10"),
    ("yyyy-MM-dd", "2021-13-06", r"Invalid value for MonthOfYear \(valid values 1 - 12\): 13"),
    ("yyyy-MM-dd HH", "2021-05-06 25", "Invalid value for HourOfDay"),
    ("EEE yyyy-MM-dd", "Fri 2021-05-06", "DayOfWeek differs"),
    ("DDD", "366", "Leap day cannot be parsed without supplying the year field"),
    ("yyyy-MM-dd VV", "2021-05-06 Europe/Pariss", "Unknown time-zone ID"),
]


@pytest.mark.parametrize(("text", "given", "reason"), MISFITS)
def test_a_text_that_does_not_fit_says_why(text: str, given: str, reason: str) -> None:
    with pytest.raises(TimeError, match=reason):
        pattern(text).timestamp(given)


def test_what_a_text_lacks_comes_from_1970_in_the_zone_given() -> None:
    assert pattern("yyyy-MM-dd HH:mm").timestamp("2021-05-06 05:08", zone(PACIFIC)) == 1_620_302_880_000


def test_an_hour_that_the_clocks_skip_is_later() -> None:
    assert pattern("yyyy-MM-dd HH:mm").timestamp("2021-03-14 02:30", zone(PACIFIC)) == 1_615_717_800_000


def test_dates_and_times_have_only_their_own_fields() -> None:
    assert pattern("yyyy-MM-dd").of_date(18_753) == "2021-05-06"
    assert pattern("HH:mm:ss.SSS[ yyyy]").of_time(45_000_001) == "12:30:00.001"
    with pytest.raises(TimeError, match="Unsupported field: HourOfDay"):
        pattern("yyyy HH").of_date(0)
    with pytest.raises(TimeError, match="Unsupported field: YearOfEra"):
        pattern("yyyy HH").of_time(0)
    assert pattern("dd.MM.yyyy HH").date("06.05.2021 23") == 18_753
    assert pattern("HH:mm:ss").time("23:59:59") == 86_399_000
    with pytest.raises(TimeError):
        pattern("yyyy-MM").date("2021-05")


@pytest.mark.parametrize("name", ["Z", "UTC", "GMT", "+02:00", "UTC+02:00", "Europe/Paris", "EST"])
def test_zones_keep_the_ids_that_java_gives(name: str) -> None:
    assert zone(name).id == name


@pytest.mark.parametrize("name", ["Mars/Base", "PST8", "+25:00", "", "europe/paris ", "../etc/passwd"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(TimeError):
        zone(name)


EXACT = "uuuu-MM-dd'T'HH:mm:ss.SSSXXX"
ZONES = st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata", "+11:45", "Europe/London"])


@given(ms=st.integers(-62_000_000_000_000, 250_000_000_000_000), where=ZONES)
def test_what_is_written_is_read_again(ms: int, where: str) -> None:
    at = zone(where)
    if at.at(ms) % 60 == 0:  # an offset with seconds does not fit XXX
        assert pattern(EXACT).timestamp(pattern(EXACT).of_timestamp(ms, at)) == ms


@given(days=st.integers(-719_162, 2_932_896))
def test_dates_agree_with_python(days: int) -> None:
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days)
    assert pattern("uuuu-MM-dd D EEEE").of_date(days) == date.strftime("%Y-%m-%d ").rjust(11, "0") + (
        f"{date.timetuple().tm_yday} {date.strftime('%A')}"
    )
    assert pattern("uuuu-MM-dd").date(date.isoformat()) == days


LETTERS = st.text("yuMLdDEeacHhKkmsSAnNVzOXxZQqYwWG[]'p{} -:.,T1", max_size=12)


@given(text=LETTERS, given=st.text(max_size=12) | st.text("0123456789-:+ TZ", max_size=20))
def test_no_pattern_and_no_text_fails_in_another_way(text: str, given: str) -> None:
    with contextlib.suppress(TimeError):
        pattern(text).timestamp(given, UTC)


@given(text=LETTERS, ms=st.integers(-(2**62), 2**62))
def test_whatever_a_pattern_writes_is_text(text: str, ms: int) -> None:
    with contextlib.suppress(TimeError):
        assert isinstance(pattern(text).of_timestamp(ms), str)
