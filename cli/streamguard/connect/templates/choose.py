"""Which connectors a command means: the templates of pipelines, and of those the ones that are named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamguard.connect.rest.globs import select_templates
from streamguard.connect.templates.environment import Environment, undeclared
from streamguard.connect.templates.own import Owner, stamped
from streamguard.connect.templates.parameters import parameter_names
from streamguard.connect.templates.render import SUFFIX, Connector, render
from streamguard.connect.templates.values import VALUES_SCHEMA, Values, VariablesMissing, load_values, values_file
from streamguard.errors import Refused, StreamguardError, TemplateError, UnknownName
from streamguard.model import Pipeline
from streamguard.project import Project, did_you_mean, line_of, load_yaml
from streamguard.settings import Settings


@dataclass(frozen=True)
class Rendering:
    """The connectors of templates, and why the others did not render, by name."""

    connectors: list[Connector] = field(default_factory=list)
    failed: dict[str, StreamguardError] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*(connector.name for connector in self.connectors), *self.failed))

    def of(self, names: Sequence[str]) -> Rendering:
        """Those that names and patterns choose; all, if there are none. Raises `VariablesMissing`, of these alone."""
        wanted = set(select_templates(names, self.names))
        failed = {name: error for name, error in self.failed.items() if name in wanted}
        _raise_missing(failed.values())
        return Rendering([connector for connector in self.connectors if connector.name in wanted], failed)

    def without(self, pipelines: Collection[str]) -> Rendering:
        """Those of other pipelines; what did not render stays."""
        return Rendering([each for each in self.connectors if each.pipeline not in pipelines], self.failed)

    def whole(self) -> list[Connector]:
        """All connectors; raises the first error, if a template did not render."""
        _raise_missing(self.failed.values())
        for error in self.failed.values():
            raise error
        return self.connectors


def render_pipeline(
    project: Project, settings: Settings, pipeline: Pipeline, values: str = "local", overrides: Sequence[str] = ()
) -> list[Connector]:
    """Every connector of one pipeline, with the keys of ownership."""
    return render_each(project, settings, [pipeline], values, overrides).whole()


def render_each(
    project: Project,
    settings: Settings,
    pipelines: Sequence[Pipeline] | None,
    values: str = "local",
    overrides: Sequence[str] = (),
) -> Rendering:
    """Every template of the pipelines, or of all that have some; one that does not render does not stop the others.

    What concerns all of them is raised: values that are wrong or that nothing asks for, and a name that two templates
    have.
    """
    if pipelines is None:
        pipelines = [project.pipeline(name) for name in project.pipelines() if project.templates(name)]
    templates = {pipeline.name: project.templates(pipeline.name) for pipeline in pipelines}
    _refuse_twins(path for paths in templates.values() for path in paths)
    environment = Environment(project.connectors)
    file = values_file(project, values)
    found = Rendering()
    for pipeline in pipelines:
        loaded = load_values(settings, pipeline, file, overrides)
        _refuse_unasked(loaded, environment)
        owner = Owner(settings.connect_owner, pipeline.name)
        for template in templates[pipeline.name]:
            try:
                connector = render(template, loaded, project.connectors, environment=environment)
                found.connectors.append(stamped(connector, owner))
            except VariablesMissing as exc:
                lacking = {*exc.names, *loaded.lacking_of_worker}
                found.failed[template.name.removesuffix(SUFFIX)] = VariablesMissing(lacking, file)
            except (TemplateError, Refused) as exc:
                found.failed[template.name.removesuffix(SUFFIX)] = exc
    return found


def _raise_missing(errors: Iterable[StreamguardError]) -> None:
    """Raise one `VariablesMissing` for all that are among the errors."""
    missing = [error for error in errors if isinstance(error, VariablesMissing)]
    if missing:
        raise VariablesMissing({name for error in missing for name in error.names}, missing[0].file)


def _refuse_unasked(values: Values, environment: Environment) -> None:
    """`UnknownName` for a --set that no template of the project asks for: a slip would pass for "nothing to change"."""
    for name in values.overrides.keys() - values.without_overrides.keys():
        asked = _asked_for(environment)
        if name not in asked:
            known = asked | values.without_overrides.keys()
            raise UnknownName(f"--set {name}: no template asks for it{did_you_mean(name, known)}")


def unasked(project: Project, values: str) -> dict[str, tuple[str, str]]:
    """The values of a file that no template asks for, by name: ``FILE, line N``, and what may be meant."""
    file = values_file(project, values)
    given = load_yaml(file, VALUES_SCHEMA).keys() - {"connectors"} if file.is_file() else set()
    odd = given - parameter_names(project.connectors)
    if not odd:  # the usual case: to read every template of a large project takes seconds
        return {}
    asked = _asked_for(Environment(project.connectors))
    return {name: (line_of(file, [name]), did_you_mean(name, asked)) for name in sorted(odd - asked)}


def _asked_for(environment: Environment) -> set[str]:
    """The names of all values that templates and pieces of the project use or describe."""
    files = [path.relative_to(environment.root).as_posix() for path in environment.root.rglob("*.j2")]
    return {name for name, _, _ in undeclared(environment, files, {})} | parameter_names(environment.root)


def _refuse_twins(templates: Iterable[Path]) -> None:
    seen: dict[str, Path] = {}
    for template in templates:
        name = template.name.removesuffix(SUFFIX)
        other = seen.setdefault(name, template)
        if other is not template:
            raise TemplateError(f"{other} and {template} are both named {name}")
