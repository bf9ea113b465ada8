"""Render: a template and its values become a connector's config, all of it text.

Templates are Jinja, sandboxed, and read from `connectors/` only. Rendered text is JSON: one object, no key twice, each
value text, a number or a boolean. The connector's name is the template's file name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamguard.connect.answers import UNREACHABLE
from streamguard.connect.printing import PRIVATE, REFERENCE, env, printed, reveal, smuggled
from streamguard.errors import Refused, TemplateError

SUFFIX = ".json.j2"
FILTERS = (
    *("abs", "capitalize", "default", "d", "first", "float", "int", "join", "last", "length", "count", "list", "lower"),
    *("map", "max", "min", "reject", "rejectattr", "replace", "round", "select", "selectattr", "sort", "string", "sum"),
    *("title", "trim", "truncate", "unique", "upper"),
)
Config = Mapping[str, str]


@dataclass(frozen=True)
class Connector:
    """A rendered template: the connector's name, its config without the name, and where it was written."""

    name: str
    config: Config
    template: Path

    @property
    def class_name(self) -> str:
        return self.config.get("connector.class", "")

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that the sink reads, if they are listed; a pattern names none."""
        return tuple(topic.strip() for topic in self.config.get("topics", "").split(",") if topic.strip())

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        """The keys whose values the worker completes, each with its references."""
        found = {key: tuple(m.group() for m in REFERENCE.finditer(value)) for key, value in self.config.items()}
        return {key: references for key, references in found.items() if references}


class Templates(jinja2.BaseLoader):
    """Reads templates from one folder and never from outside of it, not over a link either."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        path = (self._root / template).resolve()
        if not path.is_relative_to(self._root):
            raise TemplateError(f"{template} lies outside of {self._root}: templates include from there only")
        try:
            text = path.read_text()
        except (FileNotFoundError, IsADirectoryError):
            raise jinja2.TemplateNotFound(template) from None
        except UnicodeDecodeError:
            raise TemplateError(f"{path} is not UTF-8 text") from None
        if PRIVATE.search(text):
            raise TemplateError(f"{path} has characters of the private plane U+F0000, which streamguard uses itself")
        return text, str(path), None


def render(template: Path, values: Mapping[str, Any], root: Path) -> Connector:
    """Render one template of the folder `root` (a project's `connectors/`)."""
    name = template.name.removesuffix(SUFFIX)
    if not name or any(character in UNREACHABLE for character in name):
        raise TemplateError(f"{template}: Kafka Connect can not reach a connector named {name!r}")
    context = {**values, "name": name}
    text = _render_text(template, context, root)
    return Connector(name, _config(template, name, _parse(template, text)), template)


def render_all(templates: Sequence[Path], values: Mapping[str, Any], root: Path) -> list[Connector]:
    """Render every template; two of one name are refused."""
    rendered = [render(template, values, root) for template in templates]
    seen: dict[str, Path] = {}
    for connector in rendered:
        if connector.name in seen:
            raise TemplateError(f"{connector.template} and {seen[connector.name]} are both named {connector.name}")
        seen[connector.name] = connector.template
    return rendered


def _environment(root: Path) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=Templates(root),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=True,  # marks what a macro returns as finished text, so that it is not disguised again
        cache_size=0,
        keep_trailing_newline=True,
    )
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.globals = {"env": env, "range": environment.globals["range"], "dict": dict}
    return environment


@jinja2.pass_context  # so that jinja does not fold constants, which it would escape as HTML first
def _finalize(_context: jinja2.runtime.Context, value: Any) -> Any:
    return printed(value)


def _render_text(template: Path, context: Mapping[str, Any], root: Path) -> str:
    environment = _environment(root)
    try:
        where = template.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise TemplateError(f"{template} lies outside of {root}") from None
    try:
        _check_macros(environment, where)
        return environment.get_template(where).render(context)
    except TemplateError as exc:
        raise TemplateError(f"{_place(exc, template, root)}: {exc}") from exc
    except jinja2.TemplateSyntaxError as exc:
        raise TemplateError(f"{exc.filename or template}, line {exc.lineno}: {exc.message}") from exc
    except jinja2.TemplateNotFound as exc:
        raise TemplateError(f"{_place(exc, template, root)}: there is no template {exc.name} in {root}") from exc
    except jinja2.UndefinedError as exc:
        raise TemplateError(
            f"{_place(exc, template, root)}: {_about_undefined(exc, environment, where, context)}"
        ) from exc
    except SecurityError as exc:
        raise TemplateError(f"{_place(exc, template, root)}: the sandbox refuses this: {exc}") from exc
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as exc:
        raise TemplateError(f"{_place(exc, template, root)}: {exc}") from exc


