"""Pipelines of a test's own on the running stack, taken away again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from streamguard.connect.rest.client import ConnectClient
from streamguard.engine.client.declared import names, read_files
from streamguard.engine.client.http import KsqlClient
from streamguard.errors import ConnectorNotFound, StatementRefused
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.topics import existing_topics
from streamguard.project import Project
from streamguard.stack.stack import Stack


@contextlib.contextmanager
def taken_away(stack: Stack, project: Project, *pipelines: str) -> Iterator[None]:
    """Afterwards nothing of these pipelines is left: generator, connectors, statements, topics."""
    try:
        yield
    finally:
        for name in set(pipelines) & set(project.pipelines()):
            _take_away(stack, project, name)


def _take_away(stack: Stack, project: Project, name: str) -> None:
    settings, pipeline = stack.settings, project.pipeline(name)
    if f"produce-{name}" in stack.supervisor.processes():
        stack.supervisor.stop_program(f"produce-{name}")
    for template in project.templates(name):
        with contextlib.suppress(ConnectorNotFound):
            ConnectClient(settings.connect_url).delete(template.name.removesuffix(".json.j2"))
    ksql = KsqlClient(settings.ksql_url)
    for stream in reversed(names(read_files(project.statements(name), pipeline.variables))):
        with contextlib.suppress(StatementRefused):
            ksql.ksql(f"DROP STREAM IF EXISTS {stream};")
    own = {topic.name for topic in pipeline.topics}
    Cluster(settings).delete(sorted(own & existing_topics(settings).keys()))
