"""Which checks a mode has, for one pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.doctor import brokers, machine, statements, stores, workers
from streamguard.doctor.checks import Check, Work, halves
from streamguard.engine.client.http import KsqlClient
from streamguard.errors import KsqlUnavailable, StackError, StreamguardError
from streamguard.kafka import permissions
from streamguard.model import Pipeline
from streamguard.pipeline import servers_of
from streamguard.project import Project
from streamguard.rights.derive import Engine
from streamguard.rights.model import Right
from streamguard.settings import Settings
from streamguard.stack import compose
from streamguard.stack.stack import Stack


@dataclass(frozen=True)
class Patient:
    """What is examined. `rights`: those that are needed, by the ksql server; `principal`: whose ours should be."""

    project: Project
    settings: Settings
    pipeline: Pipeline
    connectors: Sequence[Connector]
    rights: Callable[[Engine], Sequence[Right]]
    principal: str
    connect: Callable[[], ConnectClient]
    ksql: Callable[[], KsqlClient]


def jobs_of(patient: Patient) -> dict[str, Work]:
    """Every check, by what it is called if it does not end in time."""
    settings = patient.settings
    written: dict[str, Work] = {"settings": partial(machine.written, patient.project)}
    if settings.mode == "local":
        stack = Stack(settings, patient.project)
        running = stack.supervisor.pid() is not None
        return {**written, **_local(patient, stack, running=running), **(_servers(patient) if running else {})}
    written["secrets"] = partial(machine.open_secrets, patient.project, settings)
    if settings.mode == "compose":
        return {"docker": partial(_docker, patient), **written, **_servers(patient)}
    return {**written, **_servers(patient)}


def _local(patient: Patient, stack: Stack, *, running: bool) -> dict[str, Work]:
    needed = servers_of(patient.pipeline, patient.connectors) | {*patient.pipeline.services}
    return {
        "software": partial(machine.software, patient.settings, stack),
        "resources": partial(machine.resources, patient.settings, running=running),
        "secrets": partial(machine.secrets, patient.project, patient.settings),
        "servers": partial(machine.programs, stack, needed),
    }


def _docker(patient: Patient) -> Iterator[Check]:
    try:
        compose.require(patient.project)
    except StackError as exc:
        yield Check("docker", "fail", *halves(exc))
    else:
        yield Check("docker", "ok", "docker compose is here")


def _servers(patient: Patient) -> dict[str, Work]:
    settings, pipeline, connectors = patient.settings, patient.pipeline, patient.connectors
    jobs: dict[str, Work] = {
        "kafka": partial(brokers.cluster, settings),
        "topics": partial(_if_it_answers, settings, partial(brokers.wanted_topics, settings, pipeline)),
        "rights": partial(_if_it_answers, settings, partial(_rights, patient)),
    }
    if connectors:
        jobs |= {"connect": partial(_connect, patient)}
    if patient.project.statements(pipeline.name):
        jobs |= {"ksql": partial(_ksql, patient)}
    if stores.needs_mongodb(pipeline, connectors):
        jobs["mongodb"] = partial(stores.mongodb, settings)
    if pipeline.lake is not None and stores.needs_catalog(settings, connectors):
        jobs["iceberg catalog"] = partial(stores.lake, settings, pipeline.lake)
    if pipeline.lake is not None and stores.needs_glue(settings, connectors):
        jobs["aws glue"] = partial(stores.glue, settings, pipeline.lake)
    if pipeline.postgres_database is not None:
        jobs["postgresql"] = partial(stores.postgres, settings, pipeline)
    return jobs


def _if_it_answers(settings: Settings, work: Work) -> Iterator[Check]:
    """That Kafka does not answer, does not let us in, or can not be asked with the file of properties, is told once."""
    try:
        permissions.brokers(settings)
    except StreamguardError:
        return
    yield from work()


def _rights(patient: Patient) -> Iterator[Check]:
    """With the server that is there; our own, if none answers."""
    engine: Engine = "streamguard"
    if patient.project.statements(patient.pipeline.name):
        with suppress(KsqlUnavailable):
            engine = "streamguard" if patient.ksql().is_ours() else "ksqldb"
    yield from brokers.rights(patient.settings, patient.rights(engine), patient.principal)


def _connect(patient: Patient) -> Iterator[Check]:
    client = patient.connect()
    try:
        cluster_id = permissions.brokers(patient.settings).cluster_id
    except StreamguardError:
        cluster_id = ""  # another check tells of it
    yield from workers.worker(patient.settings, client, cluster_id)
    yield from workers.plugins(client, patient.connectors)
    yield from workers.addresses(client, patient.connectors)
    yield from workers.deployed(client, patient.connectors)


def _ksql(patient: Patient) -> Iterator[Check]:
    client = patient.ksql()
    yield from statements.server(client)
    yield from statements.applied(client, patient.project, patient.pipeline)
