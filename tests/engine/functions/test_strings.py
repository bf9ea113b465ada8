"""Functions of texts and bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.values.operations import like_pattern
from tests.engine.functions.evaluate import value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LEN('abc')", 3),
        ("MD5('a')", "0cc175b9c0f1b6a831c399e269772661"),
        ("LEN('a😀')", 3),
        ("LEN(TO_BYTES('abc', 'utf8'))", 3),
        ("UCASE('aß')", "ASS"),
        ("LCASE('ÄB')", "äb"),
        ("TRIM(' \t x ')", "x"),
        ("INITCAP('the QUICK fox')", "The Quick Fox"),
        ("CONCAT('a', null, 'b')", "ab"),
        ("CONCAT_WS('-', 'a', null, 'b')", "a-b"),
        ("SUBSTRING('stream', 3)", "ream"),
        ("SUBSTRING('stream', -3, 2)", "ea"),
        ("SUBSTRING('stream', 0, 2)", "st"),
        ("SUBSTRING('stream', 9)", ""),
        ("SUBSTRING('stream', 2, -1)", ""),
        ("INSTR('banana', 'an')", 2),
        ("INSTR('banana', 'an', 3)", 4),
        ("INSTR('banana', 'an', 1, 2)", 4),
        ("INSTR('banana', 'an', -1)", 4),
        ("INSTR('banana', 'an', -1, 2)", 2),
        ("INSTR('banana', 'x')", 0),
        ("INSTR('banana', 'an', 0)", 0),
        ("LPAD('ab', 5, 'xyz')", "xyzab"),
        ("LPAD('abc', 2, 'x')", "ab"),
        ("RPAD('ab', 5, 'xyz')", "abxyz"),
        ("RPAD('ab', -1, 'x')", None),
        ("LPAD('ab', 5, '')", None),
        ("REPLACE('banana', 'an', 'o')", "booa"),
        ("SPLIT('a,,b', ',')", ["a", "", "b"]),
        ("SPLIT('ab', '')", ["a", "b"]),
        ("SPLIT_TO_MAP('a=1;b=2;c', ';', '=')", {"a": "1", "b": "2"}),
        ("ELT(2, 'a', 'b')", "b"),
        ("ELT(3, 'a', 'b')", None),
        ("FIELD('b', 'a', 'b')", 2),
        ("FIELD(null, 'a')", 0),
        ("CHR(75)", "K"),
        ("CHR('\\u004b')", "K"),
        ("CHR('\\ud83d\\ude00')", "😀"),
        ("CHR(-1)", None),
        ("ENCODE('4b73', 'hex', 'utf8')", "Ks"),
        ("ENCODE('Ks', 'utf8', 'base64')", "S3M="),
        ("ENCODE('0x4', 'hex', 'hex')", "04"),
        ("FROM_BYTES(TO_BYTES('4b', 'hex'), 'ascii')", "K"),
        ("INT_FROM_BYTES(TO_BYTES('00000102', 'hex'))", 258),
        ("BIGINT_FROM_BYTES(TO_BYTES('0201000000000000', 'hex'), 'LITTLE_ENDIAN')", 258),
        ("DOUBLE_FROM_BYTES(TO_BYTES('3ff8000000000000', 'hex'))", 1.5),
        ("MASK('My 12!')", "Xx-nn-"),
        ("MASK('My 12!', 'A', null, '9', '_')", "Ay_99_"),
        ("MASK_LEFT('abcd', 2)", "xxcd"),
        ("MASK_RIGHT('abcd', 1)", "abcx"),
        ("MASK_KEEP_LEFT('abcd', 1)", "axxx"),
        ("MASK_KEEP_RIGHT('abcd', 9)", "abcd"),
    ],
)
def test_results(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ENCODE('xyz', 'hex', 'utf8')",
        "ENCODE('a', 'rot13', 'utf8')",
        "LPAD('a', 2000000000, 'b')",
        "MASK_LEFT('a', -1)",
    ],
)
def test_what_fails_says_so_without_the_data(text: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|encodings|padded|non-negative"):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("REGEXP_EXTRACT('a(b+)', 'xabbb')", "abbb"),
        ("REGEXP_EXTRACT('a(b+)', 'xabbb', 1)", "bbb"),
        ("REGEXP_EXTRACT('a', 'xyz')", None),
        ("REGEXP_EXTRACT('a', 'a', 4)", None),
        ("REGEXP_EXTRACT('(?<first>\\p{Upper})\\k<first>', 'aBB')", "BB"),
        ("REGEXP_EXTRACT('\\Qa.b\\E', 'axb a.b')", "a.b"),
        ("REGEXP_EXTRACT('(?i)AB', 'xab')", "ab"),
        ("REGEXP_EXTRACT('\\w+', 'é ab')", "ab"),
        ("REGEXP_EXTRACT('[\\p{Digit}x]+', 'a1x2')", "1x2"),
        ("REGEXP_EXTRACT_ALL('(\\d)\\d', '12a34', 1)", ["1", "3"]),
        ("REGEXP_REPLACE('a1b22', '(\\d)+', '<$1>')", "a<1>b<2>"),
        ("REGEXP_REPLACE('ab', 'b', '\\$')", "a$"),
        ("REGEXP_SPLIT_TO_ARRAY('a1b22c', '\\d+')", ["a", "b", "c"]),
        ("REGEXP_SPLIT_TO_ARRAY('abc', '')", ["a", "b", "c"]),
    ],
)
def test_regular_expressions_are_javas(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("pattern", ["(", "[a&&[^b]]", "\\p{Nonsense}", "a{5,1}"])
def test_an_expression_that_is_none_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        value(f"REGEXP_EXTRACT('{pattern}', 'x')")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("URL_EXTRACT_HOST('https://me@Example.org:8080/a/b?q=1#top')", "Example.org"),
        ("URL_EXTRACT_PORT('https://example.org:8080/')", 8080),
        ("URL_EXTRACT_PORT('https://example.org/')", None),
        ("URL_EXTRACT_PATH('https://example.org/a%20b?q')", "/a b"),
        ("URL_EXTRACT_PROTOCOL('https://example.org')", "https"),
        ("URL_EXTRACT_QUERY('https://example.org?a=%20')", "a= "),
        ("URL_EXTRACT_FRAGMENT('https://example.org#x%21')", "x!"),
        ("URL_EXTRACT_PARAMETER('https://example.org?a=1&b=2+3', 'b')", "2 3"),
        ("URL_EXTRACT_PARAMETER('https://example.org?a=1', 'b')", None),
        ("URL_ENCODE_PARAM('a b&~*')", "a+b%26%7E*"),
        ("URL_DECODE_PARAM('a+b%26')", "a b&"),
    ],
)
def test_urls(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_a_text_that_is_no_url_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a URL"):
        value("URL_EXTRACT_HOST('http://a b')")


def naive_like(text: str, pattern: str) -> bool:
    """LIKE by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(naive_like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    if pattern[0] == "!" and len(pattern) > 1:
        return text[:1] == pattern[1] and naive_like(text[1:], pattern[2:])
    return bool(text) and pattern[0] in ("_", text[0]) and naive_like(text[1:], pattern[1:])


@given(st.text("ab%_\n.", max_size=6), st.text("ab%_.!", max_size=6).filter(lambda text: not text.endswith("!")))
def test_like_is_what_trying_everything_finds(text: str, pattern: str) -> None:
    assert (like_pattern(pattern, "!").fullmatch(text) is not None) == naive_like(text, pattern)
