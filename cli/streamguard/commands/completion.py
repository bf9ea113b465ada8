"""What the shell offers after Tab: names of pipelines, servers, connectors, topics, queries; and what a cluster has.

During completion click makes contexts without running the group, so the project is found again from its option. An
error completes nothing: there is nowhere to tell of it. A cluster is given LIVE_SECONDS to answer; where templates have
the same names, they are offered if it does not.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from streamguard.errors import StreamguardError

if TYPE_CHECKING:
    from streamguard.connect.rest.client import ConnectClient
    from streamguard.project import Project

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
LIVE_SECONDS = 1.0
OF_TEMPLATES = ("render", "lint", "validate", "plan", "deploy", "companions", "parameters")
"""Commands of `connectors` whose names are those of templates."""


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
    from streamguard.kafka.exactly_once.dead_letters import SUFFIX

    return [name for name in _topics(project) if name.endswith(SUFFIX)]


def _causes(_project: Project) -> list[str]:
    from streamguard.kafka.exactly_once.dead_letters import CODES

    return list(CODES)


def _worlds(project: Project) -> list[str]:
    from streamguard.datagen.world.reading import worlds as known

    return known(project)


def _queries(project: Project) -> list[str]:
    from streamguard.query.files import queries

    return [query.name for query in queries(project)]


def properties(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of properties that SET takes, as ``NAME=``."""
    from streamguard.engine.server.session import EDITABLE

    return [f"{name}=" for name in EDITABLE if name.startswith(incomplete)]


def _live(names: Callable[[ConnectClient], list[str]], otherwise: Complete | None = None) -> Complete:
    """Names that a cluster has; `otherwise`, if it does not answer in time."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        found: list[list[str]] = []

        def ask() -> None:
            with contextlib.suppress(Exception):  # whatever it is, the line being typed is no place for it
                found.append(names(_client(ctx)))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(LIVE_SECONDS)
        if not found:
            return otherwise(ctx, param, incomplete) if otherwise else []
        return sorted({name for name in found[0] if name.startswith(incomplete)})

    return complete


def _client(ctx: click.Context) -> ConnectClient:
    """The client of the cluster that the line means so far."""
    from streamguard.commands import App
    from streamguard.connect.rest.contexts import choose
    from streamguard.connect.rest.credentials import client_at, open_client

    app = App(ctx.find_root().params.get("project"))
    url, name = ctx.params.get("url"), ctx.params.get("context")
    options: dict[str, Any] = {"deadline": 0.0, "patience": 0.0, "read_timeout": LIVE_SECONDS}
    context = None if url and not name else choose(app.settings, name)
    if context is not None:
        return open_client(context, *([url] if url else []), **options)
    return client_at(app.settings, url, **options)


def _plugins(client: ConnectClient) -> list[str]:
    return [plugin.class_name.rpartition(".")[2] for plugin in client.plugins(connectors_only=False)]


def _keys(client: ConnectClient) -> list[str]:
    classes = [plugin.class_name for plugin in client.plugins()]
    return sorted({definition.name for name in classes for definition in client.plugin_config(name)})


def _references(client: ConnectClient) -> list[str]:
    from streamguard.connect.secrecy.sensitive import references_of

    configs = [one.config for one in client.connectors().values()]
    return [reference for config in configs for found in references_of(config).values() for reference in found]


def connectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of templates, or of the connectors of a cluster, as the command takes them."""
    complete = _templates if ctx.info_name in OF_TEMPLATES else _deployed
    return complete(ctx, param, incomplete)


def kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Kinds of sinks, for a new one."""
    return _kinds(ctx, param, incomplete)


def _values(project: Project) -> list[str]:
    return sorted(path.stem for path in (project.connectors / "values").glob("*.yml"))


def _kinds_of(project: Project) -> list[str]:
    from streamguard.connect.templates.parameters import kinds as known

    return list(known(project.connectors))


_templates = _completing(_connectors)
_deployed = _live(lambda client: list(client.connectors()), otherwise=_templates)
_kinds = _completing(_kinds_of)
plugins = _live(_plugins)
keys = _live(_keys)
references = _live(_references)
loggers = _live(lambda client: [logger.name for logger in client.loggers()])
values = _completing(_values)
worlds = _completing(_worlds)
pipelines = _completing(lambda project: project.pipelines())
servers = _completing(_servers)
topics = _completing(_topics)
dead_letter_topics = _completing(_dead_letter_topics)
causes = _completing(_causes)
queries = _completing(_queries)
