"""Faults, truth, clock and stops."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.model import Clock, Fault, FaultKind, Labels, Stops, Truth
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.shapes import distribution, not_negative, number
from streamguard.datagen.world.shapes import Uniform
from streamguard.datagen.world.streams import Stream

_TAKES: Mapping[str, tuple[str, ...]] = {
    "late": ("delay",),
    "out_of_order": ("distance",),
    "null": ("fields",),
    "wrong_type": ("fields",),
    "missing_field": ("fields",),
    "oversize": ("size",),
}
DELAY, DISTANCE, SIZE = Uniform(60.0, 3600.0), 100, 500_000
"""Of a fault that says no more than its share: a minute to an hour; records; bytes, which a producer still sends."""


def faults(spec: Mapping[str, Any], streams: tuple[Stream, ...], problems: Problems) -> tuple[Fault, ...]:
    """The faults of a world, in the order of the file."""
    found = tuple(_fault(kind, one, streams, problems) for kind, one in spec.items())
    total = sum(fault.share for fault in found)
    if total > 1:
        problems.add(
            ("faults",), f"the shares sum to {total:g}, and no record is spoilt twice: let them sum to 1 at most"
        )
    return found


def _fault(kind: str, spec: Any, streams: tuple[Stream, ...], problems: Problems) -> Fault:
    path: Path = ("faults", kind)
    given = spec if isinstance(spec, Mapping) else {"share": spec}
    for key in given:
        if key != "share" and key not in _TAKES.get(kind, ()):
            fits = ", ".join(("share", *_TAKES.get(kind, ())))
            problems.add((*path, key), f"{key} does not go with {kind}, which takes {fits}")
    known = {field.name for stream in streams for field in stream.record}
    for place, name in enumerate(given.get("fields", [])):
        if name not in known:
            problems.unknown((*path, "fields", place), "field of a record", name, known)
    delay = None
    if kind == "late":
        place_of_delay = (*path, "delay")
        delay = distribution(given["delay"], place_of_delay, problems) if "delay" in given else DELAY
        not_negative(delay, place_of_delay, problems, "a delay")
    return Fault(
        cast("FaultKind", kind),
        float(given["share"]),
        delay,
        int(given.get("distance", DISTANCE)) if kind == "out_of_order" else 0,
        tuple(given.get("fields", ())),
        int(given.get("size", SIZE)) if kind == "oversize" else 0,
    )


def truth(spec: Mapping[str, Any] | None, streams: tuple[Stream, ...], problems: Problems) -> Truth | None:
    """Topics of their own: truth never lies where the records are."""
    if spec is None:
        return None
    taken = {stream.topic: f"the stream {stream.name}" for stream in streams}
    for path, topic, owner in _topics(spec):
        if topic in taken:
            problems.add(path, f"{topic} is the topic of {taken[topic]}: write another, as {topic}-{owner}")
        taken[topic] = f"the {owner}"
    labels = spec.get("labels")
    if labels is None:
        return Truth(spec["topic"])
    path = ("truth", "labels", "delay")
    delay = not_negative(distribution(labels["delay"], path, problems), path, problems, "a delay")
    wrong, unreported = float(labels.get("wrong", 0.0)), float(labels.get("unreported", 0.0))
    return Truth(spec["topic"], Labels(labels["topic"], delay, wrong, unreported))


def _topics(spec: Mapping[str, Any]) -> list[tuple[Path, str, str]]:
    found: list[tuple[Path, str, str]] = [(("truth", "topic"), spec["topic"], "truth")]
    if "labels" in spec:
        found.append((("truth", "labels", "topic"), spec["labels"]["topic"], "labels"))
    return found


def clock(spec: Mapping[str, Any], problems: Problems) -> Clock:
    """Event time."""
    if "speed" in spec and spec.get("fast"):
        problems.add(("clock", "speed"), "speed and fast exclude each other: leave one out")
    if spec.get("then_live") and "days" not in spec:
        problems.add(("clock", "then_live"), "nothing comes before: add `days: …`, or leave it out")
    start = None
    if "start" in spec:
        try:
            start = datetime.fromisoformat(spec["start"].removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            problems.add(("clock", "start"), f"there is no {spec['start']}: write one of the calendar, as 2026-01-31")
    days = spec.get("days")
    return Clock(
        start,
        float(spec.get("speed", 1.0)),
        bool(spec.get("fast", False)),
        None if days is None else float(days),
        bool(spec.get("then_live", False)),
    )


def stops(spec: Mapping[str, Any]) -> Stops:
    """When a run ends by itself."""
    return Stops(spec.get("count"), number(spec["duration"]) if "duration" in spec else None)
