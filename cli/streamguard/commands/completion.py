"""What the shell offers after Tab: names of pipelines, servers, connectors, topics and queries. No server is asked.

During completion click makes contexts without running the group, so the project is found again from its option. An
error completes nothing: there is nowhere to tell of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from streamguard.errors import StreamguardError

if TYPE_CHECKING:
    from streamguard.project import Project

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _completing(names: Callable[[Project], list[str]]) -> Complete:
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from pathlib import Path

        from streamguard.project import find_project

        try:
            found = names(find_project(Path.cwd(), ctx.find_root().params.get("project")))
        except (StreamguardError, OSError):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def _servers(project: Project) -> list[str]:
    from streamguard.settings import load
    from streamguard.stack.stack import Stack

    return [*Stack(load(project.root), project).programs, "supervisor"]


def _connectors(project: Project) -> list[str]:
    return [
        path.name.removesuffix(".json.j2") for pipeline in project.pipelines() for path in project.templates(pipeline)
    ]


def _topics(project: Project) -> list[str]:
    return [topic.name for pipeline in project.pipelines() for topic in project.pipeline(pipeline).topics]


def _dead_letter_topics(project: Project) -> list[str]:
    from streamguard.kafka.dead_letters import SUFFIX

    return [name for name in _topics(project) if name.endswith(SUFFIX)]


def _causes(_project: Project) -> list[str]:
    from streamguard.kafka.dead_letters import CODES

    return list(CODES)


def _queries(project: Project) -> list[str]:
    from streamguard.query.files import queries

    return [query.name for query in queries(project)]


pipelines = _completing(lambda project: project.pipelines())
servers = _completing(_servers)
connectors = _completing(_connectors)
topics = _completing(_topics)
dead_letter_topics = _completing(_dead_letter_topics)
causes = _completing(_causes)
queries = _completing(_queries)
