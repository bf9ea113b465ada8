"""The parts of a world in words, for the plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from streamguard.datagen.explaining.expectations import mean, number_mean, percentiles
from streamguard.datagen.world import population, shapes
from streamguard.datagen.world.campaigns import Away
from streamguard.datagen.world.model import World
from streamguard.datagen.world.population import Attribute, Entity, Place, Trait
from streamguard.datagen.world.shapes import Choices, Distribution
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    ComponentsColumn,
    EntityColumn,
    Favourites,
    Follow,
    LabelColumn,
    Near,
    NumberColumn,
    Rate,
    Same,
    Season,
    ShowAttribute,
    ShowColumn,
    ShowText,
    Stream,
    Weighted,
)

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"), (1e-3, "ms"))


def figure(value: float) -> str:
    """Four digits that count, with thousands marked."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else "without bound"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def given(value: float) -> str:
    """A number as it was declared."""
    return f"{value:,.10g}"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{share * 100:.3g} %"


def duration(seconds: float) -> str:
    """Seconds as a world file writes them."""
    unit, name = next(((unit, name) for unit, name in _UNITS if abs(seconds) >= unit), (1.0, "s"))
    return f"{seconds / unit:.3g}{name}"


def shape_told(shape: Distribution, told: Callable[[float], str] = given) -> str:
    """A distribution: its name and parameters; means and percentiles are told by `expected_told`."""
    match shape:
        case shapes.Constant(value):
            return told(value)
        case shapes.Uniform(low, high):
            return f"{told(low)} to {told(high)}"
        case shapes.Normal(centre, sd):
            return f"normal(mean {told(centre)}, sd {told(sd)}{_bounds(shape, told)})"
        case shapes.LogNormal(median, sigma):
            return f"lognormal(median {told(median)}, sigma {given(sigma)})"
        case shapes.Gamma(number, centre):
            return f"gamma(shape {given(number)}, mean {told(centre)})"
        case shapes.Pareto(least, exponent):
            return f"pareto(least {told(least)}, exponent {given(exponent)})"
        case shapes.Tailed(centre, sd, kurtosis):
            return f"tailed(mean {told(centre)}, sd {told(sd)}, kurtosis {given(kurtosis)})"
        case shapes.Mixture(parts, shares):
            each = (f"{percent(share)} {shape_told(part, told)}" for part, share in zip(parts, shares, strict=True))
            return " + ".join(each)


def expected_told(shape: Distribution) -> str:
    """Mean, median and the middle nine tenths of a distribution."""
    low, middle, high = percentiles(shape, (0.05, 0.5, 0.95))
    return f"mean {figure(mean(shape))}, median {figure(middle)}, 90 % from {figure(low)} to {figure(high)}"


def choices_told(choices: Choices) -> str:
    """Values and their shares; a long list is cut."""
    if len(choices.values) > 12:
        first = ", ".join(str(value) for value in choices.values[:3])
        return f"one of {len(choices.values)}: {first}, …"
    pairs = zip(choices.values, choices.shares, strict=True)
    return ", ".join(f"{value} {percent(share)}" for value, share in pairs if share)


def attribute_told(attribute: Attribute) -> str:
    """What an attribute shows."""
    hidden = " (hidden)" if attribute.hidden else ""
    match attribute.kind:
        case population.UuidText():
            told = "a UUID"
        case population.IndexText():
            told = "its number"
        case population.FakerText(provider, locale):
            told = f"Faker's {provider}, {locale}"
        case population.TemplateText(template):
            told = f'"{template}"'
        case population.PatternText(pattern):
            told = f"pattern {pattern}"
        case population.HexText(digits):
            told = f"{digits} hexadecimal digits"
        case population.IbanText(country):
            told = f"an IBAN of {country}"
        case population.DateText(first, last):
            told = f"a day from {first} to {last}"
        case population.ChoiceText(choices):
            told = choices_told(choices)
        case population.NumberText(shape):
            told = shape_told(shape)
        case population.ReferenceText(entity):
            told = f"the {entity} that it belongs to"
    return told + hidden


def trait_told(entity: Entity, trait: Trait) -> str:
    """How a trait is spread over the entities."""
    if trait.by is not None:
        kind = entity.attribute(trait.by).kind
        assert isinstance(kind, population.ChoiceText)
        pairs = zip(kind.choices.values, trait.kinds, strict=True)
        return f"by {trait.by}: {', '.join(f'{value} {_trait_kind(one)}' for value, one in pairs)}"
    return _trait_kind(trait.kind)


def _trait_kind(kind: Distribution | shapes.Zipf | Place) -> str:
    match kind:
        case Place(size):
            return f"a point on a plain of {given(size)} x {given(size)}"
        case shapes.Zipf(exponent):
            return f"Zipf, the n-th 1 / n^{given(exponent)}"
        case _:
            return f"{shape_told(kind)}: {expected_told(kind)}"


