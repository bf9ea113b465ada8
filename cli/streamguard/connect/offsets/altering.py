"""Alter the offsets of sinks on a cluster: read where they stand, stop them, alter, restore the state of before.

A worker alters the offsets of STOPPED connectors only. Whatever happens in between, also Ctrl-C, the connector is put
back into its former state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from streamguard.connect.offsets import reading
from streamguard.connect.offsets.moves import Move, Partition, Standing
from streamguard.connect.offsets.resetting import delete_offsets
from streamguard.connect.rest.answers import Offset
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, WaitTimedOut
from streamguard.kafka import group_offsets
from streamguard.kafka.group_offsets import Bounds, GroupReaders
from streamguard.model import Place
from streamguard.settings import Settings

POLL_SECONDS = 0.2
START_SECONDS = 15.0
"""How long a start is waited for, which nothing depends on."""
Tell = Callable[[str], None]


def standing(client: ConnectClient, settings: Settings, name: str, config: Mapping[str, str]) -> Standing:
    """Where a sink stands: the worker says what is committed, Kafka what there is."""
    return standings(client, settings, {name: config})[name]


def standings(
    client: ConnectClient,
    settings: Settings,
    configs: Mapping[str, Mapping[str, str]],
    *,
    jobs: int = 8,
    progress: Callable[[int, int], None] = lambda _done, _wanted: None,
) -> dict[str, Standing]:
    """Where sinks stand: one request to Connect for each, a few to Kafka for all."""
    committed = _offsets(client, list(configs), jobs, progress)
    partitions = group_offsets.partitions(settings)
    found = {name: _Found(name, config, committed[name], partitions) for name, config in configs.items()}
    exist = {place for one in found.values() for place in one.places if place[1] in partitions.get(place[0], ())}
    bounds = group_offsets.bounds(settings, exist)
    behind = _committed(
        settings, {one.control.group: one.control_places for one in found.values() if one.control is not None}
    )
    return {name: one.standing(bounds, behind) for name, one in found.items()}


def standings_without_kafka(
    client: ConnectClient,
    configs: Mapping[str, Mapping[str, str]],
    *,
    jobs: int = 8,
    progress: Callable[[int, int], None] = lambda _done, _wanted: None,
) -> dict[str, Standing]:
    """Only what the worker says: neither what there is nor what the sinks read is known."""
    found = {}
    for name, committed in _offsets(client, list(configs), jobs, progress).items():
        own = tuple(
            Partition(*place, offset, known=False, is_read=False) for place, offset in sorted(committed.items())
        )
        found[name] = Standing(name, reading.group_of(name, configs[name]), own)
    return found


class _Found:
    """What is known of a sink before Kafka is asked for bounds."""

    def __init__(
        self,
        name: str,
        config: Mapping[str, str],
        committed: Mapping[Place, int | None],
        partitions: Mapping[str, Sequence[int]],
    ) -> None:
        topics = reading.topics_of(config, partitions)
        if not topics and not config.get("topics.regex"):
            raise ConnectError(f"{name} reads no topics: only the offsets of sinks can be looked at")
        self.name = name
        self.config = config
        self.committed = committed
        self.reads = {(topic, number) for topic in topics for number in partitions.get(topic, (0,))}
        self.control = reading.control_of(name, config)
        theirs = self.control.topic if self.control else ""
        self.control_places = [(theirs, number) for number in partitions.get(theirs, ())]
        self.places = [*sorted(self.reads | committed.keys()), *self.control_places]

    def standing(self, bounds: Mapping[Place, Bounds], behind: Mapping[str, Mapping[Place, int]]) -> Standing:
        def partition(place: Place, offset: int | None, is_read: bool) -> Partition:
            known = bounds.get(place)
            if known is None:
                return Partition(*place, offset, known=False, is_read=is_read)
            return Partition(*place, offset, known.first, known.end, is_read=is_read)

        own = sorted(self.reads | self.committed.keys())
        theirs = behind.get(self.control.group, {}) if self.control else {}
        return Standing(
            self.name,
            reading.group_of(self.name, self.config),
            tuple(partition(place, self.committed.get(place), place in self.reads) for place in own),
            self.config.get("consumer.override.auto.offset.reset", "earliest"),
            self.control,
            tuple(partition(place, theirs.get(place), True) for place in self.control_places),
        )


def _offsets(
    client: ConnectClient, names: Sequence[str], jobs: int, progress: Callable[[int, int], None]
) -> dict[str, dict[Place, int | None]]:
    """What each sink has committed, as the worker says."""
    found: dict[str, dict[Place, int | None]] = {}
    with ThreadPoolExecutor(max(1, min(jobs, len(names) or 1)), thread_name_prefix="offsets") as pool:
        for name, offsets in zip(names, pool.map(client.offsets, names), strict=True):
            found[name] = {(one.topic, one.partition): one.offset for one in offsets}
            progress(len(found), len(names))
    return found


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
    """Stop a connector and forget its offsets, before it is deleted: made again, it begins anew."""
    client.stop(name)
    try:
        delete_offsets(
            client, name, timeout=timeout, first=partial(end_control, settings, name, config, timeout=timeout)
        )
    except WaitTimedOut as exc:
        raise WaitTimedOut(f"{name}: {exc}") from exc


def end_control(settings: Settings, name: str, config: Mapping[str, str], *, timeout: float = 60.0) -> None:
    """Set the second group of an Iceberg sink that is STOPPED to the end of the control topic: what it has written and
    not yet put into its table is written anew when it begins anew."""
    control = reading.control_of(name, config)
    if control is not None:
        places = [(control.topic, number) for number in group_offsets.partitions(settings).get(control.topic, ())]
        ends = {place: bounds.end for place, bounds in group_offsets.bounds(settings, places).items()}
        if ends:
            group_offsets.commit(settings, control.group, ends, timeout=timeout)


def at_time(settings: Settings, now: Standing, milliseconds: int) -> dict[Place, int | None]:
    """The offset of the first record of each partition that is as young as a time since 1970."""
    places = [one.place for one in now.partitions if one.known and one.is_read]
    return group_offsets.at_time(settings, places, milliseconds)


def _committed(settings: Settings, groups: Mapping[str, Sequence[Place]]) -> dict[str, dict[Place, int]]:
    readers = GroupReaders(settings)
    try:
        return {group: readers.committed(group, places) for group, places in groups.items()}
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
