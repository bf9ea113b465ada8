"""Entities: what a world is inhabited by, as arrays. Attributes are texts, traits whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import orjson

from streamguard.datagen.columns.arithmetic import Floats, exp, log
from streamguard.datagen.columns.distributions import Numbers, Shares
from streamguard.datagen.columns.draws import Scatter, Whole
from streamguard.datagen.columns.forms import Pieces
from streamguard.datagen.columns.texts import WHOLE, Encoded, cached_texts, entity_draws, text_of
from streamguard.datagen.world.population import (
    ChoiceText,
    Entity,
    NumberText,
    Place,
    ReferenceText,
)
from streamguard.datagen.world.shapes import Choices, Zipf

TRAIT_BITS = 16
"""Traits are whole numbers in units of 2 ** -TRAIT_BITS."""

_LARGEST = 1 << 40  # of a trait: about sixteen million


class Pool:
    """All entities of one kind."""

    def __init__(self, entity: Entity, seed: int, counts: Mapping[str, int], cache_dir: Path | None = None) -> None:
        """`counts` says how many there are of each entity, also of those that this one refers to."""
        self.entity, self.count = entity, entity.count
        self._seed, self._counts, self._cache_dir = seed, counts, cache_dir
        self._indexes = np.arange(self.count, dtype=np.int64)
        self._codes: dict[str, Whole] = {}
        self._traits: dict[str, Whole] = {}
        self._pieces: dict[str, Pieces] = {}

    def choices(self, name: str) -> Choices:
        """What a choice attribute may be."""
        kind = self.entity.attribute(name).kind
        if not isinstance(kind, ChoiceText):
            raise TypeError(f"{self.entity.name}.{name} is no choice")
        return kind.choices

    def codes(self, name: str) -> Whole:
        """A choice attribute as places in its choices, or a reference as the numbers of other entities."""
        if name not in self._codes:
            kind = self.entity.attribute(name).kind
            if isinstance(kind, ReferenceText):
                self._codes[name] = self._indexes * self._counts[kind.entity] // self.count
            else:
                shares = Shares([self.choices(name).shares])
                self._codes[name] = shares.take(entity_draws(self._indexes, self.entity.name, name))
        return self._codes[name]

    def trait(self, name: str) -> Whole:
        """A trait that is a number."""
        if name not in self._traits:
            trait = self.entity.trait(name)
            numbers = Numbers(trait.kinds, 1 << TRAIT_BITS, most=_LARGEST)
            by = self.codes(trait.by) if trait.by else None
            self._traits[name] = numbers.take(
                lambda purpose: Scatter(self._seed, "traits", self.entity.name, purpose).of(self._indexes), name, by
            )
        return self._traits[name]

    def places(self, name: str) -> tuple[Whole, Whole]:
        """A trait that is a point, as x and y."""
        kind = self.entity.trait(name).kind
        if not isinstance(kind, Place):
            raise TypeError(f"{self.entity.name}.{name} is no place")
        size = round(kind.size * (1 << TRAIT_BITS))
        x, y = (
            Scatter(self._seed, "traits", self.entity.name, name, axis).of(self._indexes).astype(np.int64) * size >> 32
            for axis in "xy"
        )
        return x, y

    def weights(self, name: str | None) -> Floats:
        """A trait as weights, none below 0; all alike without a name."""
        if name is None:
            return np.ones(self.count)
        kind = self.entity.trait(name).kind
        if isinstance(kind, Zipf):
            return exp(log((self._indexes + 1).astype(np.float64)) * -kind.exponent)
        return np.maximum(0, self.trait(name)).astype(np.float64)

    def pieces(self, name: str) -> Pieces:
        """How records show an attribute of each entity."""
        if name not in self._pieces:
            kind = self.entity.attribute(name).kind
            if isinstance(kind, ReferenceText):
                raise TypeError(f"{self.entity.name}.{name} shows nothing itself")
            json = self._plain[name] if name in self._plain else self._texts[name]
            self._pieces[name] = Pieces(json, [text_of(each) for each in json])
        return self._pieces[name]

    def objects(self) -> Pieces:
        """How records show each entity as a whole."""
        if WHOLE not in self._pieces:
            json = self._texts[WHOLE]
            self._pieces[WHOLE] = Pieces(json, [each.decode() for each in json])
        return self._pieces[WHOLE]

    @cached_property
    def _texts(self) -> Encoded:
        return cached_texts(self.entity, self._plain, self._cache_dir)

    @cached_property
    def _plain(self) -> Encoded:
        """The attributes that are no texts but choices and numbers."""
        return {
            attribute.name: self._choices(attribute.name)
            if isinstance(attribute.kind, ChoiceText)
            else self._numbers(attribute.name, attribute.kind)
            for attribute in self.entity.attributes
            if isinstance(attribute.kind, ChoiceText | NumberText)
        }

    def _choices(self, name: str) -> list[bytes]:
        json = pieces_of(self.choices(name).values).json
        return [json[code] for code in self.codes(name).tolist()]

    def _numbers(self, name: str, kind: NumberText) -> list[bytes]:
        numbers = Numbers([kind.distribution], 10**kind.decimals)
        found = numbers.take(lambda purpose: entity_draws(self._indexes, self.entity.name, purpose), name).tolist()
        return [fixed(number, kind.decimals).encode() for number in found]


def pieces_of(values: Sequence[str | int | float | bool]) -> Pieces:
    """How records show each of some values."""
    json = [orjson.dumps(value) for value in values]
    return Pieces(json, [text_of(each) for each in json])


def fixed(number: int, decimals: int) -> str:
    """A number in units of 10 ** -decimals as text."""
    if not decimals:
        return str(number)
    whole, rest = divmod(abs(number), 10**decimals)
    return f"{'-' if number < 0 else ''}{whole}.{rest:0{decimals}d}"
