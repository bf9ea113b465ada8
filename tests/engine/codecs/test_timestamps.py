"""A record's time from one of its columns."""

from __future__ import annotations

import pytest

from streamguard.engine.codecs import extractor
from streamguard.engine.language import types as t


def test_numbers_are_milliseconds_and_texts_follow_the_pattern() -> None:
    assert extractor(t.BIGINT, None)(1_620_302_889_000) == 1_620_302_889_000
    assert extractor(t.TIMESTAMP, None)(0) == 0
    assert extractor(t.STRING, "yy-MM-dd HH:mm:ssX")("21-05-06 12:08:09Z") == 1_620_302_889_000


@pytest.mark.parametrize("value", [None, "21-05-06", "", "1960-01-01 00:00"])
def test_a_text_that_gives_no_time_is_told(value: str | None) -> None:
    with pytest.raises(ValueError, match=r"timestamp|Text could not be parsed") as caught:
        extractor(t.STRING, "yyyy-MM-dd HH:mm")(value)
    assert "1960" not in str(caught.value)


def test_a_time_before_1970_is_told() -> None:
    with pytest.raises(ValueError, match="negative"):
        extractor(t.BIGINT, None)(-1)
