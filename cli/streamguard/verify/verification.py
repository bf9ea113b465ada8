"""A verification from its first look to its report.

    begin ──► produce (or expect, what somebody else produced) ──► quiesce ──► check

Between these, servers may be killed, frozen and started again: whatever is away is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Self, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from streamguard.connect.templates.choose import render_pipeline
from streamguard.datagen.producing.generate import generate
from streamguard.datagen.producing.orders import Orders
from streamguard.datagen.records.run import Run
from streamguard.errors import Refused, StreamguardError
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.positions import Positions
from streamguard.kafka.readers import readers
from streamguard.kafka.tail import Record, between
from streamguard.kafka.watch import Watch
from streamguard.model import Pipeline, Place
from streamguard.project import Project, generator_of
from streamguard.settings import Settings
from streamguard.verify.checks import Held, check
from streamguard.verify.documents import Documents, keys_of
from streamguard.verify.judgement import judge_of
from streamguard.verify.oracle import FRAUDULENT, RESULT, UNIDENTIFIED, USERS, expect
from streamguard.verify.quiet import SETTLE, Look, Say, Scene, await_quiet
from streamguard.verify.records import document_of
from streamguard.verify.report import Report
from streamguard.verify.rows import Rows
from streamguard.verify.runs import inputs, run_of, world_of
from streamguard.verify.sinks import sinks_of

T = TypeVar("T")
PROCESSOR = "processor"
KSQL_GROUPS = ("sg.ksql.", "_confluent-ksql-")
"""How the groups of our server and those of ksqlDB begin."""
PEACE = 1.0
"""Seconds without a record before the first one of a run."""
RETRY_SECONDS = 60.0
"""How long `check` goes on asking a server that went away after everything was quiet."""


def say_nothing(_text: str) -> None:
    """Nobody wants to hear it."""


class Verification:
    """A run of the bank world, or several, through one pipeline, which nobody else may use meanwhile."""

    def __init__(self, settings: Settings, project: Project, pipeline: Pipeline, *, say: Say = say_nothing) -> None:
        self.world = world_of(project, pipeline)
        self._settings, self._say = settings, say
        self._judge = judge_of(project, pipeline) if PROCESSOR in pipeline.services else None
        self._source = generator_of(pipeline).topic
        dead = [topic.name for topic in pipeline.topics if topic.name.endswith(dead_letters.SUFFIX)]
        self._topics = [self._source, FRAUDULENT, UNIDENTIFIED, RESULT, USERS, *dead]
        connectors = render_pipeline(project, settings, pipeline)
        collections, tables = sinks_of(connectors, (RESULT, USERS))
        self._documents = {collection: Documents(settings, collection) for collection in collections}
        self._rows = {table: Rows(settings, table) for table in tables}
        self._readers: dict[str, Sequence[str]] = {f"connect-{each.name}": each.topics for each in connectors}
        self._readers |= groups_of(settings, pipeline)
        self._positions = Positions(settings)
        self._places: list[Place] = []
        self._scene: Scene | None = None
        self._runs: list[tuple[Run, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the reader."""
        if self._scene is not None:
            self._scene.watch.close()

    def begin(self, within: float = 60.0) -> None:
        """Wait until nothing is under way, note where everything ends, and start the reader of committed records.

        Raises Refused when somebody writes to the pipeline, WaitTimedOut when it does not become quiet.
        """
        self._places = self._positions.places(self._topics)
        committed = self._positions.committed(self._readers)
        ends = self._positions.ends(self._places, committed=True)
        # From where the first group still has to read: what it has not read yet must be seen, to be waited for.
        starts = {
            place: min((committed[group].get(place, 0) for group in self._readers_of(place[0])), default=ends[place])
            for place in self._places
        }
        scene = Scene(self._positions, Watch(self._settings, starts), self._places, self._readers)
        self._scene = scene

        def look() -> Look:
            self._require_rest(ends)
            return scene.look()

        await_quiet(look, within, self._say, settle=PEACE)
        scene.starts = self._positions.ends(self._places, committed=True)
        scene.tables = self._rows
        for collection in self._documents.values():
            collection.begin()

    def produce(self, run: Run, count: int) -> Mapping[str, Any]:
        """Write `count` records of a run; the summary of the generator."""
        outcome = generate(self._settings, run, Orders(count=count))
        if outcome.interrupted:
            raise KeyboardInterrupt
        self.expect(outcome.summary())
        return outcome.summary()

    def expect(self, summary: Mapping[str, Any]) -> None:
        """Take note of a run that was written; of several, each after the one before. The summary is `produce`'s."""
        self._runs.append(run_of(summary, self.world))

    def quiesce(self, within: float, *, settle: float = SETTLE) -> float:
        """Wait until everything has arrived and nothing has moved for `settle` seconds: the seconds it took.

        What an Iceberg sink repeats comes with one of its next commits: after faults, `settle` is best longer than
        their interval. Raises WaitTimedOut, which says what lags.
        """
        return await_quiet(self._begun.look, within, self._say, settle=settle)

    def check(self) -> Report:
        """Read everything since `begin` and compare it with what the runs must have left."""
        return _patiently(self._check)

    @property
    def _begun(self) -> Scene:
        assert self._scene is not None, "begin comes first"
        return self._scene

    def _check(self) -> Report:
        scene = self._begun
        ends = self._positions.ends(self._places, committed=True)
        read = {topic: self._read(topic, ends) for topic in self._topics}
        self._require_own(read[self._source])
        partitions = {topic: len(scene.starts_of(topic)) for topic in self._topics}
        written = chain.from_iterable(inputs(run, count, self._settings.cache_dir) for run, count in self._runs)
        expected = expect(written, self._source, partitions, self._judge)
        stored = {sink: source.read(keys_of(read[sink.topic])) for sink, source in self._documents.items()}
        held = Held(
            topics=read,
            seen={place: scene.watch.seen(place, scene.starts[place]) for place in self._places},
            documents={sink: documents for sink, (documents, _) in stored.items()},
            gone={sink: gone for sink, (_, gone) in stored.items()},
            rows={sink: source.since(scene.starts_of(sink.topic)) for sink, source in self._rows.items()},
        )
        return check(expected, held)

    def _read(self, topic: str, ends: Mapping[Place, int]) -> list[Record]:
        starts = self._begun.starts_of(topic)
        return between(self._settings, topic, starts, {number: ends[topic, number] for number in starts})

    def _readers_of(self, topic: str) -> list[str]:
        return [group for group, topics in self._readers.items() if topic in topics]

    def _require_rest(self, ends: Mapping[Place, int]) -> None:
        places = [place for place in self._places if place[0] == self._source]
        if any(end > ends[place] for place, end in self._positions.ends(places, committed=True).items()):
            raise self._disturbed()

    def _require_own(self, read: Sequence[Record]) -> None:
        own = tuple(f"{run.name}-" for run, _ in self._runs)
        names = (document_of(record).get("transaction_id") for record in read)
        if not all(name.startswith(own) for name in names if isinstance(name, str)):
            raise self._disturbed()

    def _disturbed(self) -> Refused:
        local = self._settings.mode != "external"
        hint = " (`streamguard up --no-produce` starts without one)" if local else ""
        return Refused(
            f"somebody else writes to {self._source}, and verify needs the pipeline for itself: "
            f"stop the generator{hint}"
        )


