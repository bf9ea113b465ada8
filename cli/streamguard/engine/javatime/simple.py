"""Dates as Java's older ``java.text.SimpleDateFormat`` reads them, which ksqlDB's PARSE_DATE still uses.

It is lenient: numbers may have fewer or more digits than letters, month 13 is the next January, text after the date is
not looked at, and what a text lacks is taken from 1970-01-01.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from streamguard.engine.javatime.calendar import MS_OF_DAY, TimeError, day_of_week, days_of
from streamguard.engine.javatime.letters import DAYS, MONTHS, ZONES
from streamguard.engine.javatime.zones import offset_of, zone

PIECES = re.compile(r"'((?:[^']|'')*)('?)|([A-Za-z])\3*|[^A-Za-z']+")
NUMBERS = "yYuMLwWDdFHkKhmsS"
CENTURY = 100
OLDEST = 1950
"""Years of two digits are the ones from here on; Java's window moves with the clock, ours must not."""
WORDS: dict[str, dict[str, int]] = {
    "M": {word.lower(): at for at, name in enumerate(MONTHS, 1) for word in (name, name[:3])},
    "E": {word.lower(): at for at, name in enumerate(DAYS, 1) for word in (name, name[:3])},
    "a": {"am": 0, "pm": 1},
    "G": {"bc": 0, "ad": 1},
}
WORDS["L"] = WORDS["M"]
UNITS = {"H": 3_600_000, "m": 60_000, "s": 1000, "S": 1}
Fields = dict[str, int]
Step = Callable[[str, int, Fields], int]


class SimplePattern:
    """A pattern of ``SimpleDateFormat``."""

    def __init__(self, text: str) -> None:
        self.steps = _steps(text)

    def date(self, text: str) -> int:
        """Days since 1970 of the date at the start of a text.

        Raises:
            TimeError: the text does not fit, or it gives a time too.
        """
        fields: Fields = {}
        at = 0
        for step in self.steps:
            at = step(text, at, fields)
        days, rest = divmod(_days(fields) * MS_OF_DAY + _time(fields), MS_OF_DAY)
        if rest:
            raise TimeError("Date format contains time field.")
        return days


@lru_cache(maxsize=1024)
def simple_pattern(text: str) -> SimplePattern:
    """The compiled pattern.

    Raises:
        TimeError: Java refuses it too.
    """
    return SimplePattern(text)


def _steps(pattern: str) -> list[Step]:
    made: list[Step] = []
    pieces = list(PIECES.finditer(pattern))
    for number, piece in enumerate(pieces):
        letter = piece[3]
        if letter is None:
            made.append(_literal(_unquoted(piece)))
            continue
        following = pieces[number + 1][0] if number + 1 < len(pieces) else ""
        abuts = following[:1] != "" and following[0] in NUMBERS and not _is_word(following[0], len(following))
        made.append(_field(letter, len(piece[0]), abuts=abuts))
    return made


def _unquoted(piece: re.Match[str]) -> str:
    if piece[1] is None:
        return piece[0]
    if not piece[2]:
        raise TimeError("Unterminated quote")
    return piece[1].replace("''", "'") or "'"


def _is_word(letter: str, count: int) -> bool:
    return letter in "EaG" or (letter in "ML" and count >= 3)


def _literal(literal: str) -> Step:
    def step(text: str, at: int, _: Fields) -> int:
        if not text.startswith(literal, at):
            raise _unparseable(at)
        return at + len(literal)

    return step


def _unparseable(at: int) -> TimeError:
    return TimeError(f"Unparseable date: it does not fit at index {at}")


def _field(letter: str, count: int, *, abuts: bool) -> Step:
    if _is_word(letter, count):
        return _word("M" if letter == "L" else letter)
    if letter in "zZX":
        return _zone
    if letter not in NUMBERS:
        raise TimeError(f"Illegal pattern character '{letter}'")
    digits = re.compile(rf"[ \t]*([0-9]{{1,{count}}})" if abuts else r"[ \t]*(-?[0-9]{1,9})", re.ASCII)
    name = {"L": "M", "Y": "y"}.get(letter, letter)

    def step(text: str, at: int, fields: Fields) -> int:
        found = digits.match(text, at)
        if found is None:
            raise _unparseable(at)
        value = int(found[1])
        if name == "y" and count <= 2 and len(found[1]) == 2 and value >= 0:
            value += OLDEST - OLDEST % CENTURY + (CENTURY if value < OLDEST % CENTURY else 0)
        fields[name] = value
        return found.end()

    return step


def _word(letter: str) -> Step:
    words = re.compile("|".join(sorted(WORDS[letter], key=len, reverse=True)), re.ASCII | re.IGNORECASE)

    def step(text: str, at: int, fields: Fields) -> int:
        found = words.match(text, at)
        if found is None:
            raise _unparseable(at)
        fields[letter] = WORDS[letter][found[0].lower()]
        return found.end()

    return step


ZONE = re.compile(r"(?:GMT|UTC)?([+-][0-9]{1,2}(?::?[0-9]{2})?)|Z|" + "|".join(ZONES), re.ASCII | re.IGNORECASE)


def _zone(text: str, at: int, fields: Fields) -> int:
    found = ZONE.match(text, at)
    if found is None:
        raise _unparseable(at)
    name = found[0].upper()
    fields["Z"] = offset_of(found[1]) if found[1] else 0 if name == "Z" else zone(ZONES[name]).at(0)
    return found.end()


def _days(fields: Fields) -> int:
    year = fields.get("y", 1970)
    if fields.get("G") == 0:
        year = 1 - year
    if "D" in fields and not {"M", "d"} & fields.keys():
        return days_of(year, 1, 1) + fields["D"] - 1
    if "w" in fields and not {"M", "d"} & fields.keys():
        first = days_of(year, 1, 1)
        start = first - day_of_week(first) % 7
        return start + 7 * (fields["w"] - 1) + fields.get("E", fields.get("u", 7)) % 7
    more, month = divmod(fields.get("M", 1) - 1, 12)
    first = days_of(year + more, month + 1, 1)
    if "F" in fields and "d" not in fields:
        weekday = fields.get("E", fields.get("u", 7))
        return first + (weekday - day_of_week(first)) % 7 + 7 * (fields["F"] - 1)
    if "W" in fields and "d" not in fields:
        return first - day_of_week(first) % 7 + 7 * (fields["W"] - 1) + fields.get("E", fields.get("u", 7)) % 7
    return first + fields.get("d", 1) - 1


def _time(fields: Fields) -> int:
    ms = sum(fields.get(letter, 0) * unit for letter, unit in UNITS.items())
    if "k" in fields:
        ms += fields["k"] % 24 * UNITS["H"]
    if "h" in fields or "K" in fields:
        ms += (fields.get("K", fields.get("h", 0) % 12) + 12 * fields.get("a", 0)) * UNITS["H"]
    return ms - fields.get("Z", 0) * 1000
