"""The file of REST cases, and a case moved into topics of its own, so that cases need not wait for deleted topics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.conformance.cases import documents

NAMED = re.compile(r"(kafka_topic\s*=\s*')([^']+)(')", re.IGNORECASE)
CREATED = re.compile(
    r"^(\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:STREAM|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?)(`[^`]+`|\w+)"
    r"(\s+WITH\s*\([^)]*\))?(?=\s+AS\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RestCase:
    """Statements for /ksql, records in, queries for /query, and what is answered or written."""

    id: str
    tier: int
    statements: tuple[str, ...]
    properties: Mapping[str, Any]
    topics: tuple[Mapping[str, Any], ...]
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]
    responses: tuple[Mapping[str, Any], ...]
    error: Mapping[str, Any] | None
    waits: bool
    """Whether the records are sent only once the query runs."""
    ordered: bool
    protobuf: bool

    @property
    def admin(self) -> tuple[str, ...]:
        """The statements for /ksql."""
        return tuple(each for each in self.statements if not each.startswith("SELECT "))

    @property
    def queries(self) -> tuple[str, ...]:
        """The statements for /query."""
        return tuple(each for each in self.statements if each.startswith("SELECT "))


def load(path: Path, *, tier: int | None = None, pattern: str | None = None) -> Iterator[RestCase]:
    """The cases of a file; see `cases.documents`."""
    return map(_case, documents(path, tier, pattern))


def _case(given: Mapping[str, Any]) -> RestCase:
    return RestCase(
        given["id"],
        given["tier"],
        tuple(given["statements"]),
        given["properties"] or {},
        tuple(given["topics"] or ()),
        tuple(given["inputs"] or ()),
        tuple(given["outputs"] or ()),
        tuple(given["responses"] or ()),
        given["expectedError"],
        bool((given["inputConditions"] or {}).get("waitForActivePushQuery")),
        bool((given["outputConditions"] or {}).get("verifyOrder")),
        bool(given["testPullWithProtoFormat"]),
    )


def moved(case: RestCase, prefix: str) -> RestCase:
    """The case with `prefix` before the name of every topic; a result without a topic in its WITH gets one."""

    def renamed(records: tuple[Mapping[str, Any], ...], field: str) -> tuple[Mapping[str, Any], ...]:
        return tuple({**record, field: prefix + record[field]} for record in records)

    return replace(
        case,
        statements=tuple(_moved(each, prefix) for each in case.statements),
        topics=renamed(case.topics, "name"),
        inputs=renamed(case.inputs, "topic"),
        outputs=renamed(case.outputs, "topic"),
    )


def _moved(statement: str, prefix: str) -> str:
    text = NAMED.sub(rf"\g<1>{prefix}\g<2>\g<3>", statement)
    found = CREATED.match(text)
    if found is None or (found[3] and NAMED.search(found[3])):
        return text
    name = found[2].strip("`") if found[2].startswith("`") else found[2].upper()
    topic = f"KAFKA_TOPIC='{prefix}{name}'"
    properties = found[3].rstrip()[:-1] + f", {topic})" if found[3] else f" WITH ({topic})"
    return found[1] + found[2] + properties + text[found.end() :]
