"""What differs between the records that were expected and those that were written, in lines for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any

LONGEST = 300  # characters of a record that are shown


@dataclass(frozen=True)
class Wanted:
    """A record that is expected. `time` None: any; `window` is start and end; `some`: other fields do not count."""

    key: Any
    value: Any
    time: int | None = None
    window: tuple[int, int] | None = None
    some: bool = False


@dataclass(frozen=True)
class Written:
    """A record that was written, as values."""

    key: Any
    value: Any
    time: int
    window: tuple[int, int] | None = None


def differences(topic: str, wanted: Sequence[Wanted], written: Sequence[Written]) -> list[str]:
    """A few lines for each record that is missing, was not expected, or is not what was expected; in order."""
    pairs = SequenceMatcher(None, *_marked(wanted, written), autojunk=False)
    lines: list[str] = []
    for tag, first, last, begin, end in pairs.get_opcodes():
        if tag == "equal":
            continue
        both = min(last - first, end - begin)
        for offset in range(both):
            lines += _changed(topic, begin + offset + 1, wanted[first + offset], written[begin + offset])
        for record in wanted[first + both : last]:
            lines.append(f"{topic}: missing after {end} records\n  - {_cut(_shown(record))}")
        for number, other in enumerate(written[begin + both : end], start=begin + both + 1):
            lines.append(f"{topic}: record {number} is not expected\n  + {_cut(_shown(other))}")
    return lines


def _marked(wanted: Sequence[Wanted], written: Sequence[Written]) -> tuple[list[int], list[int]]:
    """Each record as a number; one that is expected and one that was written have the same when they match."""
    marks = list(range(len(wanted)))
    for number, record in enumerate(wanted):
        marks[number] = next((marks[n] for n in range(number) if wanted[n] == record), number)
    made = []
    for place, other in enumerate(written):
        order = [place, *range(len(wanted))] if place < len(wanted) else range(len(wanted))
        made.append(next((marks[n] for n in order if not _parts(wanted[n], other)), -1 - place))
    return marks, made


def _changed(topic: str, number: int, wanted: Wanted, written: Written) -> list[str]:
    parts = _parts(wanted, written)
    told = "; ".join(parts[:5]) + (f"; and {len(parts) - 5} more" if len(parts) > 5 else "")
    shown = (_shown(wanted), _shown(written))
    short = max(map(len, shown)) <= LONGEST  # of longer ones the parts say enough
    return [f"{topic}, record {number}: {told}" + (f"\n  - {shown[0]}\n  + {shown[1]}" if short else "")]


def _parts(wanted: Wanted, written: Written) -> list[str]:
    """What differs between two records: ``AMOUNT is 10.0, not 12.5``."""
    parts = compared("the key", wanted.key, written.key)
    if wanted.window != written.window:
        parts.append(f"the window is {_window(written.window)}, not {_window(wanted.window)}")
    if wanted.time not in (None, written.time):
        parts.append(f"the time is {written.time}, not {wanted.time}")
    return parts + compared("", wanted.value, written.value, some=wanted.some)


def compared(name: str, wanted: Any, written: Any, *, some: bool = False) -> list[str]:
    """What differs between two values; `name` is what they are called, "" for a record's value."""
    if isinstance(wanted, Mapping) and isinstance(written, Mapping):
        return _fields(name, wanted, written, some=some)
    if isinstance(wanted, list) and isinstance(written, list) and len(wanted) == len(written):
        pairs = enumerate(zip(wanted, written, strict=True), start=1)
        return [part for number, (one, other) in pairs for part in compared(f"{name}[{number}]", one, other)]
    if same(wanted, written):
        return []
    return [f"{name or 'the value'} is {_text(written)}, not {_text(wanted)}"]


def _fields(name: str, wanted: Mapping[str, Any], written: Mapping[str, Any], *, some: bool) -> list[str]:
    """A field is looked up as it is written, then in upper case."""
    parts: list[str] = []
    seen: set[str] = set()
    for field, value in wanted.items():
        found = field if field in written else str(field).upper()
        seen.add(found)
        path = f"{name}->{found}" if name else found
        parts += compared(path, value, written[found]) if found in written else [f"there is no {path}"]
    if not some:
        more = [field for field in written if field not in seen]
        parts += [f"{f'{name}->' if name else ''}{field} is not expected" for field in more]
    return parts


def same(wanted: Any, written: Any) -> bool:
    """Whether two plain values are the same; numbers by value, so 1 is 1.0, and TRUE is no number."""
    numbers = (int, float, Decimal)
    if isinstance(wanted, bool) or isinstance(written, bool):
        return wanted is written
    if isinstance(wanted, numbers) and isinstance(written, numbers):
        return Decimal(str(wanted)) == Decimal(str(written)) or float(wanted) == float(written)
    return type(wanted) is type(written) and bool(wanted == written)


def _shown(record: Wanted | Written) -> str:
    shown: dict[str, Any] = {} if record.key is None else {"key": record.key}
    if record.window is not None:
        shown["window"] = list(record.window)
    if record.time is not None:
        shown["time"] = record.time
    return _text({**shown, "value": record.value})


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _window(window: tuple[int, int] | None) -> str:
    return "none" if window is None else f"{window[0]} to {window[1]}"


def _text(value: Any) -> str:
    """JSON; decimals with the digits that they have."""
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            return (
                "{"
                + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_text(v)}" for name, v in value.items())
                + "}"
            )
        case list() | tuple():
            return "[" + ", ".join(map(_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False, default=repr)
