"""JSON in texts, arrays, maps and lambdas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from streamguard.errors import AnalysisError
from tests.engine.functions.evaluate import kind, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("""EXTRACTJSONFIELD('{"a": {"b": [1, 2.50]}}', '$.a.b[1]')""", "2.50"),
        ("""EXTRACTJSONFIELD('{"a": "x"}', '$.a')""", "x"),
        ("""EXTRACTJSONFIELD('{"a": {"b": 1}}', '$.a')""", '{"b":1}'),
        ("""EXTRACTJSONFIELD('{"a b": 1}', '$[''a b'']')""", "1"),
        ("""EXTRACTJSONFIELD('{"a": 1}', '$.b.c')""", None),
        ("""EXTRACTJSONFIELD('', '$.a')""", None),
        ("IS_JSON_STRING('[1]')", True),
        ("IS_JSON_STRING('[1')", False),
        ("IS_JSON_STRING(S)", False),
        ("JSON_ARRAY_LENGTH('[1, [2, 3]]')", 2),
        ("""JSON_ARRAY_LENGTH('{"a": 1}')""", None),
        ("JSON_ARRAY_CONTAINS('[1, 2.5, \"x\", true, null]', 2.5E0)", True),
        ("JSON_ARRAY_CONTAINS('[1, 2]', '1')", False),
        ("JSON_ARRAY_CONTAINS('[true]', 1)", False),
        ("JSON_ARRAY_CONTAINS('[null]', null)", True),
        ("""JSON_CONCAT('{"a": 1}', '{"a": 2, "b": 3}')""", '{"a":2,"b":3}'),
        ("JSON_CONCAT('[1]', '2', S)", None),
        ("JSON_CONCAT('[1]', '2')", "[1,2]"),
        ("""JSON_KEYS('{"a": 1, "b": 2}')""", ["a", "b"]),
        ("""JSON_RECORDS('{"a": 1, "b": "x"}')""", {"a": "1", "b": "x"}),
        ("""JSON_ITEMS('[{"a": 1}, "x"]')""", ['{"a":1}', '"x"']),
        ("TO_JSON_STRING(STRUCT(a := 1, b := 'x'))", '{"A":1,"B":"x"}'),
        ("TO_JSON_STRING(ARRAY[1.50, null])", "[1.50,null]"),
        ("TO_JSON_STRING(MAP('k' := FROM_DAYS(0)))", '{"k":"1970-01-01"}'),
        ("TO_JSON_STRING(MAP('c' := 2, 'd' := 4))", '{"d":4,"c":2}'),
        ("TO_JSON_STRING(1E10)", "1.0E10"),
        ("TO_JSON_STRING(TO_BYTES('00', 'hex'))", '"AA=="'),
        ("TO_JSON_STRING(S)", "null"),
    ],
)
def test_json(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_a_text_that_is_not_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        value("EXTRACTJSONFIELD('{', '$.a')")
    with pytest.raises(ValueError, match="path"):
        value("EXTRACTJSONFIELD('{}', 'a')")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARRAY[1, 2, 3][1]", 1),
        ("ARRAY[1, 2, 3][-1]", 3),
        ("ARRAY[1, 2, 3][0]", None),
        ("ARRAY[1, 2, 3][4]", None),
        ("MAP('a' := 1)['b']", None),
        ("STRUCT(a := 1, b := STRUCT(c := 'x'))->b->c", "x"),
        ("ARRAY[1, '2', 2.5]", [Decimal("1.0"), Decimal("2.0"), Decimal("2.5")]),
        ("ARRAY['a', 1, true]", ["a", "1", "true"]),
        ("ARRAY[CAST('x' AS INT), 1]", [None, 1]),
        ("ARRAY_LENGTH(ARRAY[1, null])", 2),
        ("ARRAY_CONTAINS(ARRAY[1, null], null)", True),
        ("ARRAY_DISTINCT(ARRAY[2, 1, 2])", [2, 1]),
        ("ARRAY_EXCEPT(ARRAY[1, 2, 1, 3], ARRAY[2])", [1, 3]),
        ("ARRAY_INTERSECT(ARRAY[3, 1, 3], ARRAY[3, 4])", [3]),
        ("ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", [1, 2, 3]),
        ("ARRAY_CONCAT(ARRAY[1], ARRAY[1, 2])", [1, 1, 2]),
        ("ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", [2]),
        ("ARRAY_MAX(ARRAY[1, null, 3])", 3),
        ("ARRAY_MIN(ARRAY['b', 'a'])", "a"),
        ("ARRAY_SORT(ARRAY[3, null, 1])", [1, 3, None]),
        ("ARRAY_SORT(ARRAY[3, null, 1], 'desc')", [3, 1, None]),
        ("ARRAY_JOIN(ARRAY['a', null, 'b'], '-')", "a-null-b"),
        ("ARRAY_JOIN(ARRAY[true, false])", "true,false"),
        ("SLICE(ARRAY[1, 2, 3], 2, 3)", [2, 3]),
        ("SLICE(ARRAY[1, 2, 3], null, 2)", [1, 2]),
        ("GENERATE_SERIES(1, 3)", [1, 2, 3]),
        ("GENERATE_SERIES(5, 1, -2)", [5, 3, 1]),
        ("AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2])", {"a": 1, "b": 2}),
        ("MAP_UNION(MAP('a' := 1), MAP('a' := 2, 'b' := 3))", {"a": 2, "b": 3}),
        ("MAP_KEYS(MAP('b' := 1, 'a' := 2))", ["a", "b"]),
        ("MAP_VALUES(MAP('b' := 1, 'a' := 2))", [2, 1]),
        ("ENTRIES(MAP('b' := 1, 'a' := 2), true)", [{"K": "a", "V": 2}, {"K": "b", "V": 1}]),
    ],
)
def test_arrays_maps_and_structs(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TRANSFORM(L, x => x * 2 + I)", [3, 5]),
        ("TRANSFORM(M, (k, v) => UCASE(k), (k, v) => v + 1)", {"A": 2, "B": 3}),
        ("FILTER(L, x => x > 1)", [2]),
        ("FILTER(M, (k, v) => k = 'b')", {"b": 2}),
        ("REDUCE(L, 10, (s, x) => s + x)", 13),
        ("REDUCE(M, '', (s, k, v) => s + k + CAST(v AS STRING))", "a1b2"),
        ("TRANSFORM(L, x => TRANSFORM(L, y => x * y))", [[1, 2], [2, 4]]),
        ("TRANSFORM(L, i => i)", [1, 2]),
        ("FILTER(TRANSFORM(L, x => x + 1), x => x > 2)[1]", 3),
    ],
)
def test_lambdas(text: str, expected: Any) -> None:
    assert value(text, {"L": [1, 2], "M": {"a": 1, "b": 2}, "I": 1}) == expected


def test_types_inside_lambdas() -> None:
    assert kind("TRANSFORM(L, x => CAST(x AS STRING))") == "ARRAY<STRING>"
    assert kind("TRANSFORM(M, (k, v) => v, (k, v) => k)") == "MAP<INTEGER, STRING>"
    assert kind("REDUCE(L, 0E0, (s, x) => s + x)") == "DOUBLE"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ARRAY[null]", "all NULL elements"),
        ("MAP('a' := null)", "all NULL values"),
        ("ARRAY[1, 'x']", 'invalid input syntax for type INTEGER: "x"'),
        ("ARRAY[1, true]", "operator does not exist: INTEGER = BOOLEAN (true)"),
        ("L['a']", "whole number"),
        ("I[1]", "array or map"),
        ("I->x", "Expected STRUCT"),
        ("ST->h", "Could not find field 'H'"),
        ("TRANSFORM(L, (x, y) => x)", "does not accept parameters"),
        ("REDUCE(L, 0, (s, x) => 'a')", "must return INTEGER"),
        ("TRANSFORM(L, x => z)", "column 'Z' cannot be resolved"),
    ],
)
def test_refusals(text: str, part: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        value(text)
    assert part in str(refused.value)
