"""A user's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from streamguard.engine.functions import user
from streamguard.engine.functions.listing import find
from streamguard.engine.functions.registry import FUNCTIONS
from streamguard.errors import AnalysisError, SettingsError
from tests.engine.functions.evaluate import kind, value

SOURCE = '''
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any


def shorten(text: str, length: int = 3) -> str:
    """The text, cut to a length."""
    return text[:length]


def total(*numbers: float) -> float:
    return sum(numbers)


def or_none(text: str | None) -> str:
    return "none" if text is None else text


def next_day(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def year(moment: datetime) -> int:
    return moment.year


def cents(amount: Decimal) -> Annotated[Decimal, "DECIMAL(10, 2)"]:
    return amount.quantize(Decimal("0.01"))


def pair(a: int, names: list[str]) -> Annotated[dict[str, Any], "STRUCT<A BIGINT, N ARRAY<STRING>>"]:
    return {"A": a, "N": names}


def fails(text: str) -> str:
    raise RuntimeError(text)


def _private() -> None: ...
'''


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[list[str]]:
    (tmp_path / "mine.py").write_text(SOURCE)
    with patch.dict(FUNCTIONS):
        yield user.load("mine.py", tmp_path)


def test_functions_of_a_file_can_be_called_with_the_types_of_their_hints(functions: list[str]) -> None:
    assert functions == ["SHORTEN", "TOTAL", "OR_NONE", "NEXT_DAY", "YEAR", "CENTS", "PAIR", "FAILS"]
    assert value("SHORTEN(S)", {"S": "stream"}) == "str"
    assert value("SHORTEN(S, I)", {"S": "stream", "I": 1}) == "s"
    assert value("TOTAL(1, D, 2.5)", {"D": 0.5}) == 4.0
    assert value("UNIX_DATE(NEXT_DAY(DA))", {"DA": 0}) == 1
    assert value("YEAR(TS)", {"TS": 0}) == 1970
    assert str(value("CENTS(12.3456)")) == "12.35"
    assert value("PAIR(1, ARRAY['x'])->n[1]") == "x"
    assert kind("SHORTEN(S)") == "STRING"
    assert kind("PAIR(1, ARRAY['x'])") == "STRUCT<`A` BIGINT, `N` ARRAY<STRING>>"
    described = find("SHORTEN")
    assert described is not None
    assert (described.category, described.description) == ("USER", "The text, cut to a length.")


def test_nulls_do_not_reach_a_function_that_does_not_ask_for_them(functions: list[str]) -> None:
    assert functions
    assert value("SHORTEN(S)") is None
    assert value("OR_NONE(S)") == "none"


def test_what_a_function_raises_is_a_failure_that_holds_no_data(functions: list[str]) -> None:
    assert functions
    with pytest.raises(ValueError, match=r"^fails raised RuntimeError$"):
        value("FAILS('secret')")
    with pytest.raises(AnalysisError, match=r"Function 'YEAR' does not accept parameters \(STRING, STRING\)"):
        value("YEAR('a', 'b')")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(a) -> int: ...", "does not say what a is"),
        ("def f(a: int): ...", "does not say what it returns"),
        ("def f(a: set[int]) -> int: ...", "no SQL type is known"),
        ("def f(*, a: int) -> int: ...", "knows no keywords"),
        ("def count(a: int) -> int: ...", "name of a built-in function"),
        ("def len(a: int) -> int: ...", "name of a built-in function"),
        ("import nothing_of_that_name", "can not be imported"),
        ("1 / 0", "can not be imported: ZeroDivisionError"),
    ],
)
def test_a_module_that_can_not_be_used_is_refused(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    with patch.dict(FUNCTIONS), pytest.raises(SettingsError, match=words):
        user.load("bad.py", tmp_path)
