"""Alter the offsets of sinks on a cluster: read where they stand, stop them, alter, restore the state of before.

A worker alters the offsets of STOPPED connectors only. Whatever happens in between, also Ctrl-C, the connector is put
back into its former state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from streamguard.connect import reading
from streamguard.connect.answers import Offset
from streamguard.connect.client import ConnectClient
from streamguard.connect.offsets import Move, Partition, Place, Standing
from streamguard.errors import ConnectError, WaitTimedOut
from streamguard.kafka import group_offsets
from streamguard.kafka.group_offsets import GroupReaders
from streamguard.settings import Settings

POLL_SECONDS = 0.2
START_SECONDS = 15.0
"""How long a start is waited for, which nothing depends on."""
Tell = Callable[[str], None]


def standing(client: ConnectClient, settings: Settings, name: str, config: Mapping[str, str]) -> Standing:
    """Where a sink stands: the worker says what is committed, Kafka what there is."""
    committed = {(one.topic, one.partition): one.offset for one in client.offsets(name)}
    partitions = group_offsets.partitions(settings)
    topics = reading.topics_of(config, partitions)
    if not topics and not config.get("topics.regex"):
        raise ConnectError(f"{name} reads no topics: only the offsets of sinks can be looked at")
    reads = {(topic, number) for topic in topics for number in partitions.get(topic, (0,))}
    places = sorted(reads | committed.keys())
    control = reading.control_of(name, config)
    theirs = [(control.topic, number) for number in partitions.get(control.topic, ())] if control else []
    exist = {place for place in (*places, *theirs) if place[1] in partitions.get(place[0], ())}
    bounds = group_offsets.bounds(settings, exist)

    def partition(place: Place, offset: int | None, is_read: bool) -> Partition:
        known = bounds.get(place)
        if known is None:
            return Partition(*place, offset, known=False, is_read=is_read)
        return Partition(*place, offset, known.first, known.end, is_read=is_read)

    own = tuple(partition(place, committed.get(place), place in reads) for place in places)
    behind = _committed(settings, control.group, theirs) if control else {}
    return Standing(
        name,
        reading.group_of(name, config),
        own,
        config.get("consumer.override.auto.offset.reset", "earliest"),
        control,
        tuple(partition(place, behind.get(place), True) for place in theirs),
    )


def standing_without_kafka(client: ConnectClient, name: str, config: Mapping[str, str]) -> Standing:
    """Only what the worker says: neither what there is nor what it reads is known."""
    offsets = client.offsets(name)
    own = tuple(Partition(one.topic, one.partition, one.offset, known=False, is_read=False) for one in offsets)
    return Standing(name, reading.group_of(name, config), own)


@contextmanager
def stopped(client: ConnectClient, name: str, *, timeout: float, tell: Tell) -> Iterator[None]:
    """STOPPED inside, and as before afterwards."""
    before = _settled_state(client, name, timeout)
    if before == "STOPPED":
        yield
        return
    try:
        tell(f"stopping, it is {before}")
        client.stop(name)
        _wait_for_stop(client, name, timeout)
        yield
    finally:
        (client.pause if before == "PAUSED" else client.resume)(name)
        _wait_for_start(client, name)
        tell("paused again" if before == "PAUSED" else "resumed")


def alter(client: ConnectClient, settings: Settings, now: Standing, moves: Sequence[Move], *, timeout: float) -> None:
    """Set the offsets of a sink that is STOPPED, those of its second group first: if that fails, nothing is changed."""
    control = {one.partition.place: one.after for one in moves if one.control and one.after is not None}
    if control and now.control is not None:
        group_offsets.commit(settings, now.control.group, control, timeout=timeout)
    own = [one for one in moves if not one.control]
    if own:
        client.alter_offsets(now.name, [Offset(*one.partition.place, one.after) for one in own])


def forget(
    client: ConnectClient, settings: Settings, name: str, config: Mapping[str, str], *, timeout: float = 60.0
) -> None:
    """Stop a connector and forget its offsets, before it is deleted: made again, it begins anew.

    What an Iceberg sink has written and not yet put into its table is written anew then, so its second group is set to
    the end of the control topic.
    """
    client.stop(name)
    _wait_for_stop(client, name, timeout)
    control = reading.control_of(name, config)
    if control is not None:
        places = [(control.topic, number) for number in group_offsets.partitions(settings).get(control.topic, ())]
        ends = {place: bounds.end for place, bounds in group_offsets.bounds(settings, places).items()}
        if ends:
            group_offsets.commit(settings, control.group, ends, timeout=timeout)
    client.delete_offsets(name)


def at_time(settings: Settings, now: Standing, milliseconds: int) -> dict[Place, int | None]:
    """The offset of the first record of each partition that is as young as a time since 1970."""
    places = [one.place for one in now.partitions if one.known and one.is_read]
    return group_offsets.at_time(settings, places, milliseconds)


def _committed(settings: Settings, group: str, places: Sequence[Place]) -> dict[Place, int]:
    readers = GroupReaders(settings)
    try:
        return readers.committed(group, places)
    finally:
        readers.close()


def _settled_state(client: ConnectClient, name: str, timeout: float) -> str:
    """The state that somebody wants it to be in; a connector that is just being assigned does not show it."""
    end = time.monotonic() + timeout
    while (state := client.status(name).state) in ("UNASSIGNED", "RESTARTING", ""):
        if time.monotonic() >= end:
            raise WaitTimedOut(f"{name} is {state} for {timeout:g} s: its offsets were not altered")
        time.sleep(POLL_SECONDS)
    return state


def _wait_for_start(client: ConnectClient, name: str) -> None:
    """Until the worker no longer shows it as STOPPED: who looks before that takes it for its former state."""
    end = time.monotonic() + START_SECONDS
    while client.status(name).state == "STOPPED" and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _wait_for_stop(client: ConnectClient, name: str, timeout: float) -> None:
    """Until its tasks have ended and committed what they did."""
    end = time.monotonic() + timeout
    while True:
        status = client.status(name)
        if status.state == "STOPPED" and not status.tasks:
            return
        if time.monotonic() >= end:
            raise WaitTimedOut(f"{name} is not STOPPED after {timeout:g} s, but {status.state}")
        time.sleep(POLL_SECONDS)
