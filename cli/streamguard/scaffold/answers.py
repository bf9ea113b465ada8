"""What somebody says about a new pipeline, and which of it is not possible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamguard.engine.language.printing import name as quoted_if_needed
from streamguard.errors import UnknownName
from streamguard.project import NO_PIPELINES, did_you_mean

TYPES = {
    "string": "STRING",
    "varchar": "STRING",
    "int": "INT",
    "integer": "INT",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
}
"""The types of fields, as they may be typed, and ksqlDB's names of them."""
SINKS = ("mongodb", "s3")
TAKEN = ("sql", "worlds")  # init/worlds is a folder of files that are no pipelines

_PIPELINE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,200}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")


@dataclass(frozen=True)
class Field:
    """A field of a record's JSON; `type` is ksqlDB's."""

    name: str
    type: str

    @property
    def written(self) -> str:
        """What the statements write: ksqlDB's names are in capitals."""
        return self.name.upper()

    @property
    def column(self) -> str:
        """Its name in a statement, quoted if SQL has a meaning of its own for it."""
        quoted = quoted_if_needed(self.written)
        return self.name.lower() if quoted == self.written else quoted


@dataclass(frozen=True)
class Answers:
    """A pipeline to be written: records of `topic` are split by `rule`, a condition in SQL."""

    pipeline: str
    topic: str
    fields: tuple[Field, ...]
    rule: str
    sinks: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def flagged(self) -> str:
        """The topic of what the rule takes."""
        return f"{self.topic}-flagged"

    @property
    def passed(self) -> str:
        """The topic of everything else."""
        return f"{self.topic}-passed"

    @property
    def stream(self) -> str:
        """The name of its streams, before quoting."""
        return self.pipeline.replace("-", "_")

    @property
    def key(self) -> str:
        """A name for the key column that no field has."""
        names = {each.name.lower() for each in self.fields}
        return next(name for number in range(len(names) + 1) if (name := "record_key" + "_" * number) not in names)

    def sink(self, kind: str) -> str:
        """The name of a connector."""
        return f"{self.pipeline}-{kind}-sink"


def check_pipeline(name: str) -> str:
    """The name of a new pipeline, which is that of its world too."""
    if not _PIPELINE.fullmatch(name) or name in (*NO_PIPELINES, *TAKEN):
        raise UnknownName(
            f"{name!r} is no name of a new pipeline: a small letter, then at most 39 small letters, digits and dashes, "
            f"and not {', '.join((*NO_PIPELINES, *TAKEN))}"
        )
    return name


def check_topic(name: str) -> str:
    """A topic, short enough for what is named after it."""
    if not _TOPIC.fullmatch(name):
        raise UnknownName(f"{name!r} is no name of a topic: at most 200 letters, digits, dots, _ and -")
    return name


def read_fields(texts: tuple[str, ...]) -> tuple[Field, ...]:
    """Fields as they are typed: ``amount:double``. Raises UnknownName."""
    fields = tuple(_read_field(text) for text in texts)
    if not fields:
        raise UnknownName("a record has a field at least: --field amount:double")
    seen: dict[str, str] = {}
    for each in fields:
        if each.written in seen:
            raise UnknownName(f"two fields are {seen[each.written]} and {each.name}, the same to SQL: rename one")
        seen[each.written] = each.name
    return fields


def _read_field(text: str) -> Field:
    name, colon, kind = (part.strip() for part in text.partition(":"))
    if not _FIELD.fullmatch(name):
        raise UnknownName(f"{name!r} is no name of a field: a letter, then at most 59 letters, digits and _")
    if not colon:
        raise UnknownName(f"field {name} has no type: {name}:double, one of {', '.join(TYPES)}")
    if kind.lower() not in TYPES:
        raise UnknownName(f"field {name}: no type {kind}{did_you_mean(kind.lower(), TYPES)}")
    return Field(name, TYPES[kind.lower()])
