"""What a campaign does to a column, checked against what the column is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamguard.datagen.world.campaigns import Away, Change, SetChoice, SetEntity, SetNumber, Times
from streamguard.datagen.world.document import Path
from streamguard.datagen.world.resolving.references import Scope
from streamguard.datagen.world.resolving.shapes import choices_like, distribution, not_negative
from streamguard.datagen.world.shapes import Choices
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    EntityColumn,
    Favourites,
    Follow,
    NumberColumn,
    Weighted,
)

_FITS: Mapping[str, tuple[str, ...]] = {
    "number": ("times", "set"),
    "choice": ("set", "hold"),
    "entity": ("hold", "anyone", "away"),
}


@dataclass(frozen=True)
class Changing:
    """`once` says whether the campaign has instances, for which something may be drawn once."""

    scope: Scope
    once: bool

    def changes(self, spec: Mapping[str, Any], path: Path) -> tuple[Change, ...]:
        """By column."""
        found = (self._change(name, one, (*path, name)) for name, one in spec.items())
        return tuple(one for one in found if one is not None)

    def _change(self, name: str, spec: Mapping[str, Any], path: Path) -> Change | None:
        column = self.scope.column(name, path)
        if column is None:
            return None
        what = kind_of(column)
        if what not in _FITS or (isinstance(column, EntityColumn) and isinstance(column.pick, Follow)):
            self.scope.problems.add(path, f"{name} {_fixed(column)}")
            return None
        given = [key for key in spec if key != "once"]
        if len(given) != 1 or given[0] not in _FITS[what]:
            told = f"{' and '.join(given)} does not fit" if given else "nothing is said"
            self.scope.problems.add(path, f"{told}: {name} is a column of {_plural(what)}: write one of {_words(what)}")
            return None
        once = bool(spec.get("once", False)) or given[0] == "hold"
        if once and not self.once:
            key = "hold" if given[0] == "hold" else "once"
            self.scope.problems.add((*path, key), f"{key} needs instances, which only bursts have: leave it out")
        return self._made(column, given[0], spec[given[0]], once, path)

    def _made(self, column: Column, how: str, value: Any, once: bool, path: Path) -> Change | None:
        problems, place = self.scope.problems, (*path, how)
        match column:
            case NumberColumn(name=name) if how == "times":
                factor = not_negative(distribution(value, place, problems), place, problems, "a factor")
                return Times(name, factor, once)
            case NumberColumn(name=name):
                return self._number(column, value, once, place)
            case EntityColumn(name=name, entity=entity):
                return SetEntity(name, self._pick(column, entity, how, value, place), once)
            case _:
                return self._choice(column, how, value, once, place)

    def _number(self, column: NumberColumn, value: Any, once: bool, path: Path) -> Change | None:
        if isinstance(value, str | bool) and not isinstance(value, int | float):
            self.scope.problems.add(path, f"{value} is no number: write one, [from, to] or a distribution")
            return None
        return SetNumber(column.name, distribution(value, path, self.scope.problems), once)

    def _choice(self, column: Column, how: str, value: Any, once: bool, path: Path) -> Change | None:
        known = self.scope.chosen(column.name, path)
        if known is None:
            return None
        if how == "hold":
            usual = column.choices[0] if isinstance(column, ChoiceColumn) else known
            return SetChoice(column.name, usual, once=True)
        return SetChoice(column.name, self._shares(value, known, path), once)

    def _shares(self, value: Any, known: Choices, path: Path) -> Choices:
        return choices_like(value, known, path, self.scope.problems)

    def _pick(self, column: EntityColumn, entity: str, how: str, value: Any, path: Path) -> Weighted | Away | None:
        if how == "hold":
            return None
        if how == "anyone":
            usual = column.pick.otherwise if isinstance(column.pick, Favourites) else column.pick
            if value is True and isinstance(usual, Weighted):
                return usual
            if value is not False and value is not True:
                self.scope.trait(self.scope.entities[entity], value, path)
            return Weighted(value if isinstance(value, str) else None)
        found = self.scope.choice_attribute(self.scope.entities[entity], value["attribute"], (*path, "attribute"))
        home = self.scope.chosen(value["from"], (*path, "from"))
        if found is not None and home is not None and len(found.values) < 2:
            self.scope.problems.add((*path, "attribute"), f"{value['attribute']} has only one value: give it another")
        if "weight" in value:
            self.scope.trait(self.scope.entities[entity], value["weight"], (*path, "weight"))
        return Away(value["attribute"], value["from"], value.get("weight"))


def kind_of(column: Column) -> str:
    """entity, number, choice, label or components."""
    match column:
        case EntityColumn():
            return "entity"
        case NumberColumn():
            return "number"
        case ChoiceColumn() | AttributeColumn():
            return "choice"
        case _:
            return "label or components"


def _plural(kind: str) -> str:
    return {"entity": "entities"}.get(kind, f"{kind}s")


def _words(kind: str) -> str:
    return ", ".join(f"{word}: …" for word in _FITS[kind])


def _fixed(column: Column) -> str:
    if isinstance(column, EntityColumn):
        follow = column.pick.column if isinstance(column.pick, Follow) else ""
        return f"follows {follow}: change that column instead"
    return "can not be changed by a campaign: say `fraud: …` or `fraud_means: …` at the column"
