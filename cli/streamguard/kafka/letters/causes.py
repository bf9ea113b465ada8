"""Dead letters by cause, and the reasons of them as they may be printed.

An exception quotes the record that it was thrown for, with or without quotation marks, and whatever else its thrower
knew. Here what the record says is taken out of the reason. What only the caller can know of, such as the secrets of a
connector's config, the caller takes out: reasons are printed by a function that is an argument.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from streamguard.kafka.letters.reading import Letter, Replayed, Sender
from streamguard.kafka.tail import Record

Reason = Callable[[Letter], str]
"""The reason of a letter, as it may be printed."""

LONGEST_REASON = 300
REASONS = 20
"""Reasons of one exception at one stage that are told apart; more than that quote what differs for each record."""
GAP = "…"
NUMBER = re.compile(r"(?<![\w-])\d[\d.,]*(?<=\d)")
QUOTE = re.compile(r"(?<!\w)['\"]|[`{]")
"""Where an exception's message begins to quote the record."""
WORD = re.compile(r"\w(?:[\w@.+-]*\w)?")
SHORTEST = 3
"""Characters of a word that is looked for in the record."""
LONG_NUMBER = re.compile(r"\d[\d.,:E+/-]{4,}\d")
"""A number of an account or a date of birth, written in another way than in the record."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"(?P<name>\s*:)?|\\?\Z)', re.DOTALL)
"""A string of JSON, also one that does not end; with `name` it is the name of a member, which is no data."""
ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_PLAIN = """
absence and are array byte bytes can cannot class codec column connect convert converting could data deserialization
deserialize does document due error exception expected failed field fields for found from has invalid java json key
kafka lang list map message missing must not null number object only org out parse range record requested required
schema serialization serialize string struct supported the type types unexpected unknown util value was with write
"""
PLAIN = frozenset(_PLAIN.split())
"""Words of exceptions, which are left alone although a record may have them too."""


@dataclass(frozen=True)
class Group:
    """Dead letters of one topic with one cause; times of their records in milliseconds since 1970.

    `returned` counts those that came back through a replay.
    """

    topic: str
    refused_by: str
    stage: str
    code: str
    reason: str
    records: int
    not_replayed: int
    returned: int
    first: int
    last: int


def shown_reason(letter: Letter) -> str:
    """The reason without what may be personal data, and what caused it: our services never quote a record."""
    if letter.sender is not Sender.CONNECTOR:
        return letter.reason
    line = letter.reason.partition("\n")[0][:LONGEST_REASON]
    quote = QUOTE.search(line)
    line = line if quote is None else line[: quote.start()] + GAP
    data = _data_of(letter.record)

    def of_record(word: re.Match[str]) -> str:
        text = word.group()
        if len(text) < SHORTEST or text.lower() in PLAIN:
            return text
        return GAP if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", data) else text

    line = WORD.sub(of_record, LONG_NUMBER.sub(GAP, line))
    return re.sub(rf"{GAP}(\s*{GAP})+", GAP, line).strip() + _first_cause(letter)


def _first_cause(letter: Letter) -> str:
    """The class of what caused the exception, which the outermost one often does not tell."""
    first = "" if letter.failure is None else letter.failure.exceptions[-1].rpartition(".")[2]
    return f" ({first})" if first and first != letter.code else ""


def _data_of(record: Record) -> str:
    """What is data in a record: its key, and its value without the names of members."""
    value = (record.value or b"").decode(errors="replace")
    value = STRING.sub(lambda string: " " if string["name"] else string.group(), value)
    value = ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value)
    value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return f"{(record.key or b'').decode(errors='replace')} {value}"


def grouped(
    topic: str, letters: Iterable[Letter], done: Mapping[int, Replayed], reason_of: Reason = shown_reason
) -> list[Group]:
    """The letters of a topic by cause, the most frequent first; reasons that differ in numbers only are one."""
    groups: dict[tuple[str, str, str, str], Group] = {}
    for letter in letters:
        reason = NUMBER.sub("N", reason_of(letter))
        cause = letter.refused_by, letter.stage, letter.code, reason
        time, undone = letter.record.timestamp, not done.get(letter.record.partition, Replayed()).has(letter)
        single = Group(topic, *cause, 1, int(undone), int(letter.replays > 0), time, time)
        groups[cause] = single if cause not in groups else _joined(groups[cause], single)
    found = _without_excess(groups.values())
    return sorted(found, key=lambda it: (-it.records, it.refused_by, it.stage, it.code, it.reason))


def _joined(one: Group, other: Group) -> Group:
    return replace(
        one,
        records=one.records + other.records,
        not_replayed=one.not_replayed + other.not_replayed,
        returned=one.returned + other.returned,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )


def _without_excess(groups: Iterable[Group]) -> list[Group]:
    """Those of one exception at one stage with too many reasons as one, with the reason that most of them have."""
    found: list[Group] = []
    by_exception: dict[tuple[str, str, str], list[Group]] = defaultdict(list)
    for group in groups:
        by_exception[group.refused_by, group.stage, group.code].append(group)
    for same in by_exception.values():
        if len(same) <= REASONS:
            found += same
            continue
        most, *others = sorted(same, key=lambda it: (-it.records, it.reason))
        for other in others:
            most = _joined(most, other)
        found.append(replace(most, reason=f"{most.reason} (and {len(others)} other reasons)"))
    return found
