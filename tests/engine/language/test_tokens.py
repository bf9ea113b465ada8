"""Text to tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.language.places import excerpt, meant
from streamguard.engine.language.tokens import END, PATTERN, substitute, tokenize
from streamguard.errors import ParseError


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.value) for token in tokenize(text)[:-1]]


def test_names_are_upper_cased_and_quoted_ones_kept() -> None:
    assert kinds('amount `amount` "a""b" 1r') == [
        ("name", "AMOUNT"),
        ("quoted", "amount"),
        ("quoted", 'a"b'),
        ("name", "1R"),
    ]


def test_numbers_are_whole_exact_or_double() -> None:
    assert kinds("1 1.5 .5 1e3 1.5E-2") == [
        ("integer", "1"),
        ("decimal", "1.5"),
        ("decimal", ".5"),
        ("double", "1e3"),
        ("double", "1.5E-2"),
    ]


def test_a_quote_is_doubled_in_a_string_and_comments_are_left_out() -> None:
    assert kinds("'it''s' -- not ' this\n/* nor ; this */ '--'") == [("string", "it's"), ("string", "--")]


def test_places_count_lines_and_columns_from_one() -> None:
    tokens = tokenize("a\n  bb")
    assert [(token.place.line, token.place.column) for token in tokens] == [(1, 1), (2, 3), (2, 5)]


@given(st.text(max_size=40))
def test_any_text_is_tokens_or_one_clean_refusal(text: str) -> None:
    try:
        tokens = tokenize(text)
    except ParseError as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        assert tokens[-1].kind == END
        assert all(token.text == text[token.place.start : token.place.end] for token in tokens[:-1])


@given(st.text(max_size=12).map(lambda text: "'" + text.replace("'", "''") + "'"))
def test_every_text_can_be_written_as_a_string(text: str) -> None:
    found = PATTERN.match(text)
    assert found is not None
    assert found[0] == text
    assert tokenize(text)[0].value == text[1:-1].replace("''", "'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("'a", "no closing '"), ("`a", "no closing `"), ("/* a", "no closing */"), ("a ? b", "'?' can not stand here")],
)
def test_what_is_no_token_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match="line 1, column") as caught:
        tokenize(text)
    assert reason in caught.value.reason


def test_variables_are_replaced_in_any_case_and_unknown_ones_left() -> None:
    assert substitute("${Max} '${max}' ${other}", {"MAX": "3"}) == "3 '3' ${other}"


def test_an_excerpt_points_at_the_place_even_in_a_very_long_line() -> None:
    text = "x, " * 200 + "wrong"
    place = tokenize(text)[-2].place
    shown = excerpt(text, place).splitlines()
    assert shown[1][shown[2].index("^") :] == "wrong"
    assert len(shown[1]) < 130


def test_what_was_meant_is_a_close_name() -> None:
    assert meant("amont", ["AMOUNT", "STATUS"]) == " (did you mean AMOUNT?)"
    assert meant("xyz", ["AMOUNT"]) == ""