def _check_macros(environment: jinja2.Environment, where: str) -> None:
    """A macro's text may be printed and nothing else: joined to a value it would no longer be known as finished."""
    assert environment.loader is not None
    pending, seen = [where], set[str]()
    while pending:
        name = pending.pop()
        seen.add(name)
        try:
            source, filename, _ = environment.loader.get_source(environment, name)
        except (jinja2.TemplateNotFound, TemplateError):
            continue  # told of when it is included, with the line
        tree = environment.parse(source, filename=filename)
        macros = {macro.name for macro in tree.find_all(nodes.Macro)} | {"caller"} | _imported(tree)
        allowed = {id(node) for output in tree.find_all(nodes.Output) for node in output.nodes}
        for call in tree.find_all(nodes.Call):
            if id(call) not in allowed and _callee(call.node) in macros:
                reason = f"the text of {_callee(call.node)}() can only be printed, by a {{{{ }}}} of its own"
                raise jinja2.TemplateSyntaxError(reason, call.lineno, filename=filename)
        for block in tree.find_all((nodes.AssignBlock, nodes.FilterBlock)):
            reason = "{% set %} with a block and {% filter %} are not available here"
            raise jinja2.TemplateSyntaxError(reason, block.lineno, filename=filename)
        pending += {name for name in meta.find_referenced_templates(tree) if name} - seen


def _imported(tree: nodes.Template) -> set[str]:
    whole = {node.target for node in tree.find_all(nodes.Import)}
    single = {
        name if isinstance(name, str) else name[1] for node in tree.find_all(nodes.FromImport) for name in node.names
    }
    return whole | single


def _callee(node: nodes.Node) -> str:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""


def _place(exc: BaseException, template: Path, root: Path) -> str:
    """`FILE, line N`: the innermost frame of the traceback that lies in a template."""
    place, traceback = str(template), exc.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if filename.startswith(str(root.resolve())):
            place = f"{filename}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _about_undefined(
    exc: jinja2.UndefinedError, environment: jinja2.Environment, where: str, context: Mapping[str, Any]
) -> str:
    message = str(exc)
    named = re.fullmatch(r"'(\w+)' is undefined", message)
    if not named:
        return message
    name = named[1]
    near = difflib.get_close_matches(name, context, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ": give it in the values file, or by --set NAME=VALUE"
    assert environment.loader is not None
    source = environment.loader.get_source(environment, where)[0]
    others = meta.find_undeclared_variables(environment.parse(source)) - {*context, *environment.globals, name}
    more = f"; neither are {', '.join(sorted(others))}" if others else ""
    return f"{name} is not defined{hint}{more}"


def _parse(template: Path, text: str) -> dict[str, Any]:
    def object_of(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise TemplateError(f"{template}: the key {reveal(key)} is there twice")
            found[key] = value
        return found

    try:
        document = json.loads(text, object_pairs_hook=object_of)
    except json.JSONDecodeError as exc:
        line = text.splitlines()[exc.lineno - 1].strip() if text.strip() else ""
        raise TemplateError(
            f"{template}: the rendered text is no JSON: {exc.msg} at column {exc.colno} of: {reveal(line)[:120]}"
        ) from exc
    except RecursionError as exc:
        raise TemplateError(f"{template}: the rendered text is nested too deeply") from exc
    if not isinstance(document, dict):
        raise TemplateError(f"{template}: the rendered text is no JSON object")
    return document


def _config(template: Path, name: str, document: Mapping[str, Any]) -> Config:
    config = {}
    for raw_key, value in document.items():
        key = reveal(raw_key)
        if value is None or isinstance(value, dict | list):
            raise TemplateError(f"{template}: {key} takes text, a number or a boolean, not {_kind(value)}")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        reference = smuggled(text) or smuggled(raw_key)
        if reference:
            raise Refused(
                f"{template}: a value puts the reference {reference} into {key}: references are written in templates"
            )
        config[key] = reveal(text)
    if config.pop("name", name) != name:
        raise TemplateError(f"{template}: its name is {name}, from the file's name; leave the key name out")
    if not config.get("connector.class") or "${" in config["connector.class"]:
        raise TemplateError(f"{template}: connector.class must name the plugin's class")
    return dict(sorted(config.items()))


def _kind(value: object) -> str:
    return "null" if value is None else "an object" if isinstance(value, dict) else "a list"
