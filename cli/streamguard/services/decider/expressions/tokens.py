"""The words of an expression: numbers, texts, names and signs, each with its place."""

from __future__ import annotations

import re
from typing import NamedTuple

from streamguard.errors import RuleError

LONGEST = 4_000
"""Characters of an expression."""
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null", "true", "false"})
END = "end"

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z_.0-9]))
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<sign>==|!=|<=|>=|(?:<(?!>)|>)|[-+*/%(),\[\]])""",
    re.VERBOSE,
)
_FIXES = {
    "=": "write == to compare",
    "&&": "write and",
    "||": "write or",
    "<>": "write !=",
    "!": "write not, or != to compare",
    "'": "end the text with another '",
    '"': 'end the text with another "',
    "{": "a list is written in [ ]",
    ".": "write 0.5, with a digit in front",
    "^": "there are no powers: multiply",
}
_CURLY = dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", "put texts into ' or \"")


class Token(NamedTuple):
    """`kind` is ``number``, ``text``, ``name``, ``end``, or the keyword or sign itself; `at` counts characters from 0.

    The value of a text is without its quotes.
    """

    kind: str
    value: str
    at: int


def tokenize(expression: str) -> list[Token]:
    """All tokens, the last one of the kind ``end``. Raises RuleError."""
    if len(expression) > LONGEST:
        raise RuleError(f"{len(expression):,} characters are too many: up to {LONGEST:,} are possible", LONGEST)
    tokens, at = [], 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise _refusal(expression, at)
        if found.lastgroup != "space":
            tokens.append(_token(str(found.lastgroup), found.group(), at))
        at = found.end()
    return [*tokens, Token(END, "", at)]


def _token(group: str, word: str, at: int) -> Token:
    if group == "text":
        return Token(group, word[1:-1].replace(word[0] * 2, word[0]), at)
    if group == "sign" or word in KEYWORDS:
        return Token(word, word, at)
    return Token(group, word, at)


def _refusal(expression: str, at: int) -> RuleError:
    sign = expression[at : at + 2] if expression[at : at + 2] in _FIXES else expression[at]
    if sign.isascii() and sign.isdigit():
        return RuleError("no number: write it like 3000, 0.5 or 1e6, and names not with a digit in front", at)
    fix = _FIXES.get(sign) or _CURLY.get(sign) or "an expression has numbers, texts in quotes, names and operators"
    return RuleError(f"unexpected {sign!r}: {fix}", at)
