"""Which connectors a command means: the templates of pipelines, and of those the ones that are named."""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.connect.render import Connector, render_all
from streamguard.connect.values import load_values, values_file
from streamguard.errors import TemplateError, UnknownName
from streamguard.model import Pipeline
from streamguard.project import Project, did_you_mean
from streamguard.settings import Settings


def render_pipeline(
    project: Project, settings: Settings, pipeline: Pipeline, values: str = "local", overrides: Sequence[str] = ()
) -> list[Connector]:
    """Every connector of one pipeline."""
    loaded = load_values(settings, pipeline, values_file(project, values), overrides)
    return render_all(project.templates(pipeline.name), loaded, project.connectors)


def render_pipelines(
    project: Project,
    settings: Settings,
    pipelines: Sequence[Pipeline] | None,
    values: str = "local",
    overrides: Sequence[str] = (),
) -> list[Connector]:
    """Every connector of the pipelines, or of each that has templates; a name that two have is refused."""
    if pipelines is None:
        pipelines = [project.pipeline(name) for name in project.pipelines() if project.templates(name)]
    rendered = [c for p in pipelines for c in render_pipeline(project, settings, p, values, overrides)]
    seen: dict[str, Connector] = {}
    for connector in rendered:
        other = seen.setdefault(connector.name, connector)
        if other is not connector:
            raise TemplateError(f"{other.template} and {connector.template} are both named {connector.name}")
    return rendered


def choose(connectors: Sequence[Connector], names: Sequence[str]) -> list[Connector]:
    """Those that are named, in their own order; all, if no name is given."""
    known = {connector.name for connector in connectors}
    for name in names:
        if name not in known:
            raise UnknownName(f"there is no template of a connector {name}{did_you_mean(name, known)}")
    return [connector for connector in connectors if not names or connector.name in names]
