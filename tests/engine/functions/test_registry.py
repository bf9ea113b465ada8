"""Which function a call means, and the words of a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamguard.engine import functions
from streamguard.engine.execution.emit import FAILURES
from streamguard.engine.functions import answers
from streamguard.engine.functions.listing import find, listed
from streamguard.engine.functions.registry import Overload
from streamguard.engine.functions.signatures import LambdaOf, parse, written
from streamguard.engine.language import types as t
from streamguard.errors import AnalysisError
from tests.engine.functions.evaluate import kind, value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NOPE(1)", "Can't find any functions with the name 'NOPE'"),
        ("SUBSTR('a', 1)", "(did you mean SUBSTRING?)"),
        (
            "ABS('a')",
            "Function 'abs' does not accept parameters (STRING).\nValid alternatives are:\nabs(INTEGER val)\n",
        ),
        ("GREATEST()", "Function 'greatest' does not accept parameters ()."),
        (
            "GREATEST(I, B)",
            "Function 'greatest' cannot be resolved due to ambiguous method parameters (INTEGER, BIGINT).",
        ),
        ("LEAST(null, null)", "ambiguous method parameters (null, null)."),
        ("COALESCE()", "Function 'COALESCE' does not accept parameters ()"),
        ("COALESCE(I, S)", "Function 'COALESCE' does not accept parameters (INTEGER, STRING)"),
        ("DATEADD(1, 2, DA)", "Function 'dateadd' does not accept parameters (INTEGER, INTEGER, DATE)."),
        ("SUM(I)", "Aggregate functions are not allowed in the SELECT clause: SUM"),
    ],
)
def test_refusals_have_ksqldbs_words(text: str, words: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        value(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("SQRT(E)", {"E": 4}, 2.0),
        ("FROM_UNIXTIME(I)", {"I": 5}, 5),
        ("GREATEST(DA, '1970-01-03')", {"DA": 1}, 2),
        ("IFNULL(CAST(S AS INT), 0)", {"S": "x"}, 0),
        ("COALESCE(null, I, 3)", {}, 3),
        ("NULLIF(I, 1)", {"I": 1}, None),
        ("IFNULL(I / 0, -1)", {"I": 1}, -1),
    ],
)
def test_arguments_are_cast_and_one_that_fails_is_null_where_nulls_are_taken(
    text: str, row: dict[str, Any], expected: Any
) -> None:
    assert value(text, row) == expected


def test_generic_functions_return_what_they_are_given() -> None:
    assert kind("COALESCE(null, L)") == "ARRAY<INTEGER>"
    assert kind("IFNULL(ST, null)") == "STRUCT<`F` INTEGER, `G` STRING>"


def test_a_signature_prints_as_it_is_written() -> None:
    text = "(ARRAY<DECIMAL> a, MAP<K, V>... b, LAMBDA (T, U) => V f)"
    assert str(parse(f"{text} -> T")) == text


def test_every_function_is_described() -> None:
    names = [each.name for each in listed()]
    assert len(names) == len(set(names)) >= 149
    for each in listed():
        assert each.description, each.name
        assert each.signatures, each.name
    substring = find("substring")
    assert substring is not None
    assert substring.variants()[0] == "SUBSTRING(STRING value, INTEGER pos) -> STRING"


def test_answers_of_show_and_describe_have_ksqldbs_form() -> None:
    shown = answers.names()
    assert {"name": "LEN", "type": "SCALAR", "category": "STRING"} in shown
    assert {"name": "EXPLODE", "type": "TABLE", "category": "TABLE"} in shown
    concat = find("CONCAT_WS")
    assert concat is not None
    described = answers.description(concat)
    assert (described["name"], described["type"], described["path"]) == ("CONCAT_WS", "SCALAR", "internal")
    assert described["functions"][0]["returnType"] == "STRING"
    assert described["functions"][0]["arguments"] == [
        {"name": "separator", "type": "STRING", "description": "", "isVariadic": False},
        {"name": "inputs", "type": "STRING", "description": "", "isVariadic": True},
    ]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "DOUBLE": st.floats(),
    "DECIMAL": st.decimals(-10000, 10000, places=2),
    "STRING": st.text(max_size=5) | st.sampled_from(["hex", "$.a", "yyyy", "UTC", "[1]", '{"a":2}', "http://a/b?c=d"]),
    "BYTES": st.binary(max_size=9),
    "DATE": st.integers(-(2**31), 2**31 - 1),
    "TIME": st.integers(0, 86_399_999),
    "TIMESTAMP": st.integers(-(2**63), 2**63 - 1),
    "INTERVALUNIT": st.sampled_from(["DAYS", "MILLISECOND"]),
}
SIZE = t.Decimal(7, 2)


def given_type(wanted: Any) -> Any:
    """A type that fits a parameter's."""
    if isinstance(wanted, t.Array):
        return t.Array(given_type(wanted.element))
    if isinstance(wanted, t.Map):
        return t.Map(given_type(wanted.key), given_type(wanted.value))
    if wanted == t.Scalar("DECIMAL"):
        return SIZE
    name = t.base(wanted)
    return t.STRING if len(name) == 1 or name in ("ANY", "STRUCT") else wanted


def values_of(kind: t.Type) -> st.SearchStrategy[Any]:
    if isinstance(kind, t.Array):
        return st.lists(st.none() | values_of(kind.element), max_size=3)
    if isinstance(kind, t.Map):
        return st.dictionaries(values_of(kind.key), st.none() | values_of(kind.value), max_size=3)
    return VALUES[t.base(kind)]


OVERLOADS = [
    pytest.param(name, overload, id=f"{name}{overload.signature}")
    for name, function in functions.FUNCTIONS.items()
    for overload in function.overloads
    if not any(isinstance(parameter.type, LambdaOf) for parameter in overload.signature.parameters)
]


@pytest.mark.parametrize(("name", "overload"), OVERLOADS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_function_gives_a_value_of_its_type_or_a_failure(name: str, overload: Overload, data: st.DataObject) -> None:
    types = [given_type(parameter.type) for parameter in overload.signature.parameters]
    found = functions.find(name, types)
    arguments = []
    for index, each in enumerate(types):
        argument = data.draw(values_of(each) if not found.nulls else st.none() | values_of(each))
        prepare = found.prepare.get(index)
        try:
            arguments.append(argument if prepare is None or argument is None else prepare(argument))
        except FAILURES:
            return
    try:
        made = found.run(*arguments)
    except FAILURES:
        return
    python = {"BOOLEAN": bool, "INTEGER": int, "BIGINT": int, "DOUBLE": float, "STRING": str, "BYTES": bytes}
    expected = python.get(written(found.type))
    assert made is None or expected is None or type(made) is expected
    if found.type == t.INTEGER and made is not None:
        assert -(2**31) <= made < 2**31
