"""The queries over one source topic at work: a thread, a Kafka loop, one compiled function.

All queries over one topic share consumption, parsing and transaction: what they write for a batch becomes visible at
once, or not at all. A query that is added is compiled into the same function between two transactions, and the loop
goes back to where the new query begins; older queries skip what they have seen (see `positions`).

Servers that share a service id divide the partitions of each topic. A partition may come from one that has carried out
a command which this one has not seen yet: its position then says nothing about the queries that are known here, so it
is not read before that command has come.

What queries remember is written to their changelogs in the same transaction (see `memory`). A record that a query can
not take is counted, logged and told in the processing log (see `processing_log`) with its place and the reason, never
with its content.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.compile import Run, compile_source
from streamguard.engine.runtime import processing_log
from streamguard.engine.runtime.health import Health
from streamguard.engine.runtime.memory import Memory
from streamguard.engine.runtime.positions import BEGINNING, Resume, resume, started
from streamguard.errors import Fenced, StreamguardError
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.engine.runtime.queries")
CHANGE_SECONDS = 30.0
PURGE_SECONDS = 30.0
"""Between two deletions of what was processed from an internal topic."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LOGGED_PER_BATCH = 20
GLANCE = 0.02
"""Between two looks at whether a command has come."""
STAGE = "-repartition"
"""What follows a query's id in that of its first stage."""


@dataclass(frozen=True)
class PersistentQuery:
    """A query that writes a topic until it is terminated. `starts` are offsets by partition; others: the beginning.

    `paused`: it takes no records, and keeps its place.
    """

    id: str
    number: int
    plan: QueryPlan
    statement: str
    source_topic: str
    starts: Mapping[int, int] = field(default_factory=dict)
    paused: bool = False


@dataclass(frozen=True)
class Wanted:
    """The queries over a topic after the command with that number."""

    queries: tuple[PersistentQuery, ...]
    number: int


@dataclass
class Counts:
    """What a query did in committed transactions since the server started."""

    records: int = 0
    rows: int = 0
    errors: int = 0


