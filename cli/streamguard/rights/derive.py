"""The rights that a pipeline needs, from its own definitions: topics, services, statements, connectors.

One principal for each service. Pure, but for the files of the project that it reads. Beside the services there are
those who work with the pipeline from outside:

* generator: `produce`
* watch: `connectors heal`, which also measures lag
* deployer: `topics apply`, `connectors deploy` and `status`, `doctor`
* verifier: `verify`, which writes a run and reads everything
* operator: `dead-letters replay`, `connectors offsets`, `connectors watch`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from streamguard.connect.offsets.reading import control_of, topics_of
from streamguard.connect.templates.render import Connector
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.engine.client.applying import check_files
from streamguard.errors import ProjectError, UnknownName
from streamguard.kafka.exactly_once.dead_letters import SUFFIX, topic_for
from streamguard.kafka.letters.topics import group_of as replays_of
from streamguard.model import Pipeline
from streamguard.project import Project, did_you_mean, generator_of
from streamguard.rights import engines, sinks
from streamguard.rights.granting import Grants
from streamguard.rights.model import Right, merged
from streamguard.rights.sinks import Worker
from streamguard.services import ingestor, processor
from streamguard.services.decider import service as decider
from streamguard.services.notifier import service as notifier
from streamguard.services.notifier.delivery import NAME as NOTIFIER
from streamguard.services.notifier.told import TOPIC as SENT
from streamguard.settings import Settings
from streamguard.verify.runs import WORLD

Engine = Literal["streamguard", "ksqldb"]
PREFIX = "streamguard-"


@dataclass(frozen=True)
class Subject:
    """What the rights are derived from. `prefix` begins the names of the principals."""

    project: Project
    settings: Settings
    pipeline: Pipeline
    connectors: Sequence[Connector]
    engine: Engine
    worker: Worker
    prefix: str
    flow: engines.Flow

    def who(self, name: str) -> Grants:
        """The principal of a service."""
        return Grants(self.prefix + name)

    @property
    def topics(self) -> list[str]:
        """Those of init/NAME.yml."""
        return [topic.name for topic in self.pipeline.topics]


def rights_of(
    project: Project,
    settings: Settings,
    pipeline: Pipeline,
    connectors: Sequence[Connector],
    *,
    engine: Engine = "streamguard",
    worker: Worker | None = None,
    prefix: str = PREFIX,
) -> list[Right]:
    """Every right that somebody needs for a pipeline, and none that nobody needs; by principal.

    `connectors` are those of the pipeline, rendered. `worker`: how the Connect worker calls its topics, if not as ours.

    Raises:
        ProjectError: init/NAME.yml lacks a topic that a service needs.
        StatementError: a statement does not fit.
    """
    flow = engines.flow_of(check_files(project.statements(pipeline.name), pipeline.variables))
    own = worker or Worker.local(settings)
    subject = Subject(project, settings, pipeline, connectors, engine, own, prefix, flow)
    found = [right for service in pipeline.services for right in SERVICES.get(service, _nothing)(subject)]
    for others in (_generator, _ksql, _connect, _watch, _deployer, _verifier, _operator):
        found += others(subject)
    return merged(sorted(found, key=lambda right: right.principal))


def principals(rights: Iterable[Right]) -> list[str]:
    """Everybody who has a right."""
    return list(dict.fromkeys(right.principal for right in rights))


def chosen(rights: Sequence[Right], only: Sequence[str], prefix: str = PREFIX) -> list[Right]:
    """Those of some principals, named with or without the prefix; all, if none is named.

    Raises:
        UnknownName: nobody of that name has a right.
    """
    names = {name.removeprefix(prefix): name for name in principals(rights)}
    for name in only:
        if name not in names and name not in names.values():
            raise UnknownName(f"no principal {name}{did_you_mean(name, names)}")
    wanted = {names.get(name, name) for name in only}
    return [right for right in rights if not only or right.principal in wanted]


# ---- services


def _nothing(_of: Subject) -> Iterator[Right]:
    """Neither reads nor writes records, as the validator."""
    return iter(())


def _ingestor(of: Subject) -> Iterator[Right]:
    source = ingestor.source_of(of.pipeline)
    written = [topic for topic in ingestor.ROUTES.values() if topic is not None]
    yield from _loop(of, ingestor.NAME, source, written)


def _processor(of: Subject) -> Iterator[Right]:
    processor.require_topics(of.pipeline)
    yield from _loop(of, processor.NAME, processor.SOURCE, [processor.RESULTS, processor.USERS])


def _loop(of: Subject, name: str, source: str, written: Sequence[str]) -> Iterator[Right]:
    """A service that reads, writes and commits in transactions."""
    who = of.who(name)
    yield from who.topics([source], "read", why=f"the {name} reads it")
    yield from who.topics(written, "write", why=f"the {name} writes it")
    yield from who.topics([topic_for(source)], "write", why=f"what the {name} refuses")
    group = f"sg.{of.pipeline.name}.{name}"
    yield from who.groups([group], "read", why=f"how far the {name} has read")
    yield from who.transactions(f"{group}.", why="exactly once; the id ends with STREAMGUARD_INSTANCE")


def _decider(of: Subject) -> Iterator[Right]:
    who, source = of.who(decider.NAME), decider.source_of(of.pipeline)
    for topic in (source, decider.ALERTS):
        yield from who.topics([topic], "read", why="the decider reads it")
        yield from who.topics([topic_for(topic)], "write", why="what the decider refuses")
    yield from who.topics([decider.DECISIONS], "write", why="the decider writes it")
    yield from who.groups([f"sg.{of.pipeline.name}.{decider.NAME}"], "read", why="how far the decider has read")


def _notifier(of: Subject) -> Iterator[Right]:
    notifier.require_topics(of.pipeline)
    who, source = of.who(NOTIFIER), notifier.SOURCE
    yield from _loop(of, NOTIFIER, source, ())
    yield from who.topics([SENT], "read", "write", why="what each channel has told")
    group = notifier.group_of(of.pipeline)
    yield from who.groups([f"{group}."], "read", why="how far each channel has read", pattern="prefixed")
    yield from who.reading_without_group()


SERVICES: dict[str, Callable[[Subject], Iterator[Right]]] = {
    ingestor.NAME: _ingestor,
    processor.NAME: _processor,
    decider.NAME: _decider,
    NOTIFIER: _notifier,
}


# ---- servers, and who works with the pipeline


def _generator(of: Subject) -> Iterator[Right]:
    if of.pipeline.generator is not None:
        why = "`produce` writes it; a backfill looks how long it keeps records"
        yield from of.who("generator").topics(_produced(of), "write", "describe_configs", why=why)


def _produced(of: Subject) -> list[str]:
    """What a run of the pipeline's world writes: its streams, the first into the generator's topic, and the truth."""
    generator = generator_of(of.pipeline)
    try:
        world = read_world(find_world(of.project, generator.world))
    except ProjectError:
        return [generator.topic]  # a world that is not written yet
    truth = world.truth
    beside = [] if truth is None else [truth.topic, *([truth.labels.topic] if truth.labels else [])]
    return [generator.topic, *(stream.topic for stream in world.streams[1:]), *beside]


def _ksql(of: Subject) -> Iterator[Right]:
    if of.flow.topics:
        kind = engines.embedded if of.engine == "streamguard" else engines.ksqldb
        yield from kind(of.who("ksql"), of.settings.ksql_service_id, of.flow, of.pipeline)


def _connect(of: Subject) -> Iterator[Right]:
    if of.connectors:
        yield from sinks.of_worker(of.who("connect"), of.worker)
        yield from sinks.of_connectors(of.who("connect"), of.connectors, of.topics)


def _watch(of: Subject) -> Iterator[Right]:
    who = of.who("watch")
    if of.connectors:
        yield from who.topics(of.topics, "describe", why="how far it is written")
        yield from _lag(of, who)


def _deployer(of: Subject) -> Iterator[Right]:
    who = of.who("deployer")
    yield from who.topics(
        of.topics, "create", "alter", "alter_configs", why="`topics apply` makes it as init/ says and adds partitions"
    )
    yield from _lag(of, who)


def _verifier(of: Subject) -> Iterator[Right]:
    if of.pipeline.generator is None or of.pipeline.generator.world != WORLD:
        return
    who = of.who("verifier")
    yield from who.topics([of.pipeline.generator.topic], "write", why="`verify` writes a run")
    yield from who.topics(_checked(of), "read", why="`verify` compares every record")
    yield from _lag(of, who, coordinators=False)
    yield from who.reading_without_group()


def _checked(of: Subject) -> list[str]:
    """Everything but what only the Iceberg sinks read."""
    controls = {control.topic for each in of.connectors if (control := control_of(each.name, each.config)) is not None}
    return [topic for topic in of.topics if topic not in controls]


def _lag(of: Subject, who: Grants, *, coordinators: bool = True) -> Iterator[Right]:
    """To see how far everybody has read; `coordinators`: of Iceberg sinks as well."""
    own = [f"sg.{of.pipeline.name}.{service}" for service in of.pipeline.services if service in SERVICES]
    for group in own:
        yield from who.groups([group], "describe", why="how far the service has read")
    if NOTIFIER in of.pipeline.services:
        channels = f"{notifier.group_of(of.pipeline)}."
        yield from who.groups([channels], "describe", why="how far each channel has read", pattern="prefixed")
    if of.flow.reads:
        ours = of.engine == "streamguard"
        begin = f"sg.ksql.{of.settings.ksql_service_id}." if ours else f"_confluent-ksql-{of.settings.ksql_service_id}"
        yield from who.groups([begin], "describe", why="how far the queries have read", pattern="prefixed")
    own_groups, theirs = sinks.groups_of(of.connectors, of.topics)
    yield from who.groups([*own_groups, *(theirs if coordinators else ())], "describe", why="how far the sink has read")


def _operator(of: Subject) -> Iterator[Right]:
    who = of.who("operator")
    dead = [topic for topic in of.topics if topic.endswith(SUFFIX)]
    yield from who.topics(dead, "read", why="`dead-letters show` and `replay`")
    yield from who.topics(_origins(of, dead), "write", why="`dead-letters replay` writes records back")
    watched = [topic for each in of.connectors for topic in topics_of(each.config, of.topics)]
    yield from who.topics(watched, "read", why="`connectors watch` looks whether records are left for a sink")
    for topic in dead:
        yield from who.groups([replays_of(topic)], "read", why="how far it is replayed")
        yield from who.transactions(replays_of(topic), why="each record is replayed once", pattern="literal")
    for connector in of.connectors:
        control = control_of(connector.name, connector.config)
        if control is not None:
            why = f"`connectors offsets` moves the coordinator of {connector.name}"
            yield from who.topics([control.topic], "read", why=why)
            yield from who.groups([control.group], "read", why=why)
    if dead or watched:
        yield from _lag(of, who)
        yield from who.reading_without_group()


def _origins(of: Subject, dead: Sequence[str]) -> list[str]:
    """Where the records of dead-letter topics came from: what a service reads, or the topics of a sink."""
    reads = {f"{each.name}{SUFFIX}": topics_of(each.config, of.topics) for each in of.connectors}
    found = [topic for name in dead for topic in reads.get(name, [name.removesuffix(SUFFIX)])]
    return [topic for topic in dict.fromkeys(found) if topic in of.topics]
