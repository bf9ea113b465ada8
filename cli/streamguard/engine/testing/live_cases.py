"""A user's cases on a live server, this engine's or ksqlDB's own, and its Kafka. Names there are the case's own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from streamguard.engine.client.http import KsqlClient
from streamguard.engine.execution.topology import Record
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.printing import statement as printed
from streamguard.engine.language.types import Type
from streamguard.engine.testing.cases import Case, Run, compared_with, execute, given_record
from streamguard.engine.testing.renaming import renamed
from streamguard.errors import StatementError, StatementRefused, StreamguardError, TopicError
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.sender import Sender
from streamguard.kafka.tail import tail
from streamguard.settings import Settings

PROPERTIES = {"ksql.streams.auto.offset.reset": "earliest", "ksql.streams.cache.max.bytes.buffering": "0"}
"""From the beginning, and every update of a table is written."""
SECONDS, SETTLED, PAUSE = 20.0, 1.5, 0.2
"""How long to wait for outputs; how long nothing may come after them; between two looks."""

LOCAL = (s.SetProperty, s.Define, s.CreateType, s.DropType)
"""Not sent: properties are the case's, and a statement that is printed has variables and named types written out."""


@dataclass(frozen=True)
class _Input:
    topic: str
    key: bytes | None
    value: bytes | None
    time: int


@dataclass
class LiveCases:
    """Judges one case after the other on a server."""

    client: KsqlClient
    settings: Settings
    _made: list[s.CreateSource | s.CreateAs] = field(default_factory=list)
    _queries: list[str] = field(default_factory=list)

    def judge(self, case: Case) -> list[str]:
        """What is not as the case says: nothing when it passes. What goes to the processing log is not looked at.

        Raises:
            StreamguardError: the server or Kafka does not answer, or the case itself is wrong.
        """
        suffix = f"_{uuid.uuid4().hex[:8]}".upper()
        run = Run()
        try:
            for script in case.scripts:
                execute(run, script, case.variables)
        except StatementError as exc:
            if case.error is None:
                return [f"refused before it was sent: {exc}"]
        with self._cleaned(run, case, suffix):
            return self._judge(case, run, suffix)

    def _judge(self, case: Case, run: Run, suffix: str) -> list[str]:
        try:
            self._send(case, run, suffix)
        except StatementRefused as exc:
            return [] if case.error is not None else [f"the server refused: {exc}"]
        if case.error is not None:
            return [f"all statements were taken, none was refused with {case.error!r}"]
        given = [given_record(run.metastore, each) for each in case.inputs]
        inputs = [_Input(topic + suffix, record.raw_key, record.raw_value, record.time) for topic, record in given]
        Sender(self.settings)(inputs)
        return compared_with(case, run.metastore, self._outputs(case, suffix))

    def _send(self, case: Case, run: Run, suffix: str) -> None:
        """Make the topics that are read, with one partition, then send one script after the other."""
        cluster = Cluster(self.settings)
        cluster.create({source.topic + suffix: (1, cluster.replication) for source in run.metastore.sources.values()})
        types: dict[str, Type] = {}
        for script in case.scripts:
            statements = renamed(parse(script.text, case.variables, types), suffix)
            types.update({each.name: each.type for each in statements if isinstance(each, s.CreateType)})
            self._made += [each for each in statements if isinstance(each, s.CreateSource | s.CreateAs)]
            text = "\n".join(f"{printed(each)};" for each in statements if not isinstance(each, LOCAL))
            for entity in self.client.ksql(text, properties=PROPERTIES) if text else ():
                query_id = (entity.get("commandStatus") or {}).get("queryId")
                self._queries += [query_id] if query_id else []

    def _outputs(self, case: Case, suffix: str) -> dict[str, list[Record]]:
        """The records of each topic, once there are as many as expected and no more come."""
        wanted_by_topic = {**case.outputs, **case.latest}
        found: dict[str, list[Record]] = {}
        began = changed = time.monotonic()
        while True:
            now = {topic: self._records(topic + suffix) for topic in wanted_by_topic}
            if now != found:
                found, changed = now, time.monotonic()
            complete = all(len(found[topic]) >= len(wanted) for topic, wanted in wanted_by_topic.items())
            if (complete and time.monotonic() - changed > SETTLED) or time.monotonic() - began > SECONDS:
                return found
            time.sleep(PAUSE)

    def _records(self, topic: str) -> list[Record]:
        try:
            read = sorted(tail(self.settings, topic, last=None), key=lambda record: (record.partition, record.offset))
        except TopicError:
            return []
        return [Record(each.value, each.key, each.timestamp) for each in read]

    @contextmanager
    def _cleaned(self, run: Run, case: Case, suffix: str) -> Iterator[None]:
        """Whatever happens, the queries, sources and topics of the case are gone afterwards."""
        self._made, self._queries = [], []
        try:
            yield
        finally:
            ending = [f"TERMINATE {name};" for name in self._queries]
            ending += [f"{printed(_drop(each))};" for each in reversed(self._made)]
            for text in ending:
                with suppress(StatementRefused):  # it was not made, or is gone with what was dropped before
                    self.client.ksql(text)
            topics = {source.topic + suffix for source in run.metastore.sources.values()}
            with suppress(StreamguardError):
                Cluster(self.settings).delete(topics | {topic + suffix for topic in (*case.outputs, *case.latest)})


def _drop(made: s.CreateSource | s.CreateAs) -> s.Drop:
    return s.Drop(made.kind, made.name, if_exists=True)
