"""A small world that makes the fields of a new pipeline, so that its rule has something to split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import records
from streamguard.datagen.world.reading import world_of
from streamguard.scaffold.answers import Answers, Field
from streamguard.scaffold.samples import Constant, Found, constants, used
from streamguard.scaffold.statements import Split

RATE = 100
DRAWN = 1000
"""Records that are looked at, to see how the rule splits them."""
RARE = 0.01
PLANTED = 0.1
"""The share of records that are made for the rule, where it would hardly ever meet one."""
LARGEST = 1e9
DECIMALS = 6
NOTHING: Mapping[str, Any] = MappingProxyType({})
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    """A world as a document, and how many of its first `DRAWN` records the rule takes."""

    document: Mapping[str, Any]
    taken: int


def world(answers: Answers, split: Split, found: Found) -> Sample:
    """A world whose records go both ways, if records that do are known.

    Every field is drawn by itself. Where one way would be rarer than `RARE`, records of it are planted.
    """
    drawn = _sample(answers, split)
    if RARE * DRAWN <= drawn.taken <= (1 - RARE) * DRAWN:
        return drawn
    rare = found.taken if drawn.taken < RARE * DRAWN else found.left
    if rare is None:
        return drawn
    values = {each.name: rare[each.name] for each in used(answers)}
    missing = tuple(name for name, value in values.items() if value is None)
    planted = {name: value for name, value in values.items() if value is not None}
    if len(missing) > 1 or not all(map(_can_be_made, planted.values())):
        return drawn
    return max(drawn, _sample(answers, split, planted, missing), key=_evenness)


def _evenness(sample: Sample) -> int:
    return min(sample.taken, DRAWN - sample.taken)


def _can_be_made(value: object) -> bool:
    """Whether a world can say so: no empty text, no number that is too large."""
    return value != "" and not (isinstance(value, int | float) and abs(value) > LARGEST)


def _sample(
    answers: Answers, split: Split, planted: Mapping[str, Any] = NOTHING, missing: tuple[str, ...] = ()
) -> Sample:
    """With records whose fields are as `planted`, and others in which the field `missing` is null."""
    document = _document(answers, planted)
    if missing:
        document["faults"] = {"null": {"share": PLANTED, "fields": [*missing]}}
    run = Run(world_of(document), name="sample", seed=1, start=_START)
    return Sample(document, Counter(split.of(record) for record in records(run, DRAWN))[True])


def _document(answers: Answers, planted: Mapping[str, Any]) -> dict[str, Any]:
    compared = constants(answers)
    shown = _identifying(answers, compared)
    entity, kind = _free(answers, "sender"), _free(answers, "kind")
    columns: dict[str, Any] = {entity: {"entity": "sender"}}
    if planted:
        columns[kind] = {"choice": {"planted": PLANTED, "ordinary": round(1 - PLANTED, 6)}}
    record: dict[str, Any] = {}
    for each in answers.fields:
        if each is shown:
            record[each.name] = f"{entity}.id"
            continue
        columns[each.name] = _column(each, compared[each.name], kind, planted.get(each.name))
        record[each.name] = each.name
    prefix = shown.name if shown is not None else "sender"
    return {
        "world": answers.pipeline,
        "about": f"Records of the pipeline {answers.pipeline}.",
        "trivial": True,
        "entities": {"sender": {"count": 1000, "attributes": {"id": {"template": f"{prefix}-{{index}}"}}}},
        "streams": {
            "records": {
                "topic": answers.topic,
                "key": f"{entity}.id",
                "rate": RATE,
                "columns": columns,
                "record": record,
            }
        },
    }


def _identifying(answers: Answers, compared: Mapping[str, list[Constant]]) -> Field | None:
    """The first text that the rule does not look at: it says who is meant, and is the key."""
    looked_at = used(answers)
    texts = (each for each in answers.fields if each.type == "STRING" and each not in looked_at)
    return next((each for each in texts if not compared[each.name]), None)


def _free(answers: Answers, name: str) -> str:
    """A name for a column of the world that no field has."""
    taken = {each.name for each in answers.fields}
    while name in taken:
        name += "_"
    return name


def _column(field: Field, compared: list[Constant], kind: str, planted: Any) -> dict[str, Any]:
    decimals: dict[str, Any] = {}
    if field.type == "BOOLEAN":
        drawn: dict[str, Any] = {"choice": [True, False]}
    elif field.type == "STRING":
        drawn = {"choice": _texts(compared)}
    else:
        numbers = [float(value) for value in compared if not isinstance(value, str) and abs(value) <= LARGEST]
        decimals = {"decimals": 0 if field.type != "DOUBLE" else _decimals([*numbers, planted or 0])}
        drawn = {"uniform": _range(numbers, whole=field.type != "DOUBLE")}
    if planted is None:
        return {**drawn, **decimals}
    is_number = not isinstance(planted, bool | str)
    made = {"constant": planted} if is_number else {"choice": [planted]}
    return {"by": kind, "each": {"planted": made, "ordinary": drawn}, **decimals}


def _texts(compared: list[Constant]) -> dict[str, float]:
    """A tenth of all are texts that stand in the rule."""
    texts = [value for value in compared if isinstance(value, str) and value][:10]
    shares = {text: round(0.1 / len(texts), 3) for text in texts}
    other = next(word for number in range(len(texts) + 1) if (word := "other" + "-" * number) not in texts)
    return {**shares, other: round(1 - sum(shares.values()), 3)}


def _range(numbers: list[float], *, whole: bool) -> list[float]:
    """From 0 to where a tenth of all is above the numbers of the rule; below 0 if they are."""
    if not numbers:
        return [0, 1000]
    low, high = min(numbers), max(numbers)
    span = max(high - min(low, 0), abs(low)) or 900.0
    margin = max(span / 9, 2.0 if whole else 0.0)
    ends = (low - margin if low <= 0 else 0.0, high + margin)
    return [round(end) if whole or end == round(end) else round(end, 2) for end in ends]


def _decimals(numbers: list[Any]) -> int:
    """As many as the rule needs, two at least as amounts have."""
    return next((n for n in range(2, DECIMALS) if all(round(number, n) == number for number in numbers)), DECIMALS)