def column_told(world: World, stream: Stream, column: Column) -> Iterator[str]:
    """A line about a column, and more where each value of a choice has a line of its own."""
    match column:
        case EntityColumn():
            other = f", never that of {column.other_than}" if column.other_than else ""
            yield f"{column.entity}, {pick_told(column.pick)}{other}"
        case NumberColumn():
            yield from _number(world, stream, column)
        case ChoiceColumn(choices=choices, by=None):
            yield choices_told(choices[0])
        case ChoiceColumn(choices=choices, by=str(by)):
            yield f"by {by}"
            values = _values(world, stream, by)
            yield from (f"{value}: {choices_told(one)}" for value, one in zip(values, choices, strict=True))
        case AttributeColumn(reference=reference):
            yield f"that of {reference}"
        case LabelColumn(choices=choices, fraud=fraud):
            yield f"observed label: {choices_told(choices)}" + (f"; of fraud {choices_told(fraud)}" if fraud else "")
        case ComponentsColumn(components=components):
            spread = [figure(one.ordinary.sd) for one in (components[0], components[-1])]
            yield f"{column.name}1 to {column.name}{len(components)}: sd {' to '.join(spread)}"
            yield f"fraud is moved by gamma(shape {figure(column.severity)}), {percent(column.hard)} of it not at all"


def _number(world: World, stream: Stream, column: NumberColumn) -> Iterator[str]:
    times = "".join(f" x {reference}" for reference in column.times)
    limits = _limits(column.least, column.most)
    rounding = "".join(
        f", {percent(one.share)} to a multiple of {figure(one.to)}{f' {one.plus:+g}' if one.plus else ''}"
        for one in column.rounding
    )
    if column.by is None:
        shape = column.distributions[0]
        whole = f"; with traits mean {figure(number_mean(world, stream, column))}" if column.times else ""
        yield f"{shape_told(shape)}{times}{limits}{rounding}: {expected_told(shape)}{whole}"
        return
    yield f"by {column.by}{times}{limits}{rounding}"
    values = _values(world, stream, column.by)
    for value, shape in zip(values, column.distributions, strict=True):
        yield f"{value}: {shape_told(shape)}: {expected_told(shape)}"


def _values(world: World, stream: Stream, reference: str) -> Sequence[object]:
    name, dot, attribute = reference.partition(".")
    column = stream.column(name)
    if dot and isinstance(column, EntityColumn):
        kind = world.entity(column.entity).attribute(attribute).kind
        assert isinstance(kind, population.ChoiceText)
        return kind.choices.values
    if isinstance(column, AttributeColumn):
        return _values(world, stream, column.reference)
    if isinstance(column, ChoiceColumn):
        return column.choices[0].values
    assert isinstance(column, LabelColumn)
    return column.choices.values


def pick_told(pick: Weighted | Favourites | Follow | Away) -> str:
    """How an entity is picked."""
    match pick:
        case Weighted(weight, within):
            return f"{f'by {weight}' if weight else 'all alike'}{_within(within)}"
        case Favourites(of, count, share, skew, otherwise):
            habit = f"{percent(share)} one of {count} favourites of the {of} (skew {figure(skew)})"
            return f"{habit}, else {pick_told(otherwise)}"
        case Follow(column, attribute):
            return f"the {attribute} of {column}"
        case Away(attribute, reference, weight):
            return f"whose {attribute} is not {reference}{f', by {weight}' if weight else ''}"


def _within(within: Near | Same | None) -> str:
    match within:
        case Near(of, place, radius):
            return f", within {figure(radius)} of the {place} of {of}"
        case Same(attribute, reference):
            return f", whose {attribute} is {reference}"
        case None:
            return ""


def rate_told(rate: Rate) -> str:
    """Records a second, and how that changes."""
    more = ""
    if rate.bursts:
        often, length = duration(rate.bursts.every), duration(rate.bursts.length)
        more = f"; every {often} for {length} x {figure(rate.bursts.times)}"
    if rate.steps:
        steps = ", ".join(f"{figure(step.rate)} from {duration(step.at)}" for step in rate.steps)
        return f"{steps} records a second{more}"
    told = f"{figure(rate.mean)} records a second ({figure(rate.mean * 86_400)} a day)"
    if len(rate.day) > 1:
        told += f"; over the day x {figure(min(rate.day))} to {figure(max(rate.day))}"
    if len(set(rate.week)) > 1:
        told += f"; from Monday on x {', '.join(f'{weight:.2f}' for weight in rate.week)}"
    if rate.seasons:
        told += f"; {seasons_told(rate.seasons, times=True)}"
    if rate.month_days:
        told += f"; {', '.join(f'day {day} of a month x {figure(weight)}' for day, weight in rate.month_days)}"
    return told + more


def seasons_told(seasons: Sequence[Season], *, times: bool = False) -> str:
    """Seasons with their dates."""
    each = (
        f"{one.name} ({one.first[0]:02d}-{one.first[1]:02d} to {one.last[0]:02d}-{one.last[1]:02d})"
        f"{f' x {figure(one.times)}' if times else ''}"
        for one in seasons
    )
    return ", ".join(each)


def show_told(show: ShowAttribute | ShowColumn | ShowText) -> str:
    """What a key shows."""
    match show:
        case ShowAttribute(column, attribute):
            return f"{column}.{attribute}"
        case ShowColumn(column):
            return column
        case ShowText(parts):
            return "".join(part if isinstance(part, str) else f"{{{part[0]}}}" for part in parts)


def _bounds(shape: shapes.Normal, told: Callable[[float], str]) -> str:
    limits = _limits(shape.low, shape.high, told)
    return f"{limits}, else {shape_told(shape.instead, told)}" if shape.instead else limits


def _limits(low: float | None, high: float | None, told: Callable[[float], str] = given) -> str:
    return (f", at least {told(low)}" if low is not None else "") + (
        f", at most {told(high)}" if high is not None else ""
    )
