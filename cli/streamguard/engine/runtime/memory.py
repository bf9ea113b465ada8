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
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution import changelog
from streamguard.engine.execution.changelog import Changelog
from streamguard.engine.execution.compile import new_state
from streamguard.engine.execution.state import State
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.produce import Produce
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.kafka.verdicts import Stopped
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

    def __init__(self, settings: Settings, service_id: str, source_topic: str, stop: threading.Event) -> None:
        self.states: dict[str, State] = {}
        self.restored = 0
        self._settings = settings
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
        cluster = Cluster(self._settings)
        known = cluster.partitions()
        count = known.get(self._source_topic, 1)
        names = [changelog.topic(self._service_id, query_id) for query_id in query_ids]
        missing = {name: (count, cluster.replication) for name in names if name not in known}
        cluster.create(missing, changelog.CONFIG)

    def restore(self, committed: Mapping[int, int | None]) -> None:
        """Have the state of these partitions, and of no others, as of their committed offsets."""
        if self._dirty:
            self._right_at.clear()
            self._dirty = False
        for query_id, state in self.states.items():
            for partition in {*state.results, *state.inputs} - committed.keys():
                self._forget(query_id, partition)
            wrong = [
                number
                for number, offset in committed.items()
                if offset is None or self._right_at.get((query_id, number)) != offset
            ]
            if wrong:
                self._read(query_id, wrong)
            self._right_at |= {(query_id, number): committed[number] or 0 for number in wrong}

    def _forget(self, query_id: str, partition: int) -> None:
        self.states[query_id].results.pop(partition, None)
        self.states[query_id].inputs.pop(partition, None)
        self._right_at.pop((query_id, partition), None)

    def _read(self, query_id: str, partitions: Collection[int]) -> None:
        for partition in partitions:
            self._forget(query_id, partition)
        topic = changelog.topic(self._service_id, query_id)
        found = Cluster(self._settings).ends(topic, committed=False)
        ends = {number: found[number] for number in partitions if found.get(number)}
        if not ends:
            return
        state, log, total = self.states[query_id], self._logs[query_id], sum(ends.values())
        shown, count = time.monotonic(), 0
        with Reader(self._settings, topic, dict.fromkeys(ends), **TO_THE_END) as reader:
            for message in reader.to_offsets(ends, SILENCE_SECONDS):
                if self._stop.is_set():
                    raise Stopped
                number, key = message.partition(), message.key()
                assert number is not None
                if isinstance(key, bytes):
                    log.restore(state, number, key, message.value())
                count += 1
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    LOG.info("restoring", extra={"query": query_id, "records": count, "of_at_most": total})
        self.restored += count
        LOG.info("restored", extra={"query": query_id, "records": count, "partitions": sorted(ends)})

    def touched(self) -> None:
        """A batch begins to change the states: until `committed` they are not what was committed."""
        self._dirty = bool(self.states)

    def write(self, produce: Produce) -> None:
        """Write what the batch changed, into its transaction."""
        for query_id, state in self.states.items():
            log, topic = self._logs[query_id], changelog.topic(self._service_id, query_id)
            for partition in {*state.results, *state.inputs}:
                for key, value in log.entries(state, partition):
                    produce(topic, value, key, 0, None, partition)

    def committed(self, positions: Mapping[int, int]) -> None:
        """The batch is committed, with these next offsets of its partitions."""
        self._dirty = False
        for query_id in self.states:
            self._right_at |= {(query_id, number): position for number, position in positions.items()}
