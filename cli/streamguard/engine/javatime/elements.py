"""The parts of a compiled pattern: each knows the regular expression of its text, how to read it and how to write it.

A regular expression stands for Java's reader, which never goes back: hence the atomic groups. Every element but
literals and optional sections has exactly one capturing group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from streamguard.engine.javatime.calendar import TimeError
from streamguard.engine.javatime.fields import NANO_OF_SECOND, Field, Moment, Unsupported
from streamguard.engine.javatime.zones import Zone, fixed, offset_of, offset_text, zone

NORMAL, NOT_NEGATIVE, EXCEEDS_PAD = range(3)
BASE_YEAR = 2000  # of years with two digits


class Found(dict[Field, int]):
    """The fields that a text gave, and its zone."""

    zone: Zone | None = None

    def give(self, field: Field, value: int) -> None:
        """Note a field; raises `TimeError` when it is there with another value."""
        if self.setdefault(field, value) != value:
            raise TimeError(f"Text could not be parsed: {field.name} is given twice")

    def give_zone(self, zone: Zone) -> None:
        """Note the zone; a region is worth more than an offset."""
        if self.zone is None or self.zone.region is None:
            self.zone = zone


Read = Callable[[Found, str], None]


class Element(Protocol):
    """A part of a pattern."""

    def regex(self) -> str: ...
    def readers(self) -> Iterator[Read]: ...
    def write(self, moment: Moment) -> str: ...


@dataclass(frozen=True)
class Literal:
    """Text that stands as it is."""

    text: str

    def regex(self) -> str:
        return re.escape(self.text)

    def readers(self) -> Iterator[Read]:
        return iter(())

    def write(self, moment: Moment) -> str:
        return self.text


@dataclass(frozen=True)
class Number:
    """A number of `least` to `most` digits; `after` digits belong to the numbers that follow without a gap."""

    field: Field
    least: int = 1
    most: int = 19
    sign: int = NORMAL
    after: int = 0

    @property
    def is_fixed(self) -> bool:
        """Whether a number before it must leave it its digits."""
        return self.least == self.most and self.sign == NOT_NEGATIVE

    def leaving(self, digits: int) -> Number:
        """The same, with so many more digits for what follows."""
        return replace(self, after=self.after + digits)

    def regex(self) -> str:
        ahead = f"(?=[0-9]{{{self.after}}})" if self.after else ""
        digits = f"[0-9]{{{self.least},{self.most}}}{ahead}"
        if self.sign == NOT_NEGATIVE:
            return f"(?>({digits}))"
        if self.sign == NORMAL:
            return f"(?>(-?{digits}))"
        exact = f"[0-9]{{{self.least}}}{ahead}(?![0-9]{{{self.after + 1}}})"
        return rf"(?>(\+[0-9]{{{self.least + 1},{self.most}}}{ahead}|-{digits}|{exact}))"

    def readers(self) -> Iterator[Read]:
        field = self.field
        yield lambda found, text: found.give(field, int(text))

    def write(self, moment: Moment) -> str:
        value = self.field.of(moment)
        text = str(abs(value))
        if len(text) > self.most:
            reason = f"as the value {value} exceeds the maximum print width of {self.most}"
            raise TimeError(f"Field {self.field.name} cannot be printed {reason}")
        padded = text.rjust(self.least, "0")
        if value < 0:
            return f"-{padded}"
        return f"+{padded}" if self.sign == EXCEEDS_PAD and len(text) > self.least else padded


@dataclass(frozen=True)
class Reduced(Number):
    """A year of two digits, from 2000 on."""

    def readers(self) -> Iterator[Read]:
        field = self.field
        yield lambda found, text: found.give(field, BASE_YEAR + int(text))

    def write(self, moment: Moment) -> str:
        return f"{abs(self.field.of(moment)) % 100:02}"


@dataclass(frozen=True)
class Fraction(Number):
    """The first digits of the nanoseconds."""

    def readers(self) -> Iterator[Read]:
        yield lambda found, text: found.give(NANO_OF_SECOND, int(text.ljust(9, "0")))

    def write(self, moment: Moment) -> str:
        return f"{NANO_OF_SECOND.of(moment):09}"[: self.most]


@dataclass(frozen=True)
class Text:
    """A field as a word."""

    field: Field
    words: Mapping[int, str]

    def regex(self) -> str:
        words = sorted(self.words.values(), key=len, reverse=True)
        return f"(?>({'|'.join(map(re.escape, words))}))"

    def readers(self) -> Iterator[Read]:
        field, values = self.field, dict[str, int]()
        for value, word in self.words.items():
            values.setdefault(word.lower(), value)
        yield lambda found, text: found.give(field, values[text.lower()])

    def write(self, moment: Moment) -> str:
        return self.words[self.field.of(moment)]


@dataclass(frozen=True)
class Offset:
    """``+02:00``: `expression` is its regular expression, `none` the text of no offset, `show` the text of others."""

    expression: str
    none: str
    show: Callable[[int], str]

    def regex(self) -> str:
        return f"(?>({self.expression}))"

    def readers(self) -> Iterator[Read]:
        yield lambda found, text: found.give_zone(fixed(offset_of(text)))

    def write(self, moment: Moment) -> str:
        seconds = _zone(moment, "OffsetSeconds").at(moment.ms)
        return self.show(seconds) if seconds else self.none


class ZeroOffset(Offset):
    """An offset that may be written as a word: ``Z`` or ``GMT``."""

    def readers(self) -> Iterator[Read]:
        def read(found: Found, text: str) -> None:
            bare = text.upper().removeprefix("GMT").removeprefix("Z")
            found.give_zone(fixed(offset_of(bare) if bare else 0))

        yield read


@dataclass(frozen=True)
class ZoneId:
    """``Europe/Paris``."""

    def regex(self) -> str:
        return r"(?>([+-][0-9:]*[0-9]|[A-Za-z](?:[A-Za-z0-9/_+:-]*[A-Za-z0-9])?))"

    def readers(self) -> Iterator[Read]:
        yield lambda found, text: found.give_zone(zone(text))

    def write(self, moment: Moment) -> str:
        return _zone(moment, "ZoneId").id


@dataclass(frozen=True)
class ZoneName:
    """``PST``, or ``Pacific Standard Time``: `full` maps short names to long ones, `zones` any name to a zone id."""

    full: Mapping[str, str]
    zones: Mapping[str, str]
    long: bool

    def regex(self) -> str:
        names = sorted((*self.zones, *self.full.values()), key=len, reverse=True)
        return f"(?>({'|'.join(map(re.escape, names))}|[A-Za-z]+/[A-Za-z0-9/_+-]*[A-Za-z0-9]))"

    def readers(self) -> Iterator[Read]:
        ids = {name.lower(): zone_id for name, zone_id in self.zones.items()}
        ids |= {name.lower(): self.zones[short] for short, name in self.full.items()}
        yield lambda found, text: found.give_zone(zone(ids.get(text.lower(), text)))

    def write(self, moment: Moment) -> str:
        name = _zone(moment, "ZoneId").short_name(moment.ms)
        return self.full.get(name, name) if self.long else name


def _zone(moment: Moment, name: str) -> Zone:
    if moment.zone is None:
        raise Unsupported(f"Unsupported field: {name}")
    return moment.zone


@dataclass(frozen=True)
class Padded:
    """The next element, filled up with spaces on the left."""

    inner: Element
    width: int

    def regex(self) -> str:
        return f"(?=.{{{self.width}}})\\ *{self.inner.regex()}"

    def readers(self) -> Iterator[Read]:
        return self.inner.readers()

    def write(self, moment: Moment) -> str:
        text = self.inner.write(moment)
        if len(text) > self.width:
            raise TimeError(f"Cannot print as output of {len(text)} characters exceeds pad width of {self.width}")
        return text.rjust(self.width)


@dataclass(frozen=True)
class Optional:
    """``[…]``: read when it fits, written when the moment has all its fields."""

    inner: Sequence[Element]

    def regex(self) -> str:
        return f"(?>{''.join(each.regex() for each in self.inner)})?+"

    def readers(self) -> Iterator[Read]:
        for each in self.inner:
            yield from each.readers()

    def write(self, moment: Moment) -> str:
        try:
            return "".join([each.write(moment) for each in self.inner])
        except Unsupported:
            return ""


def compact(seconds: int) -> str:
    """``+0200``."""
    return offset_text(seconds).replace(":", "")


def localized(seconds: int) -> str:
    """``GMT+2``, ``GMT+5:30``."""
    hours, rest = offset_text(seconds)[1:].split(":", 1)
    return f"GMT{'-' if seconds < 0 else '+'}{int(hours)}{'' if rest == '00' else ':' + rest}"
