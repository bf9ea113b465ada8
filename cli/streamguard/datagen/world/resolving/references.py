"""What the names of a stream lead to: columns, the attributes and traits of their entities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.population import ChoiceText, Entity, Place, ReferenceText
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.shapes import Choices
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    ComponentsColumn,
    EntityColumn,
    LabelColumn,
)

Names = Mapping[str, Column]


@dataclass(frozen=True)
class Scope:
    """Entities, and the columns that a place may use; `later` are the columns of the stream that come after it.

    `broken` are columns that could not be made: what leads to one of them is no problem of its own."""

    entities: Mapping[str, Entity]
    columns: Names
    problems: Problems
    later: Sequence[str] = ()
    broken: Collection[str] = ()

    def column(self, name: str, path: Path) -> Column | None:
        """The column of that name."""
        if name in self.columns:
            return self.columns[name]
        if name in self.broken:
            return None
        if name in self.later:
            own = path[3] if len(path) > 3 else "it"
            self.problems.add(path, f"column {name} is drawn after {own}: move {name} above it")
        else:
            self.problems.unknown(path, "column", name, self.columns)
        return None

    def entity_column(self, name: str, path: Path) -> EntityColumn | None:
        """The column of that name, which has entities."""
        found = self.column(name, path)
        if found is None or isinstance(found, EntityColumn):
            return found
        known = [one.name for one in self.columns.values() if isinstance(one, EntityColumn)]
        self.problems.add(path, f"column {name} has no entities: name one of {', '.join(known) or 'those that do'}")
        return None

    def entity_of(self, reference: str, path: Path, what: str) -> tuple[Entity, str] | None:
        """The entity and the second name of ``column.name``."""
        name, dot, second = reference.partition(".")
        column = self.entity_column(name, path)
        if column is None:
            return None
        if not dot:
            self.problems.add(path, f"{reference} names no {what}: write {name}.{what.upper()}")
            return None
        return self.entities[column.entity], second

    def trait(self, entity: Entity, name: str, path: Path, *, place: bool = False) -> None:
        """Check that there is a trait of that name, and that it is a number (or a place)."""
        known = {one.name: one for one in entity.traits}
        fitting = [one for one, found in known.items() if isinstance(found.kind, Place) == place]
        if name not in known:
            self.problems.unknown(path, f"trait of {entity.name}", name, fitting)
        elif name not in fitting:
            what, other = ("no place", "{place: …}") if place else ("a place, no number", "a distribution")
            self.problems.add(path, f"trait {name} is {what}: name one that is {other}")

    def choice_attribute(self, entity: Entity, name: str, path: Path) -> Choices | None:
        """The choices of a choice attribute."""
        known = {one.name: one.kind.choices for one in entity.attributes if isinstance(one.kind, ChoiceText)}
        if name not in known:
            self.problems.unknown(path, f"choice attribute of {entity.name}", name, known)
        return known.get(name)

    def chosen(self, reference: str, path: Path) -> Choices | None:
        """The values of a choice column, or of ``column.attribute``."""
        if "." in reference:
            found = self.entity_of(reference, path, "attribute")
            return None if found is None else self.choice_attribute(found[0], found[1], path)
        column = self.column(reference, path)
        match column:
            case None:
                return None
            case ChoiceColumn(choices=choices):
                return choices[0]
            case LabelColumn(choices=one):
                return one
            case AttributeColumn(reference=origin):
                return self.chosen(origin, path)
            case _:
                self.problems.add(path, f"column {reference} is no choice: name a choice column, or column.attribute")
                return None

    def owner(self, reference: str, path: Path) -> str | None:
        """The entity that ``column.attribute`` belongs to."""
        found = self.entity_of(reference, path, "attribute")
        if found is None:
            return None
        known = {one.name: one.kind.entity for one in found[0].attributes if isinstance(one.kind, ReferenceText)}
        if found[1] not in known:
            self.problems.unknown(path, f"entity that {found[0].name} belongs to,", found[1], known)
        return known.get(found[1])

    def shown_names(self) -> list[str]:
        """What a record may name: columns, and column.attribute."""
        names: list[str] = []
        for column in self.columns.values():
            if isinstance(column, ComponentsColumn):
                names.extend(f"{column.name}{number + 1}" for number in range(len(column.components)))
                continue
            names.append(column.name)
            if isinstance(column, EntityColumn):
                attributes = self.entities[column.entity].attributes
                names.extend(f"{column.name}.{one.name}" for one in attributes)
        return names
