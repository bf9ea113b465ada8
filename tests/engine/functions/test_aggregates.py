"""Aggregates: what is added, taken back and merged; states survive JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.typed import Aggregation
from streamguard.engine.functions.aggregates import AGGREGATES, Aggregate, decode, encode, find_aggregate
from streamguard.engine.functions.registry import FunctionError
from streamguard.engine.language import types as t
from streamguard.engine.values import casts
from streamguard.engine.values.operations import wrap_integer
from streamguard.errors import AnalysisError
from tests.engine.functions.evaluate import resolved


def after(aggregate: Aggregate, rows: Sequence[tuple[Any, ...]]) -> Any:
    """The state after some rows, kept as JSON between them."""
    state = aggregate.initial()
    for row in rows:
        state = aggregate.decode(orjson.loads(orjson.dumps(aggregate.encode(aggregate.add(state, *row)))))
    return state


def made(name: str, types: Sequence[t.Type], values: Sequence[Any], *constants: Any, **properties: Any) -> Any:
    aggregate = find_aggregate(name, types, constants, properties)
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    return aggregate.result(after(aggregate, rows))


INT, DEC = t.INTEGER, t.Decimal(4, 1)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (made("COUNT", [], [(), ()]), 2),
        (made("COUNT", [INT], [1, None, 3]), 2),
        (made("SUM", [INT], []), 0),
        (made("SUM", [INT], [2**31 - 1, None, 1]), -(2**31)),
        (made("SUM", [DEC], [Decimal("1.5"), Decimal("2.5")]), Decimal("4.0")),
        (made("SUM_LIST", [t.Array(t.BIGINT)], [[1, None, 2], None, [3]]), 6),
        (made("AVG", [INT], [1, None, 2]), 1.5),
        (made("AVG", [INT], []), 0.0),
        (made("MIN", [t.STRING], ["b", None, "a"]), "a"),
        (made("MAX", [DEC], [None]), None),
        (made("MAX", [t.BYTES], [b"a", b"\xff"]), b"\xff"),
        (made("COLLECT_LIST", [INT], [1, None, 1]), [1, None, 1]),
        (made("COLLECT_LIST", [INT], [1, 2, 3], **{"ksql.functions.collect_list.limit": 2}), [1, 2]),
        (made("COLLECT_SET", [INT], [2, 1, None, 2]), [2, 1, None]),
        (made("COLLECT_SET", [t.Array(INT)], [[1], [2], [1]]), [[1], [2]]),
        (made("COUNT_DISTINCT", [t.STRING], ["a", "b", None, "a"]), 2),
        (made("EARLIEST_BY_OFFSET", [INT], [None, 1, 2]), 1),
        (made("EARLIEST_BY_OFFSET", [INT], [None, 1], False), None),
        (made("EARLIEST_BY_OFFSET", [INT], [1, None, 2, 3], 2), [1, 2]),
        (made("LATEST_BY_OFFSET", [INT], [1, 2, None]), 2),
        (made("LATEST_BY_OFFSET", [INT], [1, 2, None], 2, False), [2, None]),
        (made("TOPK", [INT], [3, 1, 3, 2], 3), [3, 3, 2]),
        (made("TOPKDISTINCT", [INT], [3, 1, 3, 2], 2), [3, 2]),
        (made("TOPK", [INT, t.STRING], [(1, "a"), (2, None)], 1), [{"sort_col": 2, "col0": None}]),
        (made("HISTOGRAM", [t.STRING], ["a", "b", "a"]), {"a": 2, "b": 1}),
        (made("ATTR", [INT], [7, 7]), 7),
        (made("ATTR", [INT], [7, 8]), None),
        (made("STDDEV_SAMP", [INT], [5]), 0.0),
        (made("STDDEV_SAMPLE", [INT], [1, 3]), math.sqrt(2)),
        (made("CORRELATION", [INT, INT], [(1, 2), (2, 4), (None, 1)]), 1.0),
    ],
)
def test_results(found: Any, expected: Any) -> None:
    assert found == expected
    assert type(found) is type(expected)


def test_a_sum_of_decimals_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match="Numeric field overflow"):
        made("SUM", [t.Decimal(3, 1)], [Decimal("50.9"), Decimal("50.8")])


@pytest.mark.parametrize("name", ["COUNT", "SUM", "AVG", "MIN", "MAX"])
@pytest.mark.parametrize("kind", [t.INTEGER, t.BIGINT, t.DOUBLE])
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_what_compiled_queries_write_inline_is_what_add_does(name: str, kind: t.Type, values: list[int]) -> None:
    aggregate = find_aggregate(name, [kind])
    assert aggregate.inline is not None
    state = inlined = aggregate.initial()
    for whole in values:
        value = float(whole) if kind == t.DOUBLE else wrap_integer(whole) if kind == t.INTEGER else whole
        state = aggregate.add(state, value)
        text = aggregate.inline.format("value", state="inlined")
        inlined = eval(text, dict(casts.NAMESPACE), {"value": value, "inlined": inlined})  # noqa: S307  our own text
    assert inlined == state


UNDOABLE: dict[str, list[t.Type]] = {
    "COUNT": [INT],
    "SUM": [INT],
    "AVG": [INT],
    "COLLECT_LIST": [INT],
    "HISTOGRAM": [t.STRING],
    "ATTR": [INT],
    "STDDEV_SAMP": [INT],
    "STDDEV_SAMPLE": [INT],
    "CORRELATION": [INT, INT],
    "SUM_LIST": [t.Array(INT)],
}


def test_which_aggregates_follow_the_changes_of_a_table() -> None:
    for name, types in UNDOABLE.items():
        assert find_aggregate(name, types).can_undo
    for name in ("MIN", "MAX", "COLLECT_SET", "COUNT_DISTINCT", "EARLIEST_BY_OFFSET", "LATEST_BY_OFFSET"):
        assert not find_aggregate(name, [INT]).can_undo


@pytest.mark.parametrize("name", ["COUNT", "SUM", "AVG", "COLLECT_LIST", "ATTR", "STDDEV_SAMP"])
@given(kept=st.lists(st.integers(-1000, 1000), max_size=5), gone=st.lists(st.integers(-1000, 1000), max_size=5))
def test_what_is_taken_back_leaves_no_trace(name: str, kept: list[int], gone: list[int]) -> None:
    aggregate = find_aggregate(name, [INT])
    assert aggregate.undo is not None
    state = after(aggregate, [(value,) for value in [*kept, *gone]])
    for value in reversed(gone):
        state = aggregate.undo(state, value)
    expected = aggregate.result(after(aggregate, [(value,) for value in kept]))
    found = aggregate.result(state)
    assert found == pytest.approx(expected, abs=1e-3) if isinstance(expected, float) else found == expected


@pytest.mark.parametrize(
    ("name", "constants"),
    [(name, ()) for name in ("COUNT", "SUM", "AVG", "MIN", "MAX", "COLLECT_LIST", "COLLECT_SET", "COUNT_DISTINCT")]
    + [(name, ()) for name in ("ATTR", "STDDEV_SAMPLE", "EARLIEST_BY_OFFSET", "LATEST_BY_OFFSET")]
    + [("TOPK", (2,)), ("TOPKDISTINCT", (2,)), ("LATEST_BY_OFFSET", (3,))],
)
@given(one=st.lists(st.none() | st.integers(-9, 9), max_size=5), two=st.lists(st.integers(-9, 9), max_size=5))
def test_merged_sessions_are_as_if_they_had_always_been_one(
    name: str, constants: tuple[Any, ...], one: list[int | None], two: list[int]
) -> None:
    aggregate = find_aggregate(name, [INT], constants)
    states = [after(aggregate, [(value,) for value in values]) for values in (one, two)]
    merged = aggregate.merge(aggregate.merge(aggregate.initial(), states[0]), states[1])
    expected = aggregate.result(after(aggregate, [(value,) for value in [*one, *two]]))
    found = aggregate.result(merged)
    assert found == pytest.approx(expected) if isinstance(expected, float) else found == expected


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=9))
def test_deviations_are_those_of_the_statisticians(values: list[int]) -> None:
    assert made("STDDEV_SAMP", [INT], values) == pytest.approx(statistics.variance(values))
    assert made("STDDEV_SAMPLE", [INT], values) == pytest.approx(statistics.stdev(values))


def test_the_last_value_stays_the_last_when_states_come_back_from_a_store() -> None:
    stored = find_aggregate("LATEST_BY_OFFSET", [INT])
    state = stored.add(stored.add(stored.initial(), 1), 2)
    restarted = find_aggregate("LATEST_BY_OFFSET", [INT])
    session = restarted.decode(stored.encode(state))
    newer = restarted.add(restarted.initial(), 3)
    assert restarted.result(restarted.merge(session, newer)) == 3


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(max_size=3)
        | st.binary(max_size=3)
        | st.floats(allow_nan=False)
        | st.decimals(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=3) | st.integers(0, 9) | st.just("$bytes"), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_a_state_survives_json(state: Any) -> None:
    again = decode(orjson.loads(orjson.dumps(encode(state))))
    assert repr(again) == repr(state)


def test_a_call_in_a_statement() -> None:
    node = resolved("EARLIEST_BY_OFFSET(I, 2, true)", aggregates=True)
    assert isinstance(node, Aggregation)
    assert (node.name, len(node.arguments), node.constants, str(node.type)) == (
        "EARLIEST_BY_OFFSET",
        1,
        (2, True),
        "ARRAY<INTEGER>",
    )
    assert set(AGGREGATES) >= {"COUNT", "SUM", "AVG", "MIN", "MAX", "TOPK", "HISTOGRAM", "ATTR", "SUM_LIST"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EARLIEST_BY_OFFSET(I, J)", "Parameter 2 passed to function EARLIEST_BY_OFFSET must be a literal constant"),
        ("EARLIEST_BY_OFFSET(I, 0)", "earliestN must be 1 or greater"),
        ("TOPK(I, 0)", "k must be 1 or greater"),
        ("SUM(COUNT())", "Aggregate functions can not be nested: SUM(COUNT())"),
        ("SUM(S)", "Function 'SUM' does not accept parameters (STRING)."),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        resolved(text, aggregates=True)
    assert words in str(refused.value)
    with pytest.raises(FunctionError):
        find_aggregate("NOPE", [])