def groups_of(settings: Settings, pipeline: Pipeline) -> dict[str, Sequence[str]]:
    """The consumer groups of services and ksql server, with the topics that they read."""
    sources = {"ingestor": generator_of(pipeline).topic, PROCESSOR: UNIDENTIFIED}
    groups: dict[str, Sequence[str]] = {
        f"sg.{pipeline.name}.{service}": (topic,) for service, topic in sources.items() if service in pipeline.services
    }
    return groups | dict.fromkeys(_ksql_groups(settings, pipeline), (FRAUDULENT,))


def _ksql_groups(settings: Settings, pipeline: Pipeline) -> Sequence[str]:
    """Of the local server by its name; elsewhere it may be ksqlDB, whose groups are named by the ids of its queries."""
    if settings.mode == "local":
        return [f"{KSQL_GROUPS[0]}{settings.ksql_service_id}.{FRAUDULENT}"]
    topic = pipeline.topic(FRAUDULENT)
    found = readers(settings, {FRAUDULENT: topic.partitions}) if topic is not None else {}
    return [group for group in found.get(FRAUDULENT, ()) if group.startswith(KSQL_GROUPS)]


def _patiently(call: Callable[[], T]) -> T:
    """A server that is away is asked again; a refusal is final."""
    away = retry_if_exception(lambda exc: isinstance(exc, StreamguardError) and not isinstance(exc, Refused))
    return Retrying(retry=away, stop=stop_after_delay(RETRY_SECONDS), wait=wait_fixed(1), reraise=True)(call)
