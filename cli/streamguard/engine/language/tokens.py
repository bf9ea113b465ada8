"""Text to tokens: names, quoted names, strings, numbers, symbols, each with its place.

Unquoted names are upper-cased, quoted ones (`x` or "x") kept. A quote is doubled inside its own kind of quotes. ``--``
and ``/* */`` are comments. ``${name}`` is replaced before the text is cut, see `substitute`.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from streamguard.engine.language.places import Place, excerpt, meant
from streamguard.errors import ParseError

NAME, QUOTED, STRING, INTEGER, DECIMAL, DOUBLE, SYMBOL, END = (
    "name",
    "quoted",
    "string",
    "integer",
    "decimal",
    "double",
    "symbol",
    "end",
)

PATTERN = re.compile(
    r"""
      (?P<space>   \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<double>  (?: \d+ (?:\.\d*)? | \.\d+ ) [eE][+-]?\d+ )
    | (?P<decimal> \d+\.\d* | \.\d+ )
    | (?P<name>    \d*[A-Za-z_][A-Za-z0-9_@]* )
    | (?P<integer> \d+ )
    | (?P<string>  '(?:[^']|'')*' )
    | (?P<quoted>  `(?:[^`]|``)*` | "(?:[^"]|"")*" )
    | (?P<variable> \$\{[^}\n]*\} )
    | (?P<symbol>  -> | => | := | <> | != | <= | >= | \|\| | [-+*/%=<>.,;()\[\]{}:] )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9_]+)\s*\}")
WORD = re.compile(
    r"""
      -? (?: \d+ (?:\.\d*)? | \.\d+ ) (?:[eE][+-]?\d+)?
    | \w[\w@]*
    | '(?:[^']|'')*' | `(?:[^`]|``)*` | "(?:[^"]|"")*"
    """,
    re.VERBOSE | re.ASCII,
)
LONGEST_NUMBER = 400  # digits; Python refuses to read an int of some thousands
UNFINISHED = {"'": "this string has no closing '", "`": "this name has no closing `", '"': 'this name has no closing "'}


@dataclass(frozen=True)
class Token:
    """`value` is what it means (an upper-cased or unquoted name, the text of a string); `text` what was written."""

    kind: str
    value: str
    text: str
    place: Place


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Replace each ``${name}`` that `variables` has, in any case; leave the others, and those in comments.

    A value can be one name, number, string, TRUE, FALSE or NULL; in a string or quoted name it can be any text. It
    never ends what it stands in: quotes in it are doubled.

    Raises:
        ParseError: a value that is more than one word, as ``1 OR 1 = 1``.
    """
    known = {name.upper(): value for name, value in variables.items()}
    made: list[str] = []
    at = 0
    while known and at < len(text):
        found = PATTERN.match(text, at)
        piece = found[0] if found else text[at]
        kind = found.lastgroup if found else ""
        if kind in (STRING, QUOTED):
            made.append(VARIABLE.sub(partial(_inside, known, piece[0]), piece))
        elif kind == "variable" and (name := VARIABLE.fullmatch(piece)) and name[1].upper() in known:
            made.append(_word(known[name[1].upper()], piece, text, at))
        else:
            made.append(piece)
        at += len(piece)
    return "".join(made) if known else text


def refuse_undefined(text: str, known: Collection[str], where: str) -> None:
    """Refuse a ``${name}`` that is not known, in a string too; ksqlDB would leave that as it stands.

    `known` are names in upper case; `where` says what defines one.

    Raises:
        ParseError: the first that is not, with its place.
    """
    for found in PATTERN.finditer(text):
        if found.lastgroup not in (STRING, QUOTED, "variable"):
            continue
        for each in VARIABLE.finditer(text, found.start(), found.end()):
            if each[1].upper() not in known:
                place = _place(_lines(text), each.start(), len(each[0]))
                hint = meant(each[1], map(str.lower, known))
                reason = f"variable {each[0]} is not defined{hint}: {where}"
                raise ParseError(reason, line=place.line, column=place.column, excerpt=excerpt(text, place))


def variables_in(text: str) -> set[str]:
    """The names of the variables that a text uses, in upper case; not those in comments."""
    pieces = (each for each in PATTERN.finditer(text) if each.lastgroup in (STRING, QUOTED, "variable"))
    return {name.upper() for each in pieces for name in VARIABLE.findall(each[0])}


def _inside(known: Mapping[str, str], quote: str, name: re.Match[str]) -> str:
    value = known.get(name[1].upper())
    return name[0] if value is None else value.replace(quote, quote * 2)


def _word(value: str, variable: str, text: str, at: int) -> str:
    if WORD.fullmatch(value.strip()):
        return value
    place = _place(_lines(text), at, len(variable))
    reason = f"the value of {variable} must be one name, number or quoted string, not {value!r}"
    raise ParseError(reason, line=place.line, column=place.column, excerpt=excerpt(text, place))


def tokenize(text: str) -> list[Token]:
    """Cut the whole text; the last token is of kind `END`.

    Raises:
        ParseError: a character that starts no token, or a string, name or comment that does not end.
    """
    lines = _lines(text)
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = PATTERN.match(text, at)
        endless = text.startswith("/*", at) and found is not None and found.lastgroup == SYMBOL
        if found is None or endless or found.lastgroup == "variable":
            raise _refusal(
                text, at, None if endless else found, _place(lines, at, 1 if found is None else found.end() - at)
            )
        kind = str(found.lastgroup)
        if kind in (INTEGER, DECIMAL, DOUBLE) and len(found[0]) > LONGEST_NUMBER:
            place = _place(lines, at, found.end() - at)
            reason = f"a number has at most {LONGEST_NUMBER} digits"
            raise ParseError(reason, line=place.line, column=place.column, excerpt=excerpt(text, place))
        if kind != "space":
            tokens.append(Token(kind, _value(kind, found[0]), found[0], _place(lines, at, found.end() - at)))
        at = found.end()
    return [*tokens, Token(END, "", "", _place(lines, at, 1))]


def _lines(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer("\n", text))]


def _place(lines: list[int], at: int, length: int) -> Place:
    line = bisect.bisect_right(lines, at)
    return Place(line, at - lines[line - 1] + 1, at, at + length)


def _value(kind: str, text: str) -> str:
    if kind == NAME:
        return text.upper()
    if kind in (STRING, QUOTED):
        quote = text[0]
        return text[1:-1].replace(quote * 2, quote)
    return text


def _refusal(text: str, at: int, found: re.Match[str] | None, place: Place) -> ParseError:
    if found is not None:
        reason = f"variable {found[0]} is not defined (DEFINE it, or pass it with the statement)"
    elif text.startswith("/*", at):
        reason = "this comment has no closing */"
    else:
        reason = UNFINISHED.get(text[at], f"{text[at]!r} can not stand here")
    return ParseError(reason, line=place.line, column=place.column, excerpt=excerpt(text, place))
