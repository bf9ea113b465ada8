"""Dead letters as values: what the records of a dead-letter topic say about themselves, and how far they are replayed.

Services of ours and Kafka Connect both append the story of a refusal to the headers that the record had. So the story
is the end of the headers, from its first name on; what looks like a story before that came with the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b

from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.produce import Headers
from streamguard.kafka.tail import Record

CONNECT_PREFIX = "__connect.errors."
UNKNOWN = "unknown"
"""The code of a record without a story: nobody who writes dead letters wrote it."""
CAUSED = re.compile(r"^Caused by: ([\w.$]+)", re.MULTILINE)

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
class Failure:
    """What a connector tells beside the reason: the task, the class that failed, and the exception with its trace."""

    task: str
    class_name: str
    exception: str
    trace: str

    @property
    def exceptions(self) -> list[str]:
        """The classes of the exception and of its causes, the first cause last."""
        return [self.exception, *CAUSED.findall(self.trace)]


@dataclass(frozen=True)
class Letter:
    """A record of a dead-letter topic: `headers` are those that it had before.

    `code` says why, a connector's is the name of the exception; `stage` says where in the connector, as Connect calls
    it. `reason` may quote the record, and whatever the worker knew: see `letter_groups`.
    """

    record: Record
    sender: Sender
    refused_by: str
    stage: str
    code: str
    reason: str
    origin: Origin | None
    headers: RecordHeaders
    failure: Failure | None = None

    @cached_property
    def replays(self) -> int:
        """How often the record came back through a replay."""
        text = dict(self.headers).get(dead_letters.REPLAYS) or b"0"
        return int(text) if text.isdigit() and len(text) < 10 else 0

    @cached_property
    def cause(self) -> str:
        """A short name for all that replays choose by: letters with one name are all chosen, or all left."""
        text = "\0".join((self.refused_by, self.stage, self.code, str(self.replays)))
        return blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Choice:
    """Some of the letters of a topic, by what is the same for all of one cause; what is empty chooses by nothing."""

    codes: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    refused_by: frozenset[str] = frozenset()

    def has(self, letter: Letter) -> bool:
        """Whether that letter is chosen."""
        chosen = (self.codes, letter.code), (self.stages, letter.stage), (self.refused_by, letter.refused_by)
        return all(not names or name in names for names, name in chosen)


@dataclass(frozen=True)
class Replayed:
    """How far a partition of a dead-letter topic is replayed: everything to before `upto`, some causes further.

    The one consumer group of the topic commits it: `upto` as the offset, `ahead` (offsets by cause) as its metadata. So
    the causes have positions of their own, and all of them are in the transaction that also has the records.
    """

    upto: int = 0
    ahead: Mapping[str, int] = field(default_factory=dict)

    def has(self, letter: Letter) -> bool:
        """Whether that letter of the partition is replayed."""
        return letter.record.offset < max(self.upto, self.ahead.get(letter.cause, 0))

    def after(self, causes: Collection[str], position: int, left: int | None) -> Replayed:
        """When every letter of `causes` before `position` is written too; `left` is the first that is not, if any."""
        ahead = {**self.ahead, **{cause: max(position, self.ahead.get(cause, 0)) for cause in causes}}
        upto = max(self.upto, position if left is None else min(left, position))
        return Replayed(upto, {cause: offset for cause, offset in sorted(ahead.items()) if offset > upto})

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
        code, reason = _name(facts, "code") or UNKNOWN, facts.get("reason", "")
        origin = _origin(facts, facts.get("timestamp", ""))
        return Letter(record, Sender.SERVICE, _name(facts, "service"), "", code, reason, origin, headers)
    connects = _story(record.headers, CONNECT_PREFIX)
    if connects is not None:
        return _of_connector(record, *connects)
    return Letter(record, Sender.UNKNOWN, "", "", UNKNOWN, "", None, record.headers)


def _of_connector(record: Record, headers: RecordHeaders, facts: Mapping[str, str]) -> Letter:
    exception = _name(facts, "exception.class.name")
    failure = Failure(
        _name(facts, "task.id"), _name(facts, "class.name"), exception, facts.get("exception.stacktrace", "")
    )
    return Letter(
        record,
        Sender.CONNECTOR,
        _name(facts, "connector.name"),
        _name(facts, "stage"),
        exception.rpartition(".")[2] or UNKNOWN,
        facts.get("exception.message", ""),
        _origin(facts, str(record.timestamp)),
        headers,
        failure,
    )


def replayed_headers(letter: Letter) -> Headers:
    """The headers of the record when it is replayed: those that it had, and how often it was."""
    kept: Headers = [(name, value) for name, value in letter.headers if name != dead_letters.REPLAYS]
    return [*kept, (dead_letters.REPLAYS, b"%d" % (letter.replays + 1))]


def _story(headers: RecordHeaders, prefix: str) -> tuple[RecordHeaders, dict[str, str]] | None:
    """The headers before a story that begins with the topic, and its facts; None if they do not end with one."""
    names = [name for name, _ in headers]
    first = prefix + "topic"
    if first not in names:
        return None
    begin = len(names) - 1 - names[::-1].index(first)
    if not all(name.startswith(prefix) for name in names[begin:]):
        return None
    facts = {
        name.removeprefix(prefix): (value or b"").decode(errors="backslashreplace") for name, value in headers[begin:]
    }
    return headers[:begin], facts


def _name(facts: Mapping[str, str], fact: str) -> str:
    """One that is printed as it stands, so it must not move the terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in facts.get(fact, ""))


def _origin(facts: Mapping[str, str], timestamp: str) -> Origin | None:
    try:
        return Origin(_name(facts, "topic"), int(facts["partition"]), int(facts["offset"]), int(timestamp))
    except (KeyError, ValueError):
        return None
