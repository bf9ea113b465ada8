from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import UnknownName
from streamguard.scaffold.answers import Answers, Field, check_pipeline, check_topic, read_fields


def test_fields_are_read_as_they_are_typed() -> None:
    assert read_fields(("amount:double", " Id : VARCHAR ", "n:integer")) == (
        Field("amount", "DOUBLE"),
        Field("Id", "STRING"),
        Field("n", "INT"),
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ((), "a field at least"),
        (("amount",), "amount has no type: amount:double"),
        (("amount:duoble",), "no type duoble .did you mean double"),
        (("amount:",), "no type"),
        (("1st:int",), "'1st' is no name of a field"),
        (("a b:int",), "'a b' is no name of a field"),
        (("_id:string",), "'_id' is no name of a field"),
        (("a:int", "A:int"), "a and A, the same to SQL"),
    ],
)
def test_a_field_that_is_none_is_refused(texts: tuple[str, ...], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        read_fields(texts)


@given(st.lists(st.text(max_size=12), max_size=3).map(tuple))
def test_no_text_breaks_the_reading_of_fields(texts: tuple[str, ...]) -> None:
    try:
        assert len(read_fields(texts)) == len(texts)
    except UnknownName as exc:
        assert str(exc)


@pytest.mark.parametrize("name", ["shared", "values", "worlds", "", "Refunds", "1st", "a.b", "../x", "a" * 41, "a\n"])
def test_a_name_that_no_pipeline_can_have_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="no name of a new pipeline"):
        check_pipeline(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "x" * 201, "a\n", "ü"])
def test_a_name_that_no_topic_can_have_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="no name of a topic"):
        check_topic(name)


def test_the_key_column_has_a_name_that_no_field_has() -> None:
    fields = (Field("RECORD_KEY", "STRING"), Field("record_key_", "INT"))
    assert Answers("p", "p", fields, "TRUE").key == "record_key__"


def test_a_name_that_sql_has_a_meaning_for_is_quoted() -> None:
    assert [Field(name, "INT").column for name in ("amount", "Amount", "select", "from")] == [
        "amount",
        "amount",
        "`SELECT`",
        "`FROM`",
    ]
