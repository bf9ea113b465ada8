"""`up` in containers: docker compose starts them, and the rest is what `up` does for the local servers."""

from __future__ import annotations

from collections.abc import Callable

from streamguard.connect.deploying import apply as connectors
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.errors import TopicError
from streamguard.kafka import topics
from streamguard.model import Pipeline
from streamguard.pipeline import apply_statements, check
from streamguard.project import Project
from streamguard.settings import Settings, load
from streamguard.stack import compose
from streamguard.stack.lake import seed_lake

Tell = Callable[[str], None]


def up(
    project: Project,
    settings: Settings,
    pipeline: Pipeline,
    *,
    produce: bool,
    tell: Tell,
    values: str = compose.VALUES,
) -> list[connectors.Result]:
    """Start the containers and `pipeline` on them; doing it again changes nothing. How the connectors were left.

    What can be wrong without a server is found before one is started.
    """
    check(project, settings, pipeline, values)
    compose.require(project)
    added = compose.make_secrets(project.root)
    if added:
        tell(f"made {len(added)} passwords of the containers, in .env")
    settings = load(project.root, environ=settings.environment() | settings.mine, data_dir=settings.data_dir)
    compose.up(project, settings, compose.profiles(pipeline, produce=produce))
    return seed(project, settings, pipeline, tell, values)


def seed(
    project: Project, settings: Settings, pipeline: Pipeline, tell: Tell, values: str = compose.VALUES
) -> list[connectors.Result]:
    """Topics, tables, statements and connectors, in the order in which they need each other."""
    tell("topics")
    existing = topics.existing_topics(settings)
    failed = [change for change in topics.apply(settings, topics.plan(pipeline.topics, existing)) if change.failed]
    if failed:
        raise TopicError(f"topic {failed[0].topic.name}: {failed[0].result}")
    if pipeline.lake is not None:
        tell("tables")
        seed_lake(settings, pipeline.lake)
    tell("statements")
    apply_statements(project, settings, pipeline)
    tell("connectors")
    partitions = {name: topic.partitions for name, topic in topics.existing_topics(settings).items()}
    rendered = render_pipeline(project, settings, pipeline, values)
    results = connectors.deploy(ConnectClient(settings.connect_url), rendered, topics=partitions)
    connectors.raise_for(results)
    return results
