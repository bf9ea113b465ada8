"""Pattern letters to elements: Java's ``DateTimeFormatterBuilder.appendPattern`` with its refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streamguard.engine.javatime import fields as f
from streamguard.engine.javatime.calendar import TimeError
from streamguard.engine.javatime.elements import (
    EXCEEDS_PAD,
    NORMAL,
    NOT_NEGATIVE,
    Element,
    Fraction,
    Literal,
    Number,
    Offset,
    Optional,
    Padded,
    Reduced,
    Text,
    ZeroOffset,
    ZoneId,
    ZoneName,
    compact,
    localized,
)
from streamguard.engine.javatime.zones import offset_text

MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SHORT, FULL, NARROW = 3, 4, 5
WORDS: dict[f.Field, dict[int, list[str]]] = {
    f.MONTH: {SHORT: [m[:3] for m in MONTHS], FULL: MONTHS, NARROW: [m[0] for m in MONTHS]},
    f.DAY_OF_WEEK: {SHORT: [d[:3] for d in DAYS], FULL: DAYS, NARROW: [d[0] for d in DAYS]},
    f.QUARTER: {
        SHORT: ["Q1", "Q2", "Q3", "Q4"],
        FULL: [f"{each} quarter" for each in ("1st", "2nd", "3rd", "4th")],
        NARROW: ["1", "2", "3", "4"],
    },
    f.ERA: {SHORT: ["BC", "AD"], FULL: ["Before Christ", "Anno Domini"], NARROW: ["B", "A"]},
    f.AMPM: {SHORT: ["AM", "PM"]},
}
FULL_NAMES = {"UTC": "Coordinated Universal Time", "GMT": "Greenwich Mean Time"}
ZONES = {"UTC": "UTC", "GMT": "GMT"}
for short, (kind, zone_id) in {
    "E": ("Eastern", "America/New_York"),
    "C": ("Central", "America/Chicago"),
    "M": ("Mountain", "America/Denver"),
    "P": ("Pacific", "America/Los_Angeles"),
    "AK": ("Alaska", "America/Anchorage"),
}.items():
    for part, word in {"S": "Standard", "D": "Daylight"}.items():
        FULL_NAMES[f"{short}{part}T"] = f"{kind} {word} Time"
        ZONES[f"{short}{part}T"] = zone_id
for short, (kind, zone_id) in {
    "WE": ("Western European", "Europe/Lisbon"),
    "CE": ("Central European", "Europe/Paris"),
    "EE": ("Eastern European", "Europe/Athens"),
}.items():
    for part, word in {"": "Standard", "S": "Summer"}.items():
        FULL_NAMES[f"{short}{part}T"] = f"{kind} {word} Time"
        ZONES[f"{short}{part}T"] = zone_id
FULL_NAMES |= {
    "BST": "British Summer Time",
    "HST": "Hawaii-Aleutian Standard Time",
    "IST": "India Standard Time",
    "JST": "Japan Standard Time",
}
ZONES |= {"BST": "Europe/London", "HST": "Pacific/Honolulu", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo"}

NUMBERS = {  # letter: field, and the most letters
    "d": (f.DAY_OF_MONTH, 2),
    "F": (f.ALIGNED_WEEK, 1),
    "H": (f.HOUR_OF_DAY, 2),
    "h": (f.CLOCK_HOUR_OF_HALF, 2),
    "K": (f.HOUR_OF_HALF, 2),
    "k": (f.CLOCK_HOUR, 2),
    "m": (f.MINUTE_OF_HOUR, 2),
    "s": (f.SECOND_OF_MINUTE, 2),
    "W": (f.WEEK_OF_MONTH, 1),
    "w": (f.WEEK_OF_YEAR, 2),
}
YEARS = {"y": f.YEAR_OF_ERA, "u": f.YEAR, "Y": f.WEEK_YEAR}
LONG = {"A": f.MILLI_OF_DAY, "n": f.NANO_OF_SECOND, "N": f.NANO_OF_DAY}
TEXTS = {"M": f.MONTH, "L": f.MONTH, "Q": f.QUARTER, "q": f.QUARTER, "e": f.DAY_OF_WEEK, "c": f.DAY_OF_WEEK}
HOURS, MINUTES, COLONS = (f"[+-][0-9]{{2}}{rest}" for rest in ("", "[0-9]{2}", ":[0-9]{2}"))
OFFSETS: dict[int, tuple[str, Callable[[int], str]]] = {
    1: (f"{HOURS}(?:[0-9]{{2}})?", lambda seconds: compact(seconds)[:5].removesuffix("00") if seconds else ""),
    2: (MINUTES, lambda seconds: compact(seconds)[:5]),
    3: (COLONS, lambda seconds: offset_text(seconds)[:6]),
    4: (f"{MINUTES}(?:[0-9]{{2}})?", compact),
    5: (f"{COLONS}(?::[0-9]{{2}})?", offset_text),
}
LOCAL_OFFSET = r"GMT(?:[+-][0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2})?)?)?"


def elements(text: str) -> list[Element]:
    """The pattern's parts.

    Raises:
        TimeError: Java refuses the pattern too.
    """
    return _Builder(text).built()


class _Builder:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open: list[list[Element]] = [[]]
        self.number: list[int] = [-1]  # per open section, where a number stands that the next one follows directly
        self.pad = 0

    def built(self) -> list[Element]:
        while self.at < len(self.text):
            self._next(self.text[self.at])
        while len(self.open) > 1:
            self._close()
        return self.open[0]

    def _next(self, character: str) -> None:
        if character.isascii() and character.isalpha():
            self._letters(character)
        elif character == "'":
            self._quoted()
        elif character == "[":
            self.number[-1] = -1
            self.open.append([])
            self.number.append(-1)
            self.at += 1
        elif character == "]":
            if len(self.open) == 1:
                raise TimeError("Pattern invalid as it contains ] without previous [")
            self._close()
            self.at += 1
        elif character in "{}#":
            raise TimeError(f"Pattern includes reserved character: '{character}'")
        else:
            self._append(Literal(character))
            self.at += 1

    def _close(self) -> None:
        inner = self.open.pop()
        self.number.pop()
        if inner:
            self._append(Optional(inner))

    def _append(self, element: Element) -> None:
        """Add a part; adjacent numbers of fixed width take their digits from the one before them."""
        padded, self.pad = self.pad, 0
        section, number = self.open[-1], self.number[-1]
        self.number[-1] = -1
        if padded:
            element = Padded(element, padded)
        elif isinstance(element, Number):
            self.number[-1] = len(section)
            before = section[number] if number >= 0 else None
            if element.is_fixed and isinstance(before, Number):
                section[number] = before.leaving(element.most)
                self.number[-1] = number
        section.append(element)

    def _quoted(self) -> None:
        end, made = self.at + 1, ""
        while True:
            close = self.text.find("'", end)
            if close < 0:
                raise TimeError(f"Pattern ends with an incomplete string literal: {self.text}")
            made += self.text[end:close]
            end = close + 1
            if self.text[end : end + 1] != "'":
                break
            made += "'"
            end += 1
        self.at = end
        self._append(Literal(made or "'"))

    def _run(self) -> tuple[str, int]:
        letter, start = self.text[self.at], self.at
        while self.at < len(self.text) and self.text[self.at] == letter:
            self.at += 1
        return letter, self.at - start

    def _letters(self, letter: str) -> None:
        letter, count = self._run()
        if letter == "p":
            following = self.text[self.at : self.at + 1]
            if not (following.isascii() and following.isalpha()):
                raise TimeError(f"Pad letter 'p' must be followed by valid pad pattern: {self.text}")
            self.pad = count
            letter, count = self._run()
        made = _element(letter, count)
        if made is None:
            raise TimeError(f"Unknown pattern letter: {letter}")
        self._append(made)


def _too_many(letter: str) -> TimeError:
    return TimeError(f"Too many pattern letters: {letter}")


def _element(letter: str, count: int) -> Element | None:
    if letter in YEARS:
        return _year(YEARS[letter], count)
    if letter in TEXTS:
        return _text_or_number(letter, TEXTS[letter], count)
    if letter in NUMBERS:
        field, most = NUMBERS[letter]
        if count > most:
            raise _too_many(letter)
        return Number(field) if count == 1 else Number(field, 2, 2, NOT_NEGATIVE)
    if letter in LONG:
        if count > 19:
            raise _too_many(letter)
        return Number(LONG[letter], count, 19, NOT_NEGATIVE)
    return OTHERS[letter](count) if letter in OTHERS else None


def _year(field: f.Field, count: int) -> Element:
    if count == 2:
        return Reduced(field, 2, 2, NOT_NEGATIVE)
    if count > 19:
        raise _too_many("y")
    return Number(field, count, 19, NORMAL if count < 4 else EXCEEDS_PAD)


def _text_or_number(letter: str, field: f.Field, count: int) -> Element:
    if count > NARROW:
        raise _too_many(letter)
    if count >= SHORT:
        return _text(field, count)
    if letter in "ec":
        if letter == "c" and count == 2:
            raise TimeError('Invalid pattern "cc"')
        field = f.LOCAL_DAY
    return Number(field) if count == 1 else Number(field, 2, 2, NOT_NEGATIVE)


def _text(field: f.Field, style: int) -> Element:
    first = 0 if field in (f.ERA, f.AMPM) else 1
    return Text(field, dict(enumerate(WORDS[field][style], first)))


def _styled(letter: str, field: f.Field, most: int, count: int) -> Element:
    if count > most:
        raise _too_many(letter)
    return _text(field, max(count, SHORT))


def _fraction(count: int) -> Element:
    if count > 9:
        raise TimeError(f"The minimum width must be from 0 to 9 inclusive but was {count}")
    return Fraction(f.NANO_OF_SECOND, count, count, NOT_NEGATIVE)


def _day_of_year(count: int) -> Element:
    if count > 3:
        raise _too_many("D")
    return Number(f.DAY_OF_YEAR) if count == 1 else Number(f.DAY_OF_YEAR, count, 3, NOT_NEGATIVE)


def _zone_id(count: int) -> Element:
    if count != 2:
        raise TimeError("Pattern letter count must be 2: V")
    return ZoneId()


def _zone_name(letter: str, count: int) -> Element:
    if count > 4:
        raise _too_many(letter)
    if letter == "v" and count not in (1, 4):
        raise TimeError(f"Wrong number of pattern letters: {letter}")
    return ZoneName(FULL_NAMES, ZONES, long=count == 4)


def _local_offset(count: int) -> Element:
    if count not in (1, 4):
        raise TimeError("Pattern letter count must be 1 or 4: O")
    show = localized if count == 1 else (lambda seconds: f"GMT{offset_text(seconds)}")
    return ZeroOffset(LOCAL_OFFSET, "GMT", show)


def _offset(letter: str, count: int) -> Element:
    if count > 5:
        raise _too_many(letter)
    expression, show = OFFSETS[count]
    if letter == "X":
        return ZeroOffset(f"Z|{expression}", "Z", show)
    return Offset(expression, "+00" if count == 1 else "+0000" if count % 2 == 0 else "+00:00", show)


def _zone_offset(count: int) -> Element:
    if count > 5:
        raise _too_many("Z")
    if count == 4:
        return _local_offset(4)
    return _offset("X", 5) if count == 5 else Offset(MINUTES, "+0000", OFFSETS[2][1])


OTHERS: dict[str, Callable[[int], Element]] = {
    "a": partial(_styled, "a", f.AMPM, 1),
    "D": _day_of_year,
    "E": partial(_styled, "E", f.DAY_OF_WEEK, 5),
    "G": partial(_styled, "G", f.ERA, 5),
    "g": lambda count: Number(f.JULIAN_DAY, count, 19, NORMAL),
    "O": _local_offset,
    "S": _fraction,
    "V": _zone_id,
    "v": partial(_zone_name, "v"),
    "X": partial(_offset, "X"),
    "x": partial(_offset, "x"),
    "Z": _zone_offset,
    "z": partial(_zone_name, "z"),
}
