"""The columns of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.population import Entity
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.population import one_for_each
from streamguard.datagen.world.resolving.references import Scope
from streamguard.datagen.world.resolving.shapes import (
    DISTRIBUTIONS,
    NOTHING,
    choices,
    choices_like,
    distribution,
    one_kind,
)
from streamguard.datagen.world.shapes import Choices, Distribution, Tailed
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    Component,
    ComponentsColumn,
    EntityColumn,
    Favourites,
    Follow,
    LabelColumn,
    Near,
    NumberColumn,
    Rounding,
    Same,
    Weighted,
)

KINDS = ("entity", "of", "attribute", "choice", "label", "components", *DISTRIBUTIONS, "by")
_NUMBER = ("times", "decimals", "least", "most", "rounding")
_FITS: Mapping[str, tuple[str, ...]] = {
    "entity": ("weight", "favourites", "near", "same", "other_than"),
    "of": (),
    "attribute": (),
    "choice": (),
    "label": ("fraud",),
    "components": ("decimals",),
    "by": ("each", *_NUMBER),
    **dict.fromkeys(DISTRIBUTIONS, _NUMBER),
}
"""What may stand beside the key that says what a column is."""


def columns(
    spec: Mapping[str, Any], entities: Mapping[str, Entity], path: Path, problems: Problems
) -> tuple[Column, ...]:
    """The columns in the order of the file; each sees those before it."""
    found: dict[str, Column] = {}
    broken: set[str] = set()
    for name, one in spec.items():
        later = [other for other in spec if other not in found and other not in broken]
        scope = Scope(entities, found, problems, later, broken)
        if (column := _column(name, one, scope, (*path, name))) is not None:
            found[name] = column
        else:
            broken.add(name)
            problems.broken.add(name)
    _apart(tuple(found.values()), path, problems)
    return tuple(found.values())


def _apart(found: tuple[Column, ...], path: Path, problems: Problems) -> None:
    """No column has the name of a number of components."""
    numbered = {
        f"{one.name}{number + 1}"
        for one in found
        if isinstance(one, ComponentsColumn)
        for number in range(len(one.components))
    }
    for one in found:
        if one.name in numbered:
            problems.add((*path, one.name), f"{one.name} is one of the components already: give it another name")


def _column(name: str, spec: Mapping[str, Any], scope: Scope, path: Path) -> Column | None:
    kind = one_kind(spec, KINDS, path, scope.problems, "a column")
    if kind is None:
        return None
    for key in spec:
        if key != kind and key not in _FITS[kind]:
            fits = f": there fit {', '.join(_FITS[kind])}" if _FITS[kind] else ": leave it out"
            scope.problems.add((*path, key), f"{key} does not go with {kind}{fits}")
    match kind:
        case "entity":
            return _entity(name, spec, scope, path)
        case "of":
            owner = scope.owner(spec["of"], (*path, "of"))
            column, _, attribute = spec["of"].partition(".")
            return None if owner is None else EntityColumn(name, owner, Follow(column, attribute))
        case "attribute":
            known = scope.chosen(spec["attribute"], (*path, "attribute"))
            return None if known is None else AttributeColumn(name, spec["attribute"])
        case "choice":
            return ChoiceColumn(name, (choices(spec["choice"], (*path, "choice"), scope.problems),))
        case "label":
            return _label(name, spec, scope, path)
        case "components":
            return _components(name, spec, scope, path)
        case "by":
            return _by(name, spec, scope, path)
        case _:
            return _number(name, spec, (distribution(spec, path, scope.problems),), scope, path)


def _entity(name: str, spec: Mapping[str, Any], scope: Scope, path: Path) -> Column | None:
    if spec["entity"] not in scope.entities:
        scope.problems.unknown((*path, "entity"), "entity", spec["entity"], scope.entities)
        return None
    entity = scope.entities[spec["entity"]]
    if "near" in spec and "same" in spec:
        scope.problems.add((*path, "same"), "near and same exclude each other: leave one out")
    if "weight" in spec:
        scope.trait(entity, spec["weight"], (*path, "weight"))
    within = _near(spec, entity, scope, path) if "near" in spec else _same(spec, entity, scope, path)
    otherwise = Weighted(spec.get("weight"), within)
    pick: Weighted | Favourites = otherwise
    if "favourites" in spec:
        pick = _favourites(spec["favourites"], otherwise, entity, scope, (*path, "favourites"))
        _steady(spec, scope, path)
    other = spec.get("other_than")
    if other is not None:
        _other_than(other, entity, scope, (*path, "other_than"))
    return EntityColumn(name, entity.name, pick, other)


def _other_than(other: str, entity: Entity, scope: Scope, path: Path) -> None:
    column = scope.entity_column(other, path)
    if column is not None and column.entity != entity.name:
        scope.problems.add(path, f"{other} is a {column.entity}, no {entity.name}: it never is the same anyway")
    elif column is not None and entity.count < 2:
        scope.problems.add(path, f"there is only one {entity.name}: set entities.{entity.name}.count to 2 or more")


def _favourites(spec: Mapping[str, Any], otherwise: Weighted, entity: Entity, scope: Scope, path: Path) -> Favourites:
    scope.entity_column(spec["of"], (*path, "of"))
    if spec["count"] >= entity.count:
        scope.problems.add(
            (*path, "count"), f"{spec['count']} favourites of {entity.count} {entity.name}: take fewer than there are"
        )
    return Favourites(spec["of"], spec["count"], float(spec["share"]), float(spec.get("skew", 1.0)), otherwise)


def _steady(spec: Mapping[str, Any], scope: Scope, path: Path) -> None:
    """Favourites are drawn once, so what they go by has to be known of whose favourites they are."""
    of = spec["favourites"]["of"]
    known, follows = {of}, True
    while follows:
        follows = False
        for column in scope.columns.values():
            owned = isinstance(column, EntityColumn) and isinstance(column.pick, Follow) and column.pick.column in known
            if owned and column.name not in known:
                known.add(column.name)
                follows = True
    for key, place in (("near", "of"), ("same", "as")):
        used = spec.get(key, {}).get(place, of).partition(".")[0]
        if used not in known and used in scope.columns and of in scope.columns:
            fix = f"let it be {of} or a column {{of: {of}.…}}"
            scope.problems.add(
                (*path, key, place), f"{used} is not always the same for one {of}, whose favourites these are: {fix}"
            )


def _near(spec: Mapping[str, Any], entity: Entity, scope: Scope, path: Path) -> Near:
    near, place = spec["near"], (*path, "near", "place")
    scope.trait(entity, near["place"], place, place=True)
    column = scope.entity_column(near["of"], (*path, "near", "of"))
    if column is not None and column.entity != entity.name:
        scope.trait(scope.entities[column.entity], near["place"], place, place=True)
    return Near(near["of"], near["place"], float(near["radius"]))


def _same(spec: Mapping[str, Any], entity: Entity, scope: Scope, path: Path) -> Same | None:
    if "same" not in spec:
        return None
    same = spec["same"]
    own = scope.choice_attribute(entity, same["attribute"], (*path, "same", "attribute"))
    other = scope.chosen(same["as"], (*path, "same", "as"))
    if own is not None and other is not None and not set(own.values) & set(other.values):
        scope.problems.add((*path, "same"), f"{same['attribute']} and {same['as']} have no value in common")
    return Same(same["attribute"], same["as"])


def _label(name: str, spec: Mapping[str, Any], scope: Scope, path: Path) -> LabelColumn:
    every = choices(spec["label"], (*path, "label"), scope.problems)
    fraud = None
    if "fraud" in spec:
        fraud = choices_like(spec["fraud"], every, (*path, "fraud"), scope.problems)
    return LabelColumn(name, every, fraud)


def _components(name: str, spec: Mapping[str, Any], scope: Scope, path: Path) -> ComponentsColumn:
    parts = spec["components"]
    lengths = {key: len(parts[key]) for key in ("sd", "kurtosis", "fraud_means")}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {length}" for key, length in lengths.items())
        scope.problems.add((*path, "components"), f"lists of different lengths ({told}): make them equal")
    rows = zip(parts["sd"], parts["kurtosis"], parts["fraud_means"], strict=False)
    components = tuple(Component(Tailed(0.0, float(sd), float(tail)), float(mean)) for sd, tail, mean in rows)
    hard = float(parts.get("hard", 0.0))
    if hard >= 1:
        scope.problems.add(
            (*path, "components", "hard"), "all frauds are hard, so their means can not be: write less than 1"
        )
    severity, spread = float(parts.get("severity", 2.0)), float(parts.get("spread", 1.0))
    return ComponentsColumn(name, components, spec.get("decimals", 6), severity, hard, spread)


def _by(name: str, spec: Mapping[str, Any], scope: Scope, path: Path) -> Column | None:
    known = scope.chosen(spec["by"], (*path, "by"))
    if "each" not in spec:
        scope.problems.add(path, "by needs each: add `each: {VALUE: a distribution or {choice: …}, …}`")
        return None
    if known is None:
        return None
    place = (*path, "each")
    names = one_for_each(spec["each"], known.values, place, scope.problems)
    chosen = [name for name in names if isinstance(spec["each"][name], Mapping) and "choice" in spec["each"][name]]
    if not chosen:
        shapes = tuple(distribution(spec["each"][one], (*place, one), scope.problems) for one in names)
        return _number(name, spec, shapes or (NOTHING,), scope, path)
    if len(chosen) < len(names):
        scope.problems.add(place, "some are numbers and some are choices: make all of them the same")
        return None
    return _choice_by(name, {one: spec["each"][one]["choice"] for one in names}, spec["by"], scope, place)


def _choice_by(name: str, each: Mapping[str, Any], by: str, scope: Scope, path: Path) -> ChoiceColumn:
    """Every choice with all values that any of them has, in the order in which they come."""
    found = {key: choices(spec, (*path, key, "choice"), scope.problems) for key, spec in each.items()}
    values = tuple(dict.fromkeys(value for one in found.values() for value in one.values))
    shares = [dict(zip(one.values, one.shares, strict=True)) for one in found.values()]
    return ChoiceColumn(name, tuple(Choices(values, tuple(one.get(v, 0.0) for v in values)) for one in shares), by)


def _number(
    name: str, spec: Mapping[str, Any], shapes: tuple[Distribution, ...], scope: Scope, path: Path
) -> NumberColumn:
    times = spec.get("times", [])
    times = [times] if isinstance(times, str) else times
    for reference in times:
        found = scope.entity_of(reference, (*path, "times"), "trait")
        if found is not None:
            scope.trait(found[0], found[1], (*path, "times"))
    least, most = (None if spec.get(key) is None else float(spec[key]) for key in ("least", "most"))
    if least is not None and most is not None and least > most:
        scope.problems.add((*path, "least"), f"least {least:g} is above most {most:g}: exchange them")
    rounding = tuple(
        Rounding(float(one["share"]), float(one["to"]), float(one.get("plus", 0.0))) for one in spec.get("rounding", [])
    )
    if sum(one.share for one in rounding) > 1 + 1e-9:
        scope.problems.add((*path, "rounding"), "the shares sum to more than 1: the rest of the numbers is not rounded")
    column = NumberColumn(name, shapes, spec.get("decimals", 2), spec.get("by"), tuple(times))
    return replace(column, least=least, most=most, rounding=rounding)
