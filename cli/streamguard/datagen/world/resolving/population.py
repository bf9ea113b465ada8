"""Entities: their attributes and traits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from string import Formatter
from typing import Any

from streamguard.datagen.world import population as model
from streamguard.datagen.world.document import Path
from streamguard.datagen.world.population import Attribute, AttributeKind, Entity, Trait
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.shapes import DISTRIBUTIONS, NOTHING, choices, distribution, one_kind
from streamguard.datagen.world.shapes import Distribution, Zipf

ATTRIBUTES = ("uuid", "index", "faker", "template", "pattern", "hex", "iban", "date", "choice", "number", "entity")
FILTERS = ("slug", "letters")
_USUAL = frozenset(
    {
        *(
            "first_name",
            "first_name_female",
            "first_name_male",
            "last_name",
            "name",
            "name_female",
            "name_male",
            "prefix",
        ),
        *("address", "city", "country", "postcode", "state", "state_abbr", "street_address", "street_name", "zipcode"),
        *("company", "company_suffix", "job", "ssn", "phone_number", "license_plate", "credit_card_number", "iban"),
        *("email", "free_email", "user_name", "url", "user_agent", "mac_address", "ipv4", "word", "sentence", "suffix"),
    }
)
"""Providers that Faker is known to have: it takes a tenth of a second to import, and most worlds name no others."""
_KNOWN = {"en_US": _USUAL, "en_GB": _USUAL - {"state", "state_abbr", "zipcode"}}


def entities(spec: Mapping[str, Any], problems: Problems) -> tuple[Entity, ...]:
    """All entities of a world."""
    return tuple(_entity(name, one, spec, problems) for name, one in spec.items())


def _entity(name: str, spec: Mapping[str, Any], every: Mapping[str, Any], problems: Problems) -> Entity:
    path: Path = ("entities", name)
    attributes = tuple(
        Attribute(key, kind, bool(one.get("hidden", False)))
        for key, one in spec["attributes"].items()
        if (kind := _attribute(one, (*path, "attributes", key), name, every, problems)) is not None
    )
    problems.broken |= spec["attributes"].keys() - {one.name for one in attributes}
    _templates(attributes, spec["attributes"], path, problems)
    traits = tuple(
        _trait(key, one, attributes, (*path, "traits", key), problems) for key, one in spec.get("traits", {}).items()
    )
    for key in set(spec["attributes"]) & set(spec.get("traits", {})):
        problems.add((*path, "traits", key), f"there is an attribute {key}, too: give the trait another name")
    digest = hashlib.sha256(repr((name, attributes)).encode()).hexdigest()
    return Entity(name, spec["count"], attributes, traits, digest)


def _attribute(
    spec: Mapping[str, Any], path: Path, entity: str, every: Mapping[str, Any], problems: Problems
) -> AttributeKind | None:
    kind = one_kind(spec, ATTRIBUTES, path, problems, "an attribute")
    for key, needed in (("decimals", "number"), ("locale", "faker")):
        if key in spec and kind not in (None, needed):
            problems.add((*path, key), f"{key} is for {needed} only: leave it out")
    match kind:
        case None:
            return None
        case "faker":
            return _faker(spec, path, problems)
        case "date":
            return _dates(spec["date"], (*path, "date"), problems)
        case "choice":
            return model.ChoiceText(choices(spec["choice"], (*path, "choice"), problems))
        case "number":
            shape = distribution(spec["number"], (*path, "number"), problems)
            return model.NumberText(shape, spec.get("decimals", 0))
        case "entity":
            return _owner(spec["entity"], (*path, "entity"), entity, every, problems)
        case _:
            return _PLAIN[kind](spec[kind])


_PLAIN: Mapping[str, Callable[[Any], AttributeKind]] = {
    "uuid": lambda _: model.UuidText(),
    "index": lambda _: model.IndexText(),
    "template": model.TemplateText,
    "pattern": model.PatternText,
    "hex": model.HexText,
    "iban": model.IbanText,
}


def _owner(owner: str, path: Path, entity: str, every: Mapping[str, Any], problems: Problems) -> AttributeKind:
    before = list(every)[: list(every).index(entity)]
    if owner not in every:
        problems.unknown(path, "entity", owner, every)
    elif owner not in before:
        problems.add(path, f"{entity} can not belong to {owner}, which comes after it: move {owner} above {entity}")
    return model.ReferenceText(owner)


def _faker(spec: Mapping[str, Any], path: Path, problems: Problems) -> AttributeKind:
    locale, provider = spec.get("locale", "en_US"), spec["faker"]
    if provider in _KNOWN.get(locale, ()):
        return model.FakerText(provider, locale)
    known = _providers(locale)
    if known is None:
        problems.add((*path, "locale"), f"Faker has no locale {locale}: try en_US, en_GB, de_DE or fr_FR")
    elif provider not in known:
        problems.unknown((*path, "faker"), "provider of Faker", provider, known)
    return model.FakerText(provider, locale)


@cache
def _providers(locale: str) -> frozenset[str] | None:
    """What Faker can write in a locale; None if it has no such locale."""
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    if locale not in AVAILABLE_LOCALES:
        return None
    fake = Faker(locale)
    names = (name for provider in fake.get_providers() for name in dir(provider) if not name.startswith("_"))
    return frozenset(names) - {"random", "seed", "generator", "locale", "provider"}


def _dates(spec: list[str], path: Path, problems: Problems) -> AttributeKind:
    days = []
    for text in spec:
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            problems.add(path, f"there is no day {text}: write one of the calendar, as 2001-12-31")
    if len(days) != 2:
        return model.DateText(date.min, date.min)
    if days[0] > days[1]:
        problems.add(path, f"from {spec[0]} to {spec[1]} is backwards: write [{spec[1]}, {spec[0]}]")
    return model.DateText(days[0], days[1])


def _templates(attributes: tuple[Attribute, ...], spec: Mapping[str, Any], path: Path, problems: Problems) -> None:
    """Templates name attributes that there are, known filters, and do not go round in a circle."""
    uses: dict[str, tuple[str, ...]] = {}
    for attribute in attributes:
        place = (*path, "attributes", attribute.name, "template")
        if not isinstance(attribute.kind, model.TemplateText):
            continue
        try:
            fields = [name for _, name, _, _ in Formatter().parse(attribute.kind.template) if name is not None]
        except ValueError as exc:
            problems.add(place, f"{exc}: write {{{{ for a brace that stands for itself")
            continue
        names = [field.partition("|") for field in fields]
        for name, bar, filtered in names:
            if name not in spec and name != "index":
                problems.unknown(place, "attribute", name or "{}", [*spec, "index"])
            if bar and filtered not in FILTERS:
                problems.unknown(place, "filter", filtered, FILTERS)
        uses[attribute.name] = tuple(name for name, _, _ in names)
    for name in uses:
        if name in _reached(name, uses):
            problems.add((*path, "attributes", name, "template"), f"{name} is made from itself: leave it out of there")


def _reached(name: str, uses: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(uses[name])
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting.extend(uses.get(one, ()))
    return found


def _trait(name: str, spec: Any, attributes: tuple[Attribute, ...], path: Path, problems: Problems) -> Trait:
    if not isinstance(spec, Mapping):
        return Trait(name, (distribution(spec, path, problems),))
    kind = one_kind(spec, (*DISTRIBUTIONS, "zipf", "place", "by"), path, problems, "a trait")
    if "each" in spec and kind != "by":
        problems.add((*path, "each"), "each needs `by: ATTRIBUTE`: add it, or leave each out")
    match kind:
        case None:
            return Trait(name, (NOTHING,))
        case "zipf":
            return Trait(name, (Zipf(float(spec["zipf"])),))
        case "place":
            return Trait(name, (model.Place(float(spec["place"])),))
        case "by":
            return Trait(name, _each(spec, attributes, path, problems), spec["by"])
        case _:
            return Trait(name, (distribution(spec, path, problems),))


def _each(
    spec: Mapping[str, Any], attributes: tuple[Attribute, ...], path: Path, problems: Problems
) -> tuple[Distribution, ...]:
    known = {one.name: one.kind.choices for one in attributes if isinstance(one.kind, model.ChoiceText)}
    if "each" not in spec:
        problems.add(path, "by needs each: add `each: {VALUE: a distribution, …}`")
    if spec["by"] not in known:
        problems.unknown((*path, "by"), "choice attribute", spec["by"], known)
    if "each" not in spec or spec["by"] not in known:
        return (NOTHING,)
    return tuple(
        distribution(spec["each"][value], (*path, "each", value), problems)
        for value in one_for_each(spec["each"], known[spec["by"]].values, (*path, "each"), problems)
    )


def one_for_each(spec: Mapping[str, Any], values: tuple[Any, ...], path: Path, problems: Problems) -> list[str]:
    """The values as text that `spec` has an entry for; a problem for each that is missing or unknown."""
    known = [str(value) for value in values]
    for name in spec:
        if name not in known:
            problems.unknown((*path, name), "value", name, known)
    if missing := [name for name in known if name not in spec]:
        problems.add(path, f"nothing for {', '.join(missing)}: add {', '.join(f'`{name}: …`' for name in missing)}")
    return [name for name in known if name in spec]
