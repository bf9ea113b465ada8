"""Reads init/NAME/notifications.yml; an error says where, and what to write there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamguard.errors import ProjectError, UnknownName
from streamguard.model import Pipeline
from streamguard.project import Project, did_you_mean, line_of, load_yaml
from streamguard.services.decider.outcomes import SEVERITIES
from streamguard.services.notifier.channels import Channel, Filter, Grouping, Lookup, Rate
from streamguard.services.notifier.messages import check_template
from streamguard.services.notifier.schema import SCHEMA

FILE = "notifications.yml"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""Where an SMTP server listens."""


def channels_file(project: Project, pipeline: Pipeline) -> Path:
    """Where the channels of a pipeline stand; the file may be missing."""
    return project.init / pipeline.name / FILE


def read_channels(path: Path) -> tuple[Channel, ...]:
    """The channels of a file, none if there is no file.

    Raises:
        ProjectError: a line for each thing that is wrong, with file, line and what to write.
    """
    import jsonschema

    if not path.is_file():
        return ()
    document = load_yaml(path, {"type": ["object", "null"]})
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    problems = {f"{line_of(path, keys)}: {reason}" for error in errors for keys, reason in _told(error)}
    if problems:
        raise ProjectError("\n".join(sorted(problems, key=_line)))
    channels = tuple(_channel(name, spec) for name, spec in (document.get("channels") or {}).items())
    for channel in channels:
        try:
            check_template(channel)
        except ValueError as exc:
            raise ProjectError(f"{line_of(path, ['channels', channel.name, 'template'])}: {exc}") from None
    return channels


def find_channel(path: Path, name: str) -> Channel:
    """The channel of that name. `UnknownName` if there is none."""
    channels = {channel.name: channel for channel in read_channels(path)}
    if name not in channels:
        raise UnknownName(f"no channel {name} in {path}{did_you_mean(name, channels)}")
    return channels[name]


def require_variables(path: Path, channel: Channel, lookup: Lookup) -> None:
    """`ProjectError` if a variable that a channel refers to is not set."""
    missing = channel.missing(lookup)
    if missing:
        raise ProjectError(
            f"{line_of(path, ['channels', channel.name])}: {channel.name} needs {' and '.join(missing)}: "
            f"set it in the environment or in .env"
        )


def _channel(name: str, spec: Mapping[str, Any]) -> Channel:
    common = ("kind", "min_severity", "rules", "actions", "group", "rate", "mask", "start", "template")
    options = {key: value for key, value in spec.items() if key not in common}
    if spec["kind"] == "email":
        options.setdefault("tls", "starttls")
        options.setdefault("port", PORTS[options["tls"]])
    return Channel(
        name=name,
        kind=spec["kind"],
        options=options,
        filter=Filter(
            spec.get("min_severity", SEVERITIES[0]),
            frozenset(spec.get("rules", ())),
            frozenset(spec.get("actions", ())),
        ),
        grouping=Grouping(**spec.get("group", {})),
        rate=Rate(**spec.get("rate", {})),
        mask=spec.get("mask", True),
        start=spec.get("start", "now"),
        template=spec.get("template", ""),
    )


def _told(error: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Where an error of the schema is, and what to do about it. It never says what stands there: maybe a secret."""
    path = tuple(error.absolute_path)
    where = ".".join(map(str, path)) or "the file"
    expects = error.schema.get("expects")
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield (*path, key), f"{where}: unknown key {key}{did_you_mean(str(key), known)}"
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield path, f"{where}: {' and '.join(missing)} missing: add {', '.join(f'`{name}: …`' for name in missing)}"
    elif error.validator == "dependentRequired":
        yield path, f"{where}: username and password go together: add the other one"
    elif error.validator == "enum":
        known = [str(each) for each in error.validator_value]
        yield path, f"{where}: write {', '.join(known[:-1])} or {known[-1]}{_near(error.instance, known)}"
    elif expects and "propertyNames" in error.absolute_schema_path:
        yield (*path, error.instance), f"{where}: {error.instance!r} is no name for this: write {expects}"
    elif expects:
        yield path, f"{where}: write {expects}"
    else:
        yield path, f"{where}: write keys and values, indented, as in docs/notifier.md"


def _near(value: object, known: list[str]) -> str:
    hint = did_you_mean(str(value), known)
    return hint if hint.startswith(" (did") else ""


def _line(problem: str) -> tuple[int, str]:
    found = re.search(r", line (\d+): ", problem)
    return int(found.group(1)) if found else 0, problem
