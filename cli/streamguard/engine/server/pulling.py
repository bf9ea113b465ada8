"""Pull queries at work: the rows of a table as they are now, or the records of a stream from first to last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.execution.presenting import Presented
from streamguard.engine.execution.pull import Pull, pull
from streamguard.engine.execution.views import Views
from streamguard.engine.language import syntax as s
from streamguard.engine.server.framing import COMPLETED, LIMIT_REACHED, Heading
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.settings import Settings

BATCH = 1000
POLL_SECONDS = 0.1


class PullQuery:
    """One running pull query, see `request.RunningQuery`; `batches` are the records that it reads."""

    def __init__(self, query_id: str, asked: Pull, batches: Iterator[Sequence[Any]]) -> None:
        columns = asked.plan.columns
        self.heading = Heading(
            query_id,
            [column.name for column in columns],
            [str(column.type) for column in columns],
            asked.marks,
            worded=not asked.plan.source.is_table,
        )
        self.last_words = "" if asked.plan.source.is_table else COMPLETED
        self._rows = Presented(query_id, asked.plan)
        self._batches = batches
        self._is_table = asked.plan.source.is_table

    def poll(self, _timeout: float) -> Sequence[Sequence[Any]] | None:
        """The next rows; None after the last."""
        if self._rows.full:
            self.last_words = "" if self._is_table else LIMIT_REACHED
            return None
        batch = next(self._batches, None)
        return None if batch is None else self._rows.of(batch)

    def close(self) -> None:
        """Let go of whatever is read."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()


class Pulls:
    """Starts pull queries, and has the views that they read."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self._numbers = itertools.count(1)
        self.views = Views(settings, cluster)

    def start(self, statement: s.Query, metastore: Metastore, session: Mapping[str, str]) -> PullQuery:
        """Start the SELECT of a request.

        Raises:
            AnalysisError: it does not fit what exists, or a pull query does not have it.
        """
        asked = pull(statement, metastore, session)
        source = asked.plan.source
        query_id = f"query_{next(self._numbers)}"
        if not source.is_table:
            return PullQuery(query_id, asked, self._scan(source))
        records = self.views.of(source, _retention(source, metastore)).records(asked.keys)
        batches = (records[start : start + BATCH] for start in range(0, len(records), BATCH))
        return PullQuery(query_id, asked, batches)

    def _scan(self, source: Source) -> Iterator[Sequence[Any]]:
        """Every committed record of a topic, as of now."""
        ends = self._cluster.ends(source.topic)
        with Reader(self._settings, source.topic, dict.fromkeys(ends), **TO_THE_END) as reader:
            while not reader.reached(ends):
                found: list[Any] = reader.poll(BATCH, POLL_SECONDS)
                yield [message for message in found if message.offset() < ends[message.partition()]]


def _retention(source: Source, metastore: Metastore) -> int | None:
    """How long the query that makes a table keeps its windows, in ms."""
    for query in metastore.writers(source.name):
        if query.plan.retention is not None:
            return query.plan.retention
    return None
