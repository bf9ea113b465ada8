"""Scaffold: the files of a new connector, its template and its values. Nothing that is there is written over."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from streamguard.connect.templates.parameters import SUFFIX, Parameter, own_values_file, parameters_of_kind
from streamguard.connect.templates.pieces import PIECES
from streamguard.connect.templates.render import Connector, render
from streamguard.connect.templates.values import Values, parse_override
from streamguard.errors import ProjectError, StorageError, StreamguardError, UnknownName
from streamguard.project import Project, did_you_mean
from streamguard.settings import SHIPPED

_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True)
class New:
    """A connector to be made: a sink of `kind` in the folder of `pipeline`, with these values of its own."""

    kind: str
    name: str
    pipeline: str
    given: Mapping[str, Any]
    about: str = ""

    def files(self, project: Project) -> dict[Path, str]:
        """The texts of its template and of its values."""
        if not _NAME.fullmatch(self.name):
            raise UnknownName(f"{self.name!r} is no name of a connector: letters, digits, . _ and - only")
        template = project.connectors / self.pipeline / f"{self.name}{SUFFIX}"
        head = f"{{#- {self.about} -#}}\n" if self.about and "#}" not in self.about else ""
        listing = yaml.safe_dump(dict(self.given), sort_keys=False, allow_unicode=True, width=110) if self.given else ""
        comment = f"# The parameters of {self.name}; all there are: streamguard connectors parameters {self.kind}\n"
        return {
            template: f'{head}{{ {{%- include "{PIECES}/{self.kind}-sink.j2" -%}} }}\n',
            own_values_file(template): comment + listing,
        }


def questions(kind: str, project: Project, given: Iterable[str]) -> list[Parameter]:
    """What is asked for a new connector, unless it is `given`: those required first."""
    listed = parameters_of_kind(kind, project.connectors)
    return [parameter for parameter in listed.parameters if parameter.ask and parameter.name not in {*given}]


def read_answer(kind: str, project: Project, name: str, text: str) -> Any:
    """The value of a parameter as somebody types it: `a, b` for a list, `a: int, b: string` for names with values."""
    known = {parameter.name: parameter for parameter in parameters_of_kind(kind, project.connectors).parameters}
    if name not in known:
        raise UnknownName(f"a sink of kind {kind} has no parameter {name}{_near(name, known)}")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if known[name].type.startswith("a list") and not text.lstrip().startswith("["):
        return parts
    if known[name].type == "names with values" and not text.lstrip().startswith("{"):
        pairs = (part.partition(":") for part in parts)
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text if known[name].type == "text" else parse_override(f"{name}={text}")[1]


def create(new: New, project: Project, values: Values) -> Connector:
    """Write the files, if what they hold renders; otherwise nothing is left of them."""
    files = new.files(project)
    write_files(files, project)
    try:
        connector = render(next(iter(files)), values, project.connectors)
        if not connector.config.get("topics") and not connector.config.get("topics.regex"):
            raise ProjectError("a sink reads topics, and none are given: say which with --topics")
        return connector
    except StreamguardError as exc:
        remove(files)
        raise type(exc)(f"nothing was written: {exc}") from exc


def write_files(files: Mapping[Path, str], project: Project) -> None:
    """Write new files of a project: all of them or none."""
    if project.root == SHIPPED.resolve():
        raise ProjectError(
            f"{project.root} is the copy that streamguard carries along, and is not written to: "
            "say with --project where yours is, a folder with connectors/, ksql/ and init/"
        )
    for path in files:
        if path.exists() or path.is_symlink():
            raise ProjectError(f"{path} is there already, and is not written over: choose another name, or remove it")
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as exc:
        remove(written)
        raise StorageError(f"{exc.filename} can not be written: {exc.strerror}") from exc


def remove(paths: Iterable[Path]) -> None:
    """Take back what was written."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _near(name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith(" (did") else ": see `streamguard connectors parameters`"
