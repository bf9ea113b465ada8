"""The functions that ksqlDB's own cases call beside the built-in ones: they are known while a case runs.

Written after what the cases expect of them: how functions are found by the types of their arguments is what they test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from streamguard.engine.functions.aggregates import AGGREGATES, Aggregate, AggregateFunction, Call, Variant
from streamguard.engine.functions.registry import FUNCTIONS, Function, Overload
from streamguard.engine.functions.signatures import parse
from streamguard.engine.functions.tables import TABLE_FUNCTIONS
from streamguard.engine.language import types as t

STRUCT = "STRUCT<A STRING>"
LISTS = "ARRAY<INTEGER> a, ARRAY<BIGINT> b, ARRAY<DOUBLE> c, ARRAY<BOOLEAN> d, ARRAY<STRING> e, ARRAY<DECIMAL> f"


def size(value: Any) -> int:
    """A number is its value, a text its length, null nothing."""
    return len(value) if isinstance(value, str) else value or 0


def adding(columns: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[[Call], Aggregate]:
    """Sums the sizes of its columns; the arguments that are none are added once."""

    def make(call: Call) -> Aggregate:
        def add(state: int | None, *given: Any) -> int:
            chosen = sum(map(size, columns(given)))
            return chosen + (sum(map(size, given)) - chosen if state is None else state)

        return Aggregate(call.returns, lambda: None, add, lambda one, other: (one or 0) + (other or 0))

    return make


def keeping(call: Call) -> Aggregate:
    """The first arguments, where none is null."""
    return Aggregate(
        call.returns,
        list,
        lambda state, *given: state if None in given else [*state, given[0]],
        lambda one, other: one + other,
    )


def total(call: Call) -> Aggregate:
    """A sum, of structs field by field."""

    def signed(sign: int) -> Callable[[Any, Any], Any]:
        def change(state: Any, value: Any) -> Any:
            if value is None:
                return state
            if isinstance(value, dict):
                return {name: (state or {}).get(name, 0) + sign * (each or 0) for name, each in value.items()}
            return (state or 0) + sign * value

        return change

    start = (lambda: None) if isinstance(call.returns, t.Struct) else int
    return Aggregate(call.returns, start, signed(1), signed(1), undo=signed(-1))


def failing(value: Any) -> Any:
    """Fails for numbers and TRUE."""
    if value is not False:
        raise ValueError("bad")
    return 0


def evaluated(value: Any, should_be: bool) -> Any:
    """The value; fails where it should not have been asked for."""
    if not should_be:
        raise ValueError("this was not to be evaluated")
    return value


def rows(*values: Any) -> list[Any]:
    """The one value, or every element of many arrays as text."""
    if len(values) == 1:
        return [] if values[0] is None else [*values]
    return [f"Struct{{A={each['A']}}}" if isinstance(each, dict) else _text(each) for one in values for each in one]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def scalar(run: Callable[..., Any], *signatures: str, nulls: bool = False) -> list[Overload]:
    return [Overload(parse(text), run, nulls=nulls) for text in signatures]


SCALARS = {
    "BAD_UDF": scalar(failing, "(INTEGER a) -> STRING", "(BOOLEAN a) -> INTEGER"),
    "WHENCONDITION": scalar(evaluated, "(BOOLEAN a, BOOLEAN b) -> BOOLEAN"),
    "WHENRESULT": scalar(evaluated, "(INTEGER a, BOOLEAN b) -> INTEGER"),
    "TOSTRUCT": scalar(lambda value: {"A": value}, f"(STRING a) -> {STRUCT}"),
    "TEST_UDF": [
        *scalar(lambda value: value["A"], f"({STRUCT} a) -> STRING"),
        *scalar(lambda *_: "doStuffLongString", "(BIGINT a, STRING b) -> STRING", nulls=True),
        *scalar(lambda *_: "doStuffLongLongString", "(BIGINT a, BIGINT b, STRING c) -> STRING", nulls=True),
        *scalar(lambda *_: "doStuffLongVarargs", "(BIGINT... a) -> STRING", nulls=True),
    ],
}
INITIAL = "INTEGER i, STRING... s) -> BIGINT"
COLUMNS: dict[str, tuple[Callable[[Call], Aggregate], tuple[str, ...]]] = {
    "VAR_ARG": (adding(lambda given: given), ("(BIGINT a, STRING... b) -> BIGINT",)),
    "MID_VAR_ARG": (adding(lambda given: given[:-2]), ("(BIGINT a, STRING... b, INTEGER c, INTEGER d) -> BIGINT",)),
    "MULTI_ARG": (adding(lambda given: given[:2]), (f"(BIGINT a, STRING b, {INITIAL}",)),
    "FOUR_ARG": (adding(lambda given: given[:4]), (f"(BIGINT a, STRING b, STRING c, STRING d, {INITIAL}",)),
    "FIVE_ARG": (adding(lambda given: given[:5]), (f"(BIGINT a, STRING b, STRING c, STRING d, INTEGER e, {INITIAL}",)),
    "GENERIC_VAR_ARG": (keeping, ("(T a, U b, V... c) -> ARRAY<T>",)),
    "OBJ_COL_ARG": (keeping, ("(INTEGER a, ANY... b) -> ARRAY<INTEGER>",)),
    "TEST_UDAF": (total, ("(INTEGER a) -> BIGINT", "(BIGINT a) -> BIGINT", "(T a) -> T")),
}
TABLES = {
    "TEST_UDTF": ("test_udtf", rows, ["(T a) -> T", f"({LISTS}, ARRAY<{STRUCT}> g) -> STRING"]),
}


@contextmanager
def known() -> Iterator[None]:
    """Have them in the registries."""
    FUNCTIONS.update({name: Function(name, "TEST", "", list(overloads)) for name, overloads in SCALARS.items()})
    calls = count()
    every_other = scalar(lambda value: value if next(calls) % 2 else None, "(STRING a) -> STRING")
    FUNCTIONS["BAD_UDF"].overloads += every_other
    for name, (make, signatures) in COLUMNS.items():
        AGGREGATES[name] = AggregateFunction(name, "", [Variant(parse(text), make) for text in signatures])
    TABLE_FUNCTIONS.update(TABLES)
    try:
        yield
    finally:
        for registry, names in ((FUNCTIONS, SCALARS), (AGGREGATES, COLUMNS), (TABLE_FUNCTIONS, TABLES)):
            for name in names:
                del registry[name]
