"""Push queries: a reader of its own on the source topic, the compiled query, rows to one client.

Nothing is committed and nobody else is disturbed. Rows are made when the client has taken the previous ones, so a slow
client holds no more than one batch.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.analysis.plan import QueryPlan, plan
from streamguard.engine.execution.presenting import Presented
from streamguard.engine.language import syntax as s
from streamguard.engine.server.framing import COMPLETED, LIMIT_REACHED, Heading
from streamguard.engine.server.rejection import TOO_MANY_QUERIES, Rejection, bad_request
from streamguard.engine.server.session import from_beginning
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.reader import Reader
from streamguard.settings import Settings

MOST_QUERIES = 100
SCALABLE = "ksql.query.push.v2.enabled"
BATCH = 500
SMALL_FETCH = {"fetch.wait.max.ms": 100, "queued.max.messages.kbytes": 4096, "queued.min.messages": 1000}


class PushQuery:
    """One running push query, see `request.RunningQuery`; `poll` and `close` are called by one thread at a time."""

    def __init__(self, query_id: str, text: str, made: QueryPlan, reader: Reader) -> None:
        self.id = query_id
        self.text = text
        self.heading = Heading(
            query_id, [column.name for column in made.columns], [str(column.type) for column in made.columns]
        )
        self.last_words = COMPLETED
        self._rows = Presented(query_id, made)
        self._reader = reader
        self._ended = threading.Event()
        self._on_close: list[Any] = []

    def poll(self, timeout: float) -> Sequence[Sequence[Any]] | None:
        """The next rows; None when the limit is reached or the query was ended."""
        if self._rows.full:
            self.last_words = LIMIT_REACHED
            return None
        if self._ended.is_set():
            return None
        return self._rows.of(self._reader.poll(BATCH, timeout))  # type: ignore[arg-type]  # a Message is MessageLike

    def end(self) -> None:
        """Have the next `poll` be the last; callable from any thread."""
        self._ended.set()

    def close(self) -> None:
        """Let go of the reader."""
        self._ended.set()
        self._reader.close()
        for action in self._on_close:
            action(self.id)

    def on_close(self, action: Any) -> None:
        """Have `action` called with the id once the query is closed."""
        self._on_close.append(action)


def _is_scalable(statement: s.Query, made: QueryPlan, metastore: Metastore, session: Mapping[str, str]) -> bool:
    """Whether ksqlDB would answer from the one query that makes the source, and say so in the id; rows are the same."""
    query = statement.query
    changed = (query.joins, query.group, query.partition, query.having, query.window)
    wanted = session.get(SCALABLE, "false") == "true" and not from_beginning(session, made.source)
    return wanted and not any(changed) and len(metastore.writers(query.source)) == 1


class Pushes:
    """All push queries of the server."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._running: dict[str, PushQuery] = {}

    def __len__(self) -> int:
        return len(self._running)

    def texts(self) -> Mapping[str, str]:
        """The statements of those that run, by id."""
        with self._lock:
            return {name: query.text for name, query in self._running.items()}

    def start(self, query: s.Query, metastore: Metastore, session: Mapping[str, str]) -> PushQuery:
        """Start a SELECT; `session` are the properties in force.

        Raises:
            AnalysisError: it does not fit what exists.
            Rejection: there are too many.
        """
        made = plan(query, metastore, session)
        assert isinstance(made, QueryPlan)
        if len(self) >= MOST_QUERIES:
            message = f"maximum number of concurrent push queries reached: {MOST_QUERIES}"
            raise Rejection(TOO_MANY_QUERIES, message)
        starts = self._starts(made.source, session)
        kind = (
            "SCALABLE_PUSH_QUERY" if _is_scalable(query, made, metastore, session) else f"transient_{made.source.name}"
        )
        query_id = f"{kind}_{next(self._numbers)}"
        reader = Reader(self._settings, made.source.topic, starts, **SMALL_FETCH)
        running = PushQuery(query_id, query.text + ";", made, reader)
        with self._lock:
            self._running[query_id] = running
        running.on_close(self._forget)
        return running

    def close_query(self, query_id: str) -> None:
        """End a push query, as its client wishes."""
        with self._lock:
            running = self._running.get(query_id)
        if running is None:
            raise bad_request(f"No query with id {query_id}")
        running.end()

    def find(self, query_id: str) -> str | None:
        """The id of a push query in its own spelling: TERMINATE upper-cases an id without quotes."""
        with self._lock:
            return next((name for name in self._running if name.upper() == query_id.upper()), None)

    def close(self) -> None:
        """End all."""
        with self._lock:
            running = list(self._running.values())
        for query in running:
            query.end()

    def _forget(self, query_id: str) -> None:
        with self._lock:
            self._running.pop(query_id, None)

    def _starts(self, source: Source, properties: Mapping[str, str]) -> dict[int, int | None]:
        ends = self._cluster.ends(source.topic)
        everything = from_beginning(properties, source)
        return {number: None if everything else end for number, end in ends.items()}
