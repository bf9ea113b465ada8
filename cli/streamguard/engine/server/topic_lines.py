"""PRINT: the records of a topic as lines of text, whatever their formats."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streamguard.engine.language import syntax as s
from streamguard.engine.server.rejection import bad_request
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.reader import Reader
from streamguard.settings import Settings

BATCH = 500
SMALL_FETCH: Mapping[str, Any] = {"fetch.wait.max.ms": 100, "queued.max.messages.kbytes": 4096}
UNKNOWN = "¯\\_(ツ)_/¯ - no data processed"
NULL = "<null>"
FIXED: Mapping[int, tuple[str, str]] = {4: (">i", "KAFKA_INT"), 8: (">q", "KAFKA_BIGINT")}


def recognised(raw: bytes | None) -> tuple[str, str]:
    """The name of the format that the bytes are in, by their look, and the bytes as text."""
    if raw is None:
        return UNKNOWN, NULL
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and text.isprintable() and text:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return "KAFKA_STRING", text
        return "JSON or KAFKA_STRING", text
    if len(raw) in FIXED:
        code, name = FIXED[len(raw)]
        return name, str(struct.unpack(code, raw)[0])
    if text is not None:
        return "KAFKA_STRING", text.replace("\n", " ").replace("\r", " ")
    return "UNRECOGNIZED_BYTES", raw.hex()


def line(message: Any) -> str:
    """A record as ksqlDB prints it."""
    moment = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    shown = f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03d} Z"
    key, value = recognised(message.key())[1], recognised(message.value())[1]
    return f"rowtime: {shown}, key: {key}, value: {value}, partition: {message.partition()}"


class TopicLines:
    """A running PRINT: asked for lines, a list that may be empty, or None after the last."""

    def __init__(self, reader: Reader, *, interval: int, limit: int | None) -> None:
        self._reader = reader
        self._interval = interval
        self._left = limit
        self._seen = 0

    def poll(self, timeout: float) -> list[str] | None:
        """The next lines; the first two of all say what the formats look like."""
        if self._left is not None and self._left <= 0:
            return None
        messages = self._reader.poll(BATCH, timeout)
        lines = [] if self._seen or not messages else _formats(messages[0])
        chosen = [m for number, m in enumerate(messages, self._seen) if number % self._interval == 0]
        self._seen += len(messages)
        if self._left is not None:
            chosen = chosen[: self._left]
            self._left -= len(chosen)
        return lines + [line(message) for message in chosen]

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()


def _formats(message: Any) -> list[str]:
    return [f"Key format: {recognised(message.key())[0]}", f"Value format: {recognised(message.value())[0]}"]


def start(settings: Settings, cluster: Cluster, statement: s.PrintTopic) -> TopicLines:
    """Begin to print a topic: at its end, unless all of it is wanted.

    Raises:
        Rejection: there is no such topic.
    """
    name = statement.topic
    existing = cluster.partitions()
    found = name if name in existing else _unquoted(name, existing)
    if found is None:
        reason = (
            f"Could not find topic '{name}', or the KSQL user does not have permissions to list the topic. "
            f"Topic names are case-sensitive.{_suggestion(name, existing)}"
        )
        raise bad_request(reason)
    ends = cluster.ends(found)
    starts: dict[int, int | None] = dict.fromkeys(ends) if statement.from_beginning else {**ends}
    reader = Reader(settings, found, starts, **SMALL_FETCH)
    return TopicLines(reader, interval=statement.interval or 1, limit=statement.limit)


def _unquoted(name: str, existing: Mapping[str, int]) -> str | None:
    """A name without quotes was upper-cased by the parser: the one topic that it can mean."""
    found = [each for each in existing if each.upper() == name]
    return found[0] if len(found) == 1 else None


def _suggestion(name: str, existing: Mapping[str, int]) -> str:
    similar = sorted(each for each in existing if each.lower() == name.lower())
    return "" if not similar else "\nDid you mean:" + "".join(f"\n\tprint {each};" for each in similar)
