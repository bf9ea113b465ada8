"""Streams: rate, columns, record and key."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.population import Entity, ReferenceText
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.columns import columns
from streamguard.datagen.world.resolving.rates import rate
from streamguard.datagen.world.resolving.references import Scope
from streamguard.datagen.world.streams import (
    ComponentsColumn,
    EntityColumn,
    Field,
    Show,
    ShowAttribute,
    ShowColumn,
    ShowConstant,
    ShowEntity,
    ShowIndex,
    ShowObject,
    ShowText,
    ShowTime,
    Stream,
)


def streams(spec: Mapping[str, Any], entities: Mapping[str, Entity], problems: Problems) -> tuple[Stream, ...]:
    """All streams of a world."""
    found = tuple(_stream(name, one, entities, problems) for name, one in spec.items())
    topics: dict[str, str] = {}
    for stream in found:
        if stream.topic in topics:
            place = ("streams", stream.name, "topic")
            problems.add(place, f"{stream.topic} is the topic of {topics[stream.topic]}: each stream has its own")
        topics[stream.topic] = stream.name
    return found


def _stream(name: str, spec: Mapping[str, Any], entities: Mapping[str, Entity], problems: Problems) -> Stream:
    path: Path = ("streams", name)
    drawn = columns(spec["columns"], entities, (*path, "columns"), problems)
    known = {column.name: column for column in drawn}
    scope = Scope(entities, known, problems, broken=spec["columns"].keys() - known.keys())
    fields = _fields(spec["record"], scope, (*path, "record"))
    key = None if spec.get("key") is None else _key(spec["key"], scope, (*path, "key"))
    return Stream(name, spec["topic"], rate(spec["rate"], (*path, "rate"), problems), drawn, fields, key)


def _key(spec: str, scope: Scope, path: Path) -> ShowAttribute | ShowColumn | ShowText | None:
    shown = _text(spec, scope, path) if "{" in spec else _reference(spec, scope, path)
    if isinstance(shown, ShowEntity):
        attributes = ", ".join(f"{spec}.{one.name}" for one in scope.entities[_entity(spec, scope)].shown[:3])
        scope.problems.add(path, f"a whole entity is no key: name an attribute of it, as {attributes}")
        return None
    return shown


def _entity(column: str, scope: Scope) -> str:
    found = scope.columns[column]
    return found.entity if isinstance(found, EntityColumn) else ""


def _fields(spec: Mapping[str, Any], scope: Scope, path: Path) -> tuple[Field, ...]:
    found: list[Field] = []
    for name, value in spec.items():
        if isinstance(value, Mapping) and "each" in value:
            found.extend(_each(name, value["each"], scope, (*path, name, "each")))
        elif (shown := _shown(value, scope, (*path, name))) is not None:
            found.append(Field(name, shown))
    names = [field.name for field in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        scope.problems.add(path, f"field {name} is there twice: give one another name")
    return tuple(found)


def _each(prefix: str, name: str, scope: Scope, path: Path) -> list[Field]:
    column = scope.column(name, path)
    if isinstance(column, ComponentsColumn):
        return [Field(f"{prefix}{n + 1}", ShowColumn(f"{name}{n + 1}")) for n in range(len(column.components))]
    if column is not None:
        scope.problems.add(path, f"column {name} has no components: write `{prefix}: {name}`")
    return []


def _shown(value: Any, scope: Scope, path: Path) -> Show | None:
    if isinstance(value, str):
        return _text(value, scope, path) if "{" in value else _reference(value, scope, path)
    if not isinstance(value, Mapping):
        return ShowConstant(value)
    kind, given = next(iter(value.items()))
    match kind:
        case "time":
            return ShowTime(given)
        case "index":
            return ShowIndex()
        case "constant":
            return ShowConstant(given)
        case _:
            return ShowObject(_fields(given, scope, (*path, kind)))


def _reference(reference: str, scope: Scope, path: Path) -> ShowColumn | ShowAttribute | ShowEntity | None:
    name, dot, attribute = reference.partition(".")
    known = scope.shown_names()
    if dot and reference in known:
        column = scope.columns[name]
        entity = scope.entities[column.entity] if isinstance(column, EntityColumn) else None
        if entity is not None and isinstance(entity.attribute(attribute).kind, ReferenceText):
            owner = f"`{attribute}: {{of: {reference}}}`"
            scope.problems.add(
                path, f"{reference} shows nothing itself: make a column {owner} and show an attribute of it"
            )
            return None
        return ShowAttribute(name, attribute)
    if reference in known:
        return ShowEntity(name) if isinstance(scope.columns.get(name), EntityColumn) else ShowColumn(reference)
    if name in scope.broken:
        return None
    if name in scope.columns and dot:
        scope.problems.unknown(path, f"attribute of {name},", reference, [one for one in known if one.startswith(name)])
    elif isinstance(scope.columns.get(name), ComponentsColumn):
        scope.problems.add(path, f"{name} is many numbers: write {{each: {name}}}, or name one, as {name}1")
    else:
        names = sorted({one.partition(".")[0] for one in known})
        scope.problems.unknown(path, "column", name, names)
    return None


def _text(text: str, scope: Scope, path: Path) -> ShowText | None:
    parts: list[str | tuple[str, str]] = []
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as exc:
        scope.problems.add(path, f"{exc}: write {{{{ for a brace that stands for itself")
        return None
    for literal, name, form, _ in parsed:
        if literal:
            parts.append(literal)
        if name is None:
            continue
        if name not in ("run", "index"):
            shown = _reference(name, scope, path)
            if isinstance(shown, ShowEntity):
                scope.problems.add(path, f"{{{name}}} is a whole entity: name an attribute of it, as {name}.id")
        if form and (name != "index" or not _width(form)):
            scope.problems.add(path, f"the form {form} of {name} is not possible: only {{index:09d}} has a width")
        parts.append((name, form or ""))
    return ShowText(tuple(parts))


def _width(form: str) -> bool:
    return form.endswith("d") and (form[:-1].isdecimal() or form == "d")
