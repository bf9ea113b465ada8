"""Entities: what a world is inhabited by. Records show attributes; traits steer behaviour and are never shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from string import Formatter

from streamguard.datagen.world.shapes import Choices, Distribution, Zipf


@dataclass(frozen=True)
class UuidText:
    """A UUID (version 5) of entity and index."""


@dataclass(frozen=True)
class IndexText:
    """The number of the entity, from 0, as a JSON number."""


@dataclass(frozen=True)
class FakerText:
    """What that provider of Faker writes; line breaks become ``, ``."""

    provider: str
    locale: str = "en_US"


@dataclass(frozen=True)
class TemplateText:
    """Text with ``{attribute}`` (of the same entity, in any order; see `Entity.in_order`) and ``{index}``.

    Filters after a bar: ``{company|slug}`` (a-z, 0-9 and dashes), ``{first|letters}`` (lower case letters, digits)."""

    template: str

    @property
    def uses(self) -> tuple[str, ...]:
        """The attributes that it names, in order."""
        names = (name.partition("|")[0] for _, name, _, _ in Formatter().parse(self.template) if name)
        return tuple(name for name in names if name != "index")


@dataclass(frozen=True)
class PatternText:
    """Each ``#`` is a digit, each ``%`` a digit from 2 on, each ``?`` a capital letter, the rest stands as it is."""

    pattern: str


@dataclass(frozen=True)
class HexText:
    """That many hexadecimal digits, never twice."""

    digits: int


@dataclass(frozen=True)
class IbanText:
    """An account number in the shape of that country's IBAN (GB), with right check digits, never twice."""

    country: str


@dataclass(frozen=True)
class DateText:
    """A day from `first` to `last`, as 2001-12-31."""

    first: date
    last: date


@dataclass(frozen=True)
class ChoiceText:
    """One of the choices; may be asked for by `NumberColumn.by`, `Same`, `Away` and `ChoiceColumn.by`."""

    choices: Choices


@dataclass(frozen=True)
class NumberText:
    """A number of its own, as JSON number with `decimals`."""

    distribution: Distribution
    decimals: int = 0


@dataclass(frozen=True)
class ReferenceText:
    """The index of an entity it belongs to (a card's account); shows nothing itself, columns follow it (`Follow`).

    Entity i of n belongs to entity ``i * m // n`` of m, so every owner has as many as any other, give or take one."""

    entity: str


AttributeKind = (
    UuidText
    | IndexText
    | FakerText
    | TemplateText
    | PatternText
    | HexText
    | IbanText
    | DateText
    | ChoiceText
    | NumberText
    | ReferenceText
)


@dataclass(frozen=True)
class Attribute:
    """What a record may show of an entity. A `hidden` one is not part of the entity as a whole."""

    name: str
    kind: AttributeKind
    hidden: bool = False


@dataclass(frozen=True)
class Place:
    """A trait that is a point: x and y, uniform from 0 to `size`."""

    size: float


@dataclass(frozen=True)
class Trait:
    """A number (or place) of an entity that steers how it behaves, and is never shown.

    `by` names a `ChoiceText` attribute of the same entity, and then `kinds` has one distribution for each of its
    values, in the order of its choices; else it has one."""

    name: str
    kinds: tuple[Distribution | Zipf | Place, ...]
    by: str | None = None

    @property
    def kind(self) -> Distribution | Zipf | Place:
        """The distribution of a trait that has one."""
        return self.kinds[0]


@dataclass(frozen=True)
class Entity:
    """A kind of thing that there are `count` of. `digest` changes when the text of a pool would."""

    name: str
    count: int
    attributes: tuple[Attribute, ...]
    traits: tuple[Trait, ...]
    digest: str = ""

    def attribute(self, name: str) -> Attribute:
        """The attribute of that name (the reader has checked that it is there)."""
        return next(attribute for attribute in self.attributes if attribute.name == name)

    def trait(self, name: str) -> Trait:
        """The trait of that name."""
        return next(trait for trait in self.traits if trait.name == name)

    @property
    def in_order(self) -> tuple[Attribute, ...]:
        """All attributes, templates after what they use: the order in which to make them."""
        known = {attribute.name: attribute for attribute in self.attributes}
        found: dict[str, Attribute] = {}

        def visit(attribute: Attribute) -> None:
            if isinstance(attribute.kind, TemplateText):
                for used in attribute.kind.uses:
                    visit(known[used])
            found[attribute.name] = attribute

        for attribute in self.attributes:
            visit(attribute)
        return tuple(found.values())

    @property
    def shown(self) -> tuple[Attribute, ...]:
        """The attributes that an entity as a whole shows, in order."""
        return tuple(one for one in self.attributes if not one.hidden and not isinstance(one.kind, ReferenceText))
