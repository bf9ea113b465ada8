"""Dead letters as values: what the records of a dead-letter topic say about themselves, and how far they are replayed.

Services of ours and Kafka Connect both append the story of a refusal to the headers that the record had. So the story
is the end of the headers, from its first name on; what looks like a story before that came with the record.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streamguard.kafka import dead_letters
from streamguard.kafka.tail import Record

CONNECT_PREFIX = "__connect.errors."
UNKNOWN = "unknown"
"""The code of a record without a story: nobody who writes dead letters wrote it."""
NUMBER = re.compile(r"(?<![\w-])\d[\d.,]*(?<=\d)")
DATA = re.compile(r"(?<!\w)['\"]|[`{]")
"""Where an exception's message begins to quote the record."""

RecordHeaders = tuple[tuple[str, bytes | None], ...]


class Sender(StrEnum):
    """Who wrote a dead letter."""

    SERVICE = "service"
    CONNECTOR = "connector"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Origin:
    """Where the record was when it was refused; `timestamp` in milliseconds since 1970, below 0: it had none."""

    topic: str
    partition: int
    offset: int
    timestamp: int


@dataclass(frozen=True)
class Letter:
    """A record of a dead-letter topic: `headers` are those that it had before, `trace` is an exception's, or empty."""

    record: Record
    sender: Sender
    refused_by: str
    code: str
    reason: str
    trace: str
    origin: Origin | None
    headers: RecordHeaders


@dataclass(frozen=True)
class Group:
    """Dead letters of one topic with one cause; times of their records in milliseconds since 1970."""

    topic: str
    refused_by: str
    code: str
    reason: str
    records: int
    not_replayed: int
    first: int
    last: int


@dataclass(frozen=True)
class Replayed:
    """How far a partition of a dead-letter topic is replayed: every cause to before `upto`, some causes further.

    The one consumer group of the topic commits it: `upto` as the offset, `ahead` (offsets by code) as its metadata. So
    the causes have positions of their own, and all of them are in the transaction that also has the records.
    """

    upto: int = 0
    ahead: Mapping[str, int] = field(default_factory=dict)

    def has(self, letter: Letter) -> bool:
        """Whether that letter of the partition is replayed."""
        return letter.record.offset < max(self.upto, self.ahead.get(letter.code, 0))

    def after(self, codes: Collection[str], position: int) -> Replayed:
        """When all of `codes`, or of everything if there are none, is replayed to before `position`."""
        upto = self.upto if codes else max(self.upto, position)
        ahead = {**self.ahead, **{code: max(position, self.ahead.get(code, 0)) for code in codes}}
        return Replayed(upto, {code: offset for code, offset in sorted(ahead.items()) if offset > upto})

    @classmethod
    def committed(cls, offset: int, metadata: str) -> Replayed:
        """What was committed so; ValueError if the metadata is not ours."""
        ahead = json.loads(metadata) if metadata else {}
        if not isinstance(ahead, dict) or not all(isinstance(number, int) for number in ahead.values()):
            raise ValueError(metadata)
        return cls(offset, ahead)

    @property
    def metadata(self) -> str:
        """What is committed with `upto`."""
        return json.dumps(self.ahead, separators=(",", ":")) if self.ahead else ""


def letter_of(record: Record) -> Letter:
    """What a record of a dead-letter topic says."""
    ours = _story(record.headers, dead_letters.PREFIX)
    if ours is not None:
        headers, facts = ours
        origin = _origin(facts, facts.get("timestamp", ""))
        texts = facts.get("service", ""), facts.get("code", UNKNOWN), facts.get("reason", "")
        return Letter(record, Sender.SERVICE, *texts, "", origin, headers)
    connects = _story(record.headers, CONNECT_PREFIX)
    if connects is not None:
        headers, facts = connects
        origin = _origin(facts, str(record.timestamp))
        code = facts.get("exception.class.name", UNKNOWN).rpartition(".")[2]
        texts = facts.get("connector.name", ""), code, facts.get("exception.message", "")
        return Letter(record, Sender.CONNECTOR, *texts, facts.get("exception.stacktrace", ""), origin, headers)
    return Letter(record, Sender.UNKNOWN, "", UNKNOWN, "", "", None, record.headers)


def _story(headers: RecordHeaders, prefix: str) -> tuple[RecordHeaders, dict[str, str]] | None:
    """The headers before a story that begins with the topic, and its facts; None if they do not end with one."""
    names = [name for name, _ in headers]
    first = prefix + "topic"
    if first not in names:
        return None
    begin = len(names) - 1 - names[::-1].index(first)
    if not all(name.startswith(prefix) for name in names[begin:]):
        return None
    facts = {name.removeprefix(prefix): _text(value) for name, value in headers[begin:]}
    return headers[:begin], facts


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="backslashreplace")


def _origin(facts: Mapping[str, str], timestamp: str) -> Origin | None:
    try:
        return Origin(facts["topic"], int(facts["partition"]), int(facts["offset"]), int(timestamp))
    except (KeyError, ValueError):
        return None


def shown_reason(letter: Letter) -> str:
    """The reason without what may be personal data: an exception quotes the record, our services never do."""
    if letter.sender is not Sender.CONNECTOR:
        return letter.reason
    line = letter.reason.partition("\n")[0]
    data = DATA.search(line)
    return line if data is None else line[: data.start()] + "…"


def grouped(topic: str, letters: Iterable[Letter], done: Mapping[int, Replayed]) -> list[Group]:
    """The letters of a topic by cause, the most frequent first; reasons that differ in numbers only are one."""
    records: Counter[tuple[str, str, str]] = Counter()
    open_ones: Counter[tuple[str, str, str]] = Counter()
    times: dict[tuple[str, str, str], tuple[int, int]] = {}
    for letter in letters:
        cause = letter.refused_by, letter.code, NUMBER.sub("N", shown_reason(letter))
        records[cause] += 1
        open_ones[cause] += not done.get(letter.record.partition, Replayed()).has(letter)
        time = letter.record.timestamp
        first, last = times.get(cause, (time, time))
        times[cause] = min(first, time), max(last, time)
    causes = sorted(records, key=lambda cause: (-records[cause], cause))
    return [Group(topic, *cause, records[cause], open_ones[cause], *times[cause]) for cause in causes]
