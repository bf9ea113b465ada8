"""The files that people edit for services, read before anything starts: a mistake is told at once, not in a minute."""

from __future__ import annotations

from functools import partial

from streamguard.model import Pipeline
from streamguard.project import Project
from streamguard.settings import variable_in


def check(project: Project, pipeline: Pipeline) -> None:
    """Read what the services of a pipeline read when they start. Raises ProjectError, with file and line."""
    for service, read in {"validator": _validator, "decider": _decider, "notifier": _notifier}.items():
        if service in pipeline.services:
            read(project, pipeline)


def _validator(project: Project, pipeline: Pipeline) -> None:
    from streamguard.services.validator.judgement import judge_by
    from streamguard.services.validator.rules import load_blacklist, load_rules

    folder = project.init / pipeline.name
    judge_by(load_rules(folder), load_blacklist(folder))


def _decider(project: Project, pipeline: Pipeline) -> None:
    from streamguard.services.decider.rules import read_rules, rules_file

    read_rules(rules_file(project, pipeline))


def _notifier(project: Project, pipeline: Pipeline) -> None:
    from streamguard.services.notifier.reading import channels_file, read_channels, require_variables

    path = channels_file(project, pipeline)
    for channel in read_channels(path):
        require_variables(path, channel, partial(variable_in, project.root))
