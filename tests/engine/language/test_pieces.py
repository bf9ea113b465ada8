"""Statements as they are typed, cut at semicolons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.language.parse import parse
from streamguard.engine.language.pieces import is_complete, pieces
from streamguard.errors import StatementError


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("", []),
        (" ;; -- nothing\n", []),
        ("show streams", ["show streams"]),
        ("a;b ; c", ["a;", "b ;", "c"]),
        ("SELECT ';' FROM `a;b` -- c;\n;", ["SELECT ';' FROM `a;b` -- c;\n;"]),
        ("/* a; */ a; 'it''s; b", ["a;", "'it''s; b"]),
        ("a /* b;", ["a /* b;"]),
    ],
)
def test_strings_names_and_comments_hold_semicolons(text: str, texts: list[str]) -> None:
    assert [piece.text for piece in pieces(text)] == texts


@pytest.mark.parametrize(
    ("text", "complete"), [("", True), ("a;", True), ("a; -- b", True), ("a", False), ("a; b", False), ("'a;", False)]
)
def test_a_text_is_complete_when_its_last_statement_has_ended(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


def test_first_words_tell_what_a_statement_is() -> None:
    assert [piece.words for piece in pieces("-- c\nrun script 'a'; /* */ Select 1;")] == [
        ("RUN", "SCRIPT"),
        ("SELECT",),
    ]


def test_a_padded_piece_keeps_its_lines_and_columns() -> None:
    text = "SHOW STREAMS;\n\n  CREATE STRAM a;"
    with pytest.raises(StatementError) as refused:
        parse(pieces(text)[1].padded)
    assert (refused.value.line, refused.value.column) == (3, 10)


@given(st.lists(st.sampled_from(["a", ";", "'", "''", "`", '"', "--", "\n", "/* ", " */", " ", "SELECT", "1.5", "é"])))
def test_nothing_but_space_and_comments_is_lost(words: list[str]) -> None:
    text = "".join(words)
    at = 0
    for piece in pieces(text):
        found = text.index(piece.text, at)
        assert (
            ";" in text[at:found]
            or not text[at:found].strip(" \n;")
            or text[at:found].lstrip(" \n;")[:2] in ("--", "/*")
        )
        at = found + len(piece.text)
    assert all(piece.ended for piece in pieces(text)[:-1])
