"""The state of the queries over one topic, in step with what was committed.

State is in memory; a query's changelog topic has it too, written in the transaction of the batch that changed it. What
is in memory is right for a partition as long as the partition's committed offset is the one that our last commit put
there: then nobody else has had it, and no transaction of ours was aborted. Otherwise it is read again from the
changelog, to the end as the brokers know it: records of a transaction that is still open are waited for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution import changelog
from streamguard.engine.execution.changelog import Changelog
from streamguard.engine.execution.compile import new_state
from streamguard.engine.execution.state import State
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.kafka.exactly_once.verdicts import Stopped
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.engine.runtime.memory")
SILENCE_SECONDS = 30.0
"""Longest wait for the next record of a changelog: longer than a transaction may stay open."""
PROGRESS_SECONDS = 1.0


class Stateful(Protocol):
    """The part of a persistent query that its memory needs."""

    @property
    def id(self) -> str: ...
    @property
    def plan(self) -> QueryPlan: ...


class Memory:
    """States by query id; only the thread of the topic's loop changes them."""

    def __init__(
        self, settings: Settings, cluster: Cluster, service_id: str, source_topic: str, stop: threading.Event
    ) -> None:
        self.states: dict[str, State] = {}
        self.restored = 0
        self.progress: dict[str, tuple[int, int]] = {}
        """While state is restored: records read by query id, and how many there are at most."""
        self._settings = settings
        self._cluster = cluster
        self._service_id = service_id
        self._source_topic = source_topic
        self._stop = stop
        self._logs: dict[str, Changelog] = {}
        self._right_at: dict[tuple[str, int], int] = {}
        self._dirty = False

    def have(self, queries: Iterable[Stateful]) -> None:
        """Remember for exactly these queries; makes the changelog topics that are missing."""
        wanted = {query.id: query.plan for query in queries if query.plan.stateful}
        if wanted:
            self._make_topics(wanted)
        self.states = {query_id: self.states.get(query_id) or new_state(plan) for query_id, plan in wanted.items()}
        self._logs = {query_id: self._logs.get(query_id) or Changelog(plan) for query_id, plan in wanted.items()}
        self._right_at = {place: at for place, at in self._right_at.items() if place[0] in wanted}

    def _make_topics(self, query_ids: Collection[str]) -> None:
        cluster = self._cluster
        known = cluster.partitions()
        count = known.get(self._source_topic, 1)
        names = [changelog.topic(self._service_id, query_id) for query_id in query_ids]
        missing = {name: (count, cluster.replication) for name in names if name not in known}
        cluster.create(missing, changelog.CONFIG)

    def restore(self, committed: Mapping[int, int | None]) -> Iterator[None]:
        """Have the state of these partitions, and of no others, as of their committed offsets; in small steps."""
        if self._dirty:
            self._right_at.clear()
            self._dirty = False
        wrong: dict[str, dict[int, int]] = {}
        for query_id, state in self.states.items():
            for partition in {*state.results, *state.inputs} - committed.keys():
                self._forget(query_id, partition)
            chosen = [
                number
                for number, offset in committed.items()
                if offset is None or self._right_at.get((query_id, number)) != offset
            ]
            for partition in chosen:
                self._forget(query_id, partition)
            wrong[query_id] = self._ends(query_id, chosen) if chosen else {}
        self.progress = {query_id: (0, sum(ends.values())) for query_id, ends in wrong.items() if ends}
        try:
            for query_id, ends in wrong.items():
                if ends:
                    yield from self._read(query_id, ends)
                self._right_at |= {(query_id, number): offset or 0 for number, offset in committed.items()}
        finally:
            self.progress = {}

    def _forget(self, query_id: str, partition: int) -> None:
        self.states[query_id].results.pop(partition, None)
        self.states[query_id].inputs.pop(partition, None)
        self._logs[query_id].forget(partition)
        self._right_at.pop((query_id, partition), None)

    def _ends(self, query_id: str, partitions: Collection[int]) -> dict[int, int]:
        """How far the changelog of these partitions goes; nothing for one that is empty."""
        found = self._cluster.ends(changelog.topic(self._service_id, query_id), committed=False)
        return {number: found[number] for number in partitions if found.get(number)}

    def _read(self, query_id: str, ends: Mapping[int, int]) -> Iterator[None]:
        topic = changelog.topic(self._service_id, query_id)
        state, log, total = self.states[query_id], self._logs[query_id], sum(ends.values())
        began = shown = time.monotonic()
        count = 0
        with Reader(self._settings, topic, dict.fromkeys(ends), **TO_THE_END) as reader:
            for messages in reader.steps(ends, SILENCE_SECONDS):
                for message in messages:
                    number, key = message.partition(), message.key()
                    assert number is not None
                    if isinstance(key, bytes):
                        log.restore(state, number, key, message.value())
                count += len(messages)
                self.restored += len(messages)
                self.progress[query_id] = count, total
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    LOG.info("restoring %s: %d records of at most %d", query_id, count, total)
                if self._stop.is_set():
                    raise Stopped
                yield
        seconds = time.monotonic() - began
        LOG.info("restored %s: %d records of %d partitions in %.1f s", query_id, count, len(ends), seconds)

    def touched(self) -> None:
        """A batch begins to change the states: until `committed` they are not what was committed."""
        self._dirty = bool(self.states)

    def write(self, produce: Produce) -> None:
        """Write what the batch changed, into its transaction."""
        for query_id, state in self.states.items():
            log, topic = self._logs[query_id], changelog.topic(self._service_id, query_id)
            for partition in {*state.results, *state.inputs}:
                for key, value in log.entries(state, partition):
                    produce(topic, value, key, partition=partition)

    def committed(self, positions: Mapping[int, int]) -> None:
        """The batch is committed, with these next offsets of its partitions."""
        self._dirty = False
        for query_id in self.states:
            self._right_at |= {(query_id, number): position for number, position in positions.items()}
