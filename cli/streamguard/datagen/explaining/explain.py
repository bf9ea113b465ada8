"""The resolved plan of a world as text: the same every time, so that two plans can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator

from streamguard.datagen.explaining.expectations import expected, mean_records
from streamguard.datagen.explaining.phrases import (
    attribute_told,
    choices_told,
    column_told,
    duration,
    figure,
    given,
    percent,
    pick_told,
    rate_told,
    seasons_told,
    shape_told,
    show_told,
    trait_told,
)
from streamguard.datagen.world.campaigns import (
    Burst,
    Campaign,
    Change,
    Condition,
    Phase,
    Rule,
    SetChoice,
    SetEntity,
    Times,
)
from streamguard.datagen.world.model import Clock, Fault, Stops, Truth, World
from streamguard.datagen.world.streams import Stream


def explain(world: World) -> str:
    """Entities, streams, campaigns, faults, truth, clock and stops, each with what is to be expected of it."""
    return "\n".join(_lines(world)) + "\n"


def _lines(world: World) -> Iterator[str]:
    trivial = " (trivial: one field may give fraud away)" if world.trivial else ""
    yield f"world {world.name} {world.digest[:12]}{trivial}"
    if world.about:
        yield f"  {world.about}"
    for entity in world.entities:
        yield ""
        yield f"entity {entity.name}: {entity.count:,}"
        for attribute in entity.attributes:
            yield f"  {attribute.name}: {attribute_told(attribute)}"
        for trait in entity.traits:
            yield f"  ({trait.name}): {trait_told(entity, trait)}"
    for stream in world.streams:
        yield from _stream(world, stream)
    if world.campaigns:
        yield from _campaigns(world)
    yield from _rest(world)


def _stream(world: World, stream: Stream) -> Iterator[str]:
    yield ""
    yield f"stream {stream.name} -> topic {stream.topic}, key {show_told(stream.key) if stream.key else 'none'}"
    yield f"  rate: {rate_told(stream.rate)}"
    yield "  columns, in the order in which they are drawn:"
    for column in stream.columns:
        first, *more = column_told(world, stream, column)
        yield f"    {column.name}: {first}"
        yield from (f"      {line}" for line in more)
    yield f"  record: {', '.join(field.name for field in stream.record)}"


def _campaigns(world: World) -> Iterator[str]:
    yield ""
    yield "campaigns, and how many of a million records they take:"
    for campaign in world.campaigns:
        yield f"  {campaign.name}: {_kind(campaign)}, {_taken(world, campaign)}"
        if campaign.about:
            yield f"    {campaign.about}"
        match campaign:
            case Burst(phases=phases, fraud=fraud):
                for phase in phases:
                    yield f"    {_phase(phase)}{'; no fraud' if fraud and not phase.fraud else ''}"
            case Condition():
                yield from (f"    {line}" for line in _condition(campaign))
            case Rule(column=column, above=above):
                yield f"    every record with {column} above {given(above)}"
        if not isinstance(campaign, Rule) and campaign.drift:
            drift = ", ".join(f"from day {figure(one.day)} on x {figure(one.times)}" for one in campaign.drift)
            yield f"    drift: {drift}"
    frauds = [
        one.fraud_share if isinstance(one, Burst) else expected(world, one).share
        for one in world.campaigns
        if one.fraud
    ]
    known = [share for share in frauds if not math.isnan(share)]
    if known:
        about = "about" if len(known) == len(frauds) else "at least"
        yield f"  fraud, all together: {about} {percent(sum(known))} of records"


def _kind(campaign: Campaign) -> str:
    return f"{campaign.kind.replace('_', ' ')}, {'fraud' if campaign.fraud else 'no fraud'}"


def _taken(world: World, campaign: Campaign) -> str:
    found = expected(world, campaign)
    if math.isnan(found.share):
        return "as many as there are"
    records = f"{figure(found.share * 1e6)} records"
    if isinstance(campaign, Burst):
        each = figure(mean_records(campaign))
        return f"{records} in {figure(found.instances)} instances of {each}"
    return f"about {records}"


def _phase(phase: Phase) -> str:
    low, high = phase.records.low, phase.records.high
    many = f"{low}" if low == high else f"{low} to {high}"
    every = f", every {shape_told(phase.every, duration)}" if high > 1 else ""
    changes = "".join(f"; {_change(change)}" for change in phase.changes)
    return f"{many} {'record' if high == 1 else 'records'} of one {phase.actor}{every}{changes}"


def _condition(condition: Condition) -> Iterator[str]:
    changes = "".join(f"; {_change(change)}" for change in condition.changes) or "; nothing is changed"
    share = percent(condition.probability)
    if condition.steady:
        yield f"{share} of all records{_times(condition)}{changes}"
        return
    yield (
        f"{figure(condition.per_day)} of {condition.actor} a day, for {condition.days} days; "
        f"{share} of their records{_times(condition)}{changes}"
    )


def _times(condition: Condition) -> str:
    told = ""
    if condition.hours:
        told += f" from {figure(condition.hours[0])} to {figure(condition.hours[1])} o'clock"
    if condition.seasons:
        told += f" in {seasons_told(condition.seasons)}"
    if condition.month_days:
        told += f" on day {', '.join(map(str, condition.month_days))} of a month"
    return told


def _change(change: Change) -> str:
    once = ", the same for all" if change.once else ""
    match change:
        case Times(column, factor):
            return f"{column} x {shape_told(factor)}{once}"
        case SetEntity(column, pick):
            return f"{column} {'as usual' if pick is None else pick_told(pick)}{once}"
        case SetChoice(column, choices):
            return f"{column} {choices_told(choices)}{once}"
        case _:
            return f"{change.column} {shape_told(change.distribution)}{once}"


def _rest(world: World) -> Iterator[str]:
    if world.faults:
        yield ""
        yield "faults:"
        yield from (f"  {_fault(fault)}" for fault in world.faults)
    if world.truth:
        yield ""
        yield from _truth(world.truth)
    yield ""
    yield f"clock: {_clock(world.clock)}"
    yield f"stops: {_stops(world.stops)}"


def _fault(fault: Fault) -> str:
    told = f"{fault.kind.replace('_', ' ')}: {percent(fault.share)} of records"
    if fault.delay is not None:
        told += f", {shape_told(fault.delay, duration)} late"
    if fault.distance:
        told += f", by at most {fault.distance} records"
    if fault.size:
        told += f", {fault.size:,} bytes"
    if fault.fields:
        told += f", in {', '.join(fault.fields)}"
    return told


def _truth(truth: Truth) -> Iterator[str]:
    yield f"truth -> topic {truth.topic}"
    if truth.labels:
        labels = truth.labels
        yield (
            f"  labels -> topic {labels.topic}, after {shape_told(labels.delay, duration)}; "
            f"{percent(labels.wrong)} wrong, {percent(labels.unreported)} never reported"
        )


def _clock(clock: Clock) -> str:
    told = f"from {clock.start:%Y-%m-%d %H:%M:%S} UTC" if clock.start else "from now on"
    if clock.days is not None:
        told += f", {figure(clock.days)} days at once{', then on as time goes' if clock.then_live else ''}"
    if clock.fast:
        return f"{told}, as fast as possible"
    return told if clock.scale == 1 else f"{told}, {figure(clock.scale)} times as fast as the wall clock"


def _stops(stops: Stops) -> str:
    after = []
    if stops.count is not None:
        after.append(f"after {stops.count:,} records")
    if stops.duration is not None:
        after.append(f"after {duration(stops.duration)}")
    return " or ".join(after) or "when it is told to"
