"""What a sink reads, and under which consumer groups it keeps how far it got. Pure: from its config alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

ICEBERG = "org.apache.iceberg.connect.IcebergSinkConnector"


@dataclass(frozen=True)
class Control:
    """The second group of an Iceberg sink: how far its coordinator has read the control topic.

    Tasks write a data file, and in one transaction an event about it into the control topic and the offsets of their
    records into the sink's own group. The coordinator commits the files of those events to the table, and then its
    place in the control topic to this group. So what lies between its place and the end of the control topic has been
    read, and is not in the table yet.
    """

    group: str
    topic: str


def group_of(name: str, config: Mapping[str, str]) -> str:
    """The consumer group of a sink's tasks."""
    return config.get("consumer.override.group.id") or f"connect-{name}"


def control_of(name: str, config: Mapping[str, str]) -> Control | None:
    """The second group of an Iceberg sink; None for any other connector."""
    if config.get("connector.class") not in (ICEBERG, "IcebergSinkConnector", "IcebergSink"):
        return None
    group = config.get("iceberg.connect.group-id") or f"connect-{name}"
    return Control(f"{group}-coord", config.get("iceberg.control.topic") or "control-iceberg")


def topics_of(config: Mapping[str, str], known: Collection[str]) -> list[str]:
    """The topics that a sink reads, of a pattern those in `known`; nothing for a source."""
    if config.get("topics"):
        return list(dict.fromkeys(topic.strip() for topic in config["topics"].split(",") if topic.strip()))
    pattern = config.get("topics.regex")
    if not pattern:
        return []
    try:
        compiled = re.compile(pattern)
    except re.error:  # Java's patterns know a few things more
        return []
    return sorted(topic for topic in known if compiled.fullmatch(topic))


def dead_letter_topic(config: Mapping[str, str]) -> str:
    """Where the worker puts the records that a sink can not handle; empty if nowhere."""
    return config.get("errors.deadletterqueue.topic.name", "") if config.get("errors.tolerance") == "all" else ""
