"""Where a character of a text is in a YAML file, however the text is written there."""

from __future__ import annotations

import pytest
import yaml

from streamguard.services.decider.places import Places

LAST = "the last word is wrng"


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("a:\n  - b: the last word is wrng\n", (2, 25)),
        ("a:\n  - b:   'the last word is wrng' # a comment\n", (2, 28)),
        ('a: [{b: "the last word is wrng"}]\n', (1, 27)),
        ("a:\n  - b: the last\n      word is\n      wrng\n", (4, 7)),
        ("a:\n  - b: 'the last\n      word is wrng'\n", (3, 15)),
        ("a:\n  - b: >-\n      the last\n      word is wrng\n", (4, 15)),
        ("a:\n  - b: >\n      the last word is wrng\n    c: 1\n", (3, 24)),
        ("a:\n  - b: >-\n      the last word is wrng", (3, 24)),
        ("x: &x the last word is wrng\na: [{b: *x}]\n", (1, 24)),
        ('x: &x "the last word is wrng"\na: [{b: *x}]\n', (1, 25)),
        ('a: [{b: "the\\x20last word is wrng"}]\n', (1, None)),
        ("a:\n  - b: >-\n      the last\n\n      word is wrng\n", (2, None)),
        ("x: &x {b: the last word is wrng}\na:\n  - <<: *x\n", (3, None)),
    ],
)
def test_a_character_has_a_line_and_a_column(file: str, place: tuple[int, int | None]) -> None:
    text = yaml.safe_load(file)["a"][0]["b"].strip()
    assert " ".join(text.split()) == LAST
    assert Places(file).place(["a", 0, "b"], text.index("wrng")) == place


def test_lines_of_a_literal_block_are_kept_apart() -> None:
    file = "a:\n  b: |\n    one\n      two\n    three\n"
    text = yaml.safe_load(file)["a"]["b"]
    assert Places(file).place(["a", "b"], text.index("one")) == (3, 5)
    assert Places("a: |\n  one\n  two\n").place(["a"], 4) == (3, 3)


def test_a_part_begins_at_its_key_and_a_text_where_it_is_written() -> None:
    places = Places('a:\n  b: [1, {c: "x", d: }]\n  <<: {e: [2]}\n')
    assert places.start(["a"]) == (1, 1)
    assert places.start(["a", "b"]) == (2, 3)
    assert places.start(["a", "b", 0]) == (2, 7)
    assert places.start(["a", "b", 1]) == (2, 10)
    assert places.start(["a", "b", 1, "c"]) == (2, 14)
    assert places.start(["a", "b", 1, "c"], of_key=True) == (2, 11)
    assert places.start(["a", "b", 1, "d"]) == (2, 19)
    assert places.start(["a", "e", 0]) == (1, 1)
    assert Places("").start([]) == (1, 1)


def test_what_is_no_text_has_a_line() -> None:
    assert Places("a:\n  b: [1]\n").place(["a", "b"]) == (2, None)
    assert Places("").place(["a"]) == (1, None)