class SourceTask:
    """The queries over one topic. `have` and `stop` may be called from any thread, the rest runs in its own.

    Records of an `internal` topic are deleted once they are processed.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        service_id: str,
        topic: str,
        wanted: Wanted,
        *,
        counts: Mapping[str, Counts],
        on_fenced: Callable[[Fenced], None],
        is_written: Callable[[int], bool],
        internal: bool = False,
    ) -> None:
        self.topic = topic
        self._cluster = cluster
        self._internal = internal
        self._purged = time.monotonic()
        self.group = f"sg.ksql.{service_id}.{topic}"
        self.restarts = 0
        self.health = Health()
        self.positions: dict[int, int] = {}
        self._settings = settings
        self._counts = counts
        self._on_fenced = on_fenced
        self._is_written = is_written
        self._queries: dict[int, PersistentQuery] = {}
        self._compiled: dict[frozenset[int], Run] = {}
        self._everybody: frozenset[int] = frozenset()
        self._sink_partitions: Mapping[str, int] = {}
        self._resumes: dict[int, Resume] = {}
        self._catching_up = True
        self._batch = _Batch()
        self._lock = threading.Lock()
        self._wanted = self._taken = wanted
        self._assigned: set[int] = set()
        self._stop = threading.Event()
        self._nudge = threading.Event()
        self._log_topic = processing_log.topic(service_id)
        self.memory = Memory(settings, cluster, service_id, topic, self._stop)
        self._loop = self._make_loop()
        self._thread = threading.Thread(target=self._run, name=f"ksql {topic}", daemon=True)
        self._thread.start()

    def have(self, wanted: Wanted) -> None:
        """Have exactly these queries from the next transaction on; returns when that holds, or Kafka is away."""
        with self._lock:
            before, changed = self._wanted, wanted.queries != self._wanted.queries
            self._wanted = wanted if changed else replace(before, number=wanted.number)
            if not changed and self._taken is before:
                self._taken = self._wanted
        if changed:
            self._change()

    def _change(self) -> None:
        loop = self._loop

        def errand() -> None:
            self.health.committed()  # what comes is another function
            self._take()
            loop.reposition()

        self._nudge.set()
        try:
            loop.between(errand).result(CHANGE_SECONDS)
        except (TimeoutError, CancelledError):
            LOG.warning("the queries of %s change when its loop runs again", self.topic)

    def stop(self) -> None:
        """Finish the transaction in hand and end."""
        self._stop.set()
        self._nudge.set()

    def join(self, seconds: float) -> bool:
        """Whether the thread ended within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _make_loop(self) -> Loop:
        return Loop(
            self._settings,
            group=self.group,
            topics=[self.topic],
            handle=self._handle,
            prepare=self._prepare,
            on_assign=self._on_assign,
            shared=True,
            metadata=self._metadata,
            on_commit=self._on_commit,
        )

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        while not self._stop.is_set():
            try:
                self._take()
                self._loop.run(self._stop)
            except Fenced as exc:
                self.health.failed(str(exc))
                self._on_fenced(exc)
                return
            except Exception as exc:  # noqa: BLE001  one topic's failure must not end the others
                if not self.health.error(time.monotonic()):
                    pause = SHORTEST_PAUSE  # it has worked since the failure before
                why = str(exc) if isinstance(exc, StreamguardError) else _place(exc)
                self.health.failed(why)
                LOG.error("the queries of %s stopped, they start again in %s s: %s", self.topic, pause, why)
                self.restarts += 1
                self._loop = self._make_loop()
                self._nudge.wait(pause)  # other queries may do better
                self._nudge.clear()
                pause = min(2 * pause, LONGEST_PAUSE)

    def _take(self) -> None:
        with self._lock:
            wanted = self._wanted
        self.memory.have(wanted.queries)
        self._queries = {query.number: query for query in wanted.queries if not query.paused}
        self._everybody = frozenset(self._queries)
        windowed = any(query.plan.sink and query.plan.sink.window for query in wanted.queries)
        self._sink_partitions = self._cluster.partitions() if windowed else {}
        self._compiled = {self._everybody: self._compile(self._queries.values())} if self._queries else {}
        self._catching_up = True
        with self._lock:  # a later number of the same queries holds as well
            self._taken = self._wanted if self._wanted.queries == wanted.queries else wanted

    def _compile(self, queries: Iterable[PersistentQuery]) -> Run:
        return compile_source({query.id: query.plan for query in queries}, self.memory.states, self._sink_partitions)

    # ---- called by the loop

    def _prepare(self, committed: list[Any]) -> Iterator[None]:
        upto = max((started(each.metadata or "") for each in committed), default=-1)
        if upto > self._taken.number and self._is_written(upto):
            while upto > self._taken.number and not self._stop.wait(GLANCE):
                yield
        yield from self.memory.restore({each.partition: _offset(each) for each in committed})

    def _on_assign(self, committed: list[Any]) -> list[Any]:
        queries = self._taken.queries
        paused = {query.number for query in queries if query.paused}
        self._resumes, self.positions = {}, {}
        for partition in committed:
            number = partition.partition
            starts = {query.number: query.starts.get(number, BEGINNING) for query in queries}
            where = resume(_offset(partition), partition.metadata or "", starts, paused)
            self._resumes[number] = where
            partition.offset = self.positions[number] = where.offset
        self._catching_up = True
        if self._assigned != self._resumes.keys():
            self._assigned = set(self._resumes)
            self.health.assigned()
        self.health.began(time.monotonic())
        return committed if self._queries else []

    def _metadata(self, partition: Any) -> str:
        self._batch.positions[partition.partition] = partition.offset
        return self._resumes[partition.partition].metadata(partition.offset, self._taken.number)

    def _handle(self, messages: Sequence[Any], produce: Produce) -> None:
        batch = self._batch = _Batch()
        self.memory.touched()
        if not self._catching_up:
            batch.count(self._everybody, len(messages))
            batch.rows.update(self._compiled[self._everybody](messages, produce, batch.refuse))
        else:
            for active, run in self._runs(messages):
                batch.count(active, len(run))
                batch.rows.update(self._source(active)(run, produce, batch.refuse))
        self.memory.write(produce)
        for entry in batch.told:
            produce(self._log_topic, value=entry)

    def _runs(self, messages: Sequence[Any]) -> Iterator[tuple[frozenset[int], list[Any]]]:
        """The batch in its order, cut where the set of queries that take a record changes."""
        resumes = self._resumes
        for active, run in groupby(messages, lambda m: resumes[m.partition()].active(m.offset())):
            if active:
                yield active, list(run)

    def _source(self, active: frozenset[int]) -> Run:
        if active not in self._compiled:
            self._compiled[active] = self._compile(self._queries[number] for number in sorted(active))
        return self._compiled[active]

    def _on_commit(self) -> None:
        self.health.committed()
        self.memory.committed(self._batch.positions)
        if self._internal and time.monotonic() - self._purged > PURGE_SECONDS:
            self._purged = time.monotonic()
            self._cluster.forget(self.topic, self.positions)
        self.positions.update(self._batch.positions)
        self._catching_up = any(
            self.positions[number] < where.horizon for number, where in self._resumes.items() if where.first
        )
        for number, records in self._batch.records.items():
            self._counts[self._queries[number].id].records += records
        for query_id, rows in self._batch.rows.items():
            self._counts[query_id].rows += rows
        for query_id, errors in self._batch.errors.items():
            self._counts[query_id].errors += errors
        for fields in self._batch.logged:
            LOG.warning("record skipped", extra={"topic": self.topic, **fields})
        rest = sum(self._batch.errors.values()) - len(self._batch.logged)
        if rest:
            LOG.warning("records skipped", extra={"topic": self.topic, "more": rest})


def _offset(committed: Any) -> int | None:
    """A committed offset; None if there is none."""
    return committed.offset if committed.offset >= 0 else None


def _place(exc: BaseException) -> str:
    """Which mistake of ours, and where; never the exception's text, which may hold a record's data."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} in {frame.name}, {frame.filename}:{frame.lineno}"


class _Batch:
    """What happened in the transaction in hand; it counts only once committed."""

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.records: Counter[int] = Counter()
        self.rows: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.logged: list[dict[str, Any]] = []
        self.told: list[bytes] = []
        self.began = time.time_ns() // 1_000_000

    def count(self, active: frozenset[int], records: int) -> None:
        for number in active:
            self.records[number] += records

    def refuse(self, message: Any, query_id: str, reason: str) -> None:
        self.errors[query_id] += 1
        self.told.append(processing_log.entry(message, query_id.removesuffix(STAGE), reason, self.began))
        if len(self.logged) < LOGGED_PER_BATCH:
            place = {"partition": message.partition(), "offset": message.offset()}
            self.logged.append({**place, "query": query_id, "reason": reason})
