"""All persistent queries of the server: which tasks there are, one a source topic, and which queries each has.

A query whose groups lie across partitions is two, over an internal topic (see `stages`).
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from streamguard.engine.analysis import stages
from streamguard.engine.execution import changelog
from streamguard.engine.execution.state import State
from streamguard.engine.runtime import processing_log
from streamguard.engine.runtime.source_task import CHANGE_SECONDS, STAGE, Counts, PersistentQuery, SourceTask, Wanted
from streamguard.errors import Fenced
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.engine.runtime.queries")
COLLECT_AFTER = 50_000
"""New objects after which the garbage collector looks for cycles. Rows are many, live long and have none: with Python's
usual 700 they are walked so often that it costs a tenth of the time."""
FOREVER = {"retention.ms": "-1"}
"""Of internal topics that hold what is not processed yet, and of the processing log."""


class Queries:
    """All persistent queries of the server.

    Servers that share `service_id` divide the work; `settings.instance` is that of this one. `is_written` says whether
    the command log goes as far as a number.
    """

    def __init__(
        self,
        settings: Settings,
        service_id: str,
        *,
        on_fenced: Callable[[Fenced], None],
        is_written: Callable[[int], bool],
    ) -> None:
        gc.set_threshold(COLLECT_AFTER)
        self._settings = settings
        self._service_id = service_id
        self._on_fenced = on_fenced
        self._is_written = is_written
        self._tasks: dict[str, SourceTask] = {}
        self._stages: dict[str, list[PersistentQuery]] = {}
        self._cluster = Cluster(settings)
        self.counts: dict[str, Counts] = {}

    def have(self, queries: Collection[PersistentQuery], number: int) -> None:
        """Run exactly these queries, those after the command with that number: start, change and stop what differs."""
        gone = self._stages
        self._stages = self._staged(queries)
        wanted: dict[str, list[PersistentQuery]] = {}
        for stage in sorted((each for found in self._stages.values() for each in found), key=lambda each: each.number):
            self.counts.setdefault(stage.id, Counts())
            wanted.setdefault(stage.source_topic, []).append(stage)
        for topic in [topic for topic in self._tasks if topic not in wanted]:
            task = self._tasks.pop(topic)
            task.stop()
            task.join(CHANGE_SECONDS)
        for topic, chosen in wanted.items():
            present = self._tasks.get(topic)
            if present is None:
                self._tasks[topic] = self._task(topic, Wanted(tuple(chosen), number))
            else:
                present.have(Wanted(tuple(chosen), number))
        self._delete_internal({query_id: gone[query_id] for query_id in gone.keys() - self._stages.keys()})

    def _task(self, topic: str, wanted: Wanted) -> SourceTask:
        return SourceTask(
            self._settings,
            self._cluster,
            self._service_id,
            topic,
            wanted,
            counts=self.counts,
            on_fenced=self._on_fenced,
            is_written=self._is_written,
            internal=all(topic == stages.topic(self._service_id, stage.id) for stage in wanted.queries),
        )

    def _staged(self, queries: Collection[PersistentQuery]) -> dict[str, list[PersistentQuery]]:
        """The stages of each query, and the topics that they share; the processing log's topic."""
        if not queries:
            return {}
        counts = self._cluster.partitions()
        topics: dict[str, tuple[int, int]] = {processing_log.topic(self._service_id): (1, self._cluster.replication)}
        made: dict[str, list[PersistentQuery]] = {}
        for query in queries:
            partitions = counts.get(query.source_topic, 1)
            if not stages.needed(query.plan, partitions):
                made[query.id] = [query]
                continue
            topic = stages.topic(self._service_id, query.id)
            topics[topic] = (partitions, self._cluster.replication)
            first, second = stages.split(query.plan, topic)
            made[query.id] = [
                replace(query, id=query.id + STAGE, plan=first),
                replace(query, plan=second, source_topic=topic, starts={}),
            ]
        self._cluster.create({name: wanted for name, wanted in topics.items() if name not in counts}, FOREVER)
        return made

    def _delete_internal(self, gone: Mapping[str, list[PersistentQuery]]) -> None:
        """Delete the internal topics of queries that were terminated."""
        names = []
        for query_id, found in gone.items():
            names += [changelog.topic(self._service_id, stage.id) for stage in found if stage.plan.stateful]
            names += [stages.topic(self._service_id, query_id)] if len(found) > 1 else []
        self._cluster.delete(names)

    def memories(self, query_id: str) -> list[State]:
        """What the stages of a query remember here: results and inputs by partition.

        Their loops go on writing: copy (``list(rows.items())``) before walking.
        """
        stages = [(stage.id, self._tasks.get(stage.source_topic)) for stage in self._stages.get(query_id, ())]
        return [task.memory.states[name] for name, task in stages if task is not None and name in task.memory.states]

    def state(self, query: PersistentQuery) -> str:
        """RUNNING; PAUSED; ERROR while it is started again after a failure; RESTORING while its state is read."""
        tasks = self._tasks_of(query)
        if None in tasks or self.error(query):
            return "ERROR"
        if query.paused:
            return "PAUSED"
        return "RESTORING" if query.id in self.restoring() else "RUNNING"

    def restoring(self) -> dict[str, tuple[int, int]]:
        """Queries whose state is being read: how many records of their changelogs so far, and of at most how many."""
        found: dict[str, tuple[int, int]] = {}
        for task in self.tasks():
            for stage_id, (count, total) in dict(task.memory.progress).items():
                before = found.get(query_id := stage_id.removesuffix(STAGE), (0, 0))
                found[query_id] = before[0] + count, before[1] + total
        return found

    def error(self, query: PersistentQuery) -> str:
        """What went wrong last, or nothing."""
        now = time.monotonic()
        return next((why for task in self._tasks_of(query) if task and (why := task.health.error(now))), "")

    def _tasks_of(self, query: PersistentQuery) -> list[SourceTask | None]:
        return [self._tasks.get(stage.source_topic) for stage in self._stages.get(query.id, [query])]

    def failing(self) -> bool:
        """Whether the queries of some topic do not get on."""
        return any(task.health.error(time.monotonic()) for task in self.tasks())

    def group(self, query: PersistentQuery) -> str | None:
        """The consumer group that reads for a query."""
        task = self._tasks.get(query.source_topic)
        return task.group if task else None

    def tasks(self) -> list[SourceTask]:
        """One a source topic."""
        return list(self._tasks.values())

    def stop(self, seconds: float) -> None:
        """Finish the transactions in hand, all at once."""
        for task in self._tasks.values():
            task.stop()
        for task in self._tasks.values():
            if not task.join(seconds):
                LOG.warning("the queries of %s did not end in time", task.topic)
