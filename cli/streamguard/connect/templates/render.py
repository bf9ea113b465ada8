"""Render: a template and its values become a connector's config, all of it text.

Templates are Jinja, sandboxed, and read from `connectors/` only. Rendered text is JSON: one object, no key twice, each
value text, a number or a boolean. The connector's name is the template's file name, its pipeline the folder's name. The
reserved key `streamguard.state` says whether it runs, and is not part of the config.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import jinja2
from jinja2.exceptions import SecurityError

from streamguard.connect.rest.answers import UNREACHABLE
from streamguard.connect.secrecy.secrets import redact_source
from streamguard.connect.secrecy.sensitive import references_of
from streamguard.connect.templates.environment import Environment, Silence, undeclared
from streamguard.connect.templates.marks import Mark, Origin, origins, place_of
from streamguard.connect.templates.parameters import complete
from streamguard.connect.templates.printing import refuse_private, reveal, settle, smuggled
from streamguard.errors import Refused, TemplateError

SUFFIX = ".json.j2"
STATE = "streamguard.state"
OWN = "streamguard."
Config = Mapping[str, str]
State = Literal["running", "paused", "stopped"]

_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Connector:
    """A rendered template: the connector's name, its config without the name, and where it was written.

    `origins` has the place of each key; `silences` are the comments of these places that silence findings.
    """

    name: str
    config: Config
    template: Path
    state: State = "running"
    pipeline: str = ""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)
    silences: tuple[Silence, ...] = field(default=(), compare=False, repr=False)

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
        return references_of(self.config)


def render(
    template: Path, values: Mapping[str, Any], root: Path, *, environment: Environment | None = None
) -> Connector:
    """Render one template of the folder `root` (a project's `connectors/`)."""
    name = template.name.removesuffix(SUFFIX)
    if not name or any(character in UNREACHABLE for character in name):
        raise TemplateError(f"{template}: Kafka Connect can not reach a connector named {name!r}")
    environment = environment or Environment(root)
    values = complete(template, values, root, parse=environment.tree)
    text = settle(_render_text(template, {**values, "name": name}, environment))
    clean, marks = environment.places.take_out(text)
    parsed = _Parsed(template, clean, marks)
    config, state = _config(parsed, name, parsed.document())
    named = {key: _known(parsed.origins[key], values) for key in config}
    files = dict.fromkeys([template, *(origin.file for origin in named.values())])
    silences = tuple(silence for file in files for silence in environment.silences.get(file, ()))
    return Connector(name, config, template, state, template.parent.name, named, silences)


def _known(origin: Origin, values: Mapping[str, Any]) -> Origin:
    if not origin.parameters:
        return origin
    return Origin(origin.file, origin.line, tuple(name for name in origin.parameters if name in values))


def _render_text(template: Path, context: Mapping[str, Any], environment: Environment) -> str:
    root = environment.root
    try:
        where = _inside(template, root).as_posix()
        refuse_private(context)
        return environment.get_template(where).render(context)
    except TemplateError as exc:
        raise TemplateError(f"{_place(exc, template, root)}: {exc}") from exc
    except jinja2.TemplateSyntaxError as exc:
        raise TemplateError(f"{exc.filename or template}, line {exc.lineno}: {exc.message}") from exc
    except jinja2.TemplateNotFound as exc:
        raise TemplateError(f"{_place(exc, template, root)}: there is no template {exc.name} in {root}") from exc
    except jinja2.UndefinedError as exc:
        place = _place(exc, template, root)
        raise TemplateError(f"{place}: {_about_undefined(exc, environment, where, context)}") from exc
    except SecurityError as exc:
        raise TemplateError(f"{_place(exc, template, root)}: the sandbox refuses this: {exc}") from exc
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as exc:
        raise TemplateError(f"{_place(exc, template, root)}: {exc}") from exc


def _inside(template: Path, root: Path) -> Path:
    if template.is_relative_to(root):
        return template.relative_to(root)
    try:
        return template.resolve().relative_to(root.resolve())
    except ValueError:
        raise TemplateError(f"it lies outside of {root}") from None


def _place(exc: BaseException, template: Path, root: Path) -> str:
    """`FILE, line N`: the innermost frame of the traceback that lies in a template."""
    place, traceback = str(template), exc.__traceback__
    resolved = root.resolve()
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if Path(filename).is_relative_to(resolved):
            place = f"{root / Path(filename).relative_to(resolved)}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _about_undefined(
    exc: jinja2.UndefinedError, environment: Environment, where: str, context: Mapping[str, Any]
) -> str:
    message = str(exc)
    named = re.fullmatch(r"'(\w+)' is undefined", message)
    if not named:
        return message
    name = named[1]
    near = difflib.get_close_matches(name, context, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ": give it in the values file, or by --set NAME=VALUE"
    others = [f"{other} ({file}, line {line})" for other, file, line in undeclared(environment, [where], context)]
    others = [other for other in others if not other.startswith(f"{name} (")]
    more = f"; neither are {', '.join(others)}" if others else ""
    return f"{name} is not defined{hint}{more}"


class _Parsed:
    """A rendered text, read as one flat JSON object, with the place of everything."""

    def __init__(self, template: Path, text: str, marks: Sequence[Mark]) -> None:
        self.template = template
        self._text = text
        self._marks = marks
        self._decoder = json.JSONDecoder(
            strict=False, parse_int=str, parse_float=str, parse_constant=self._refuse_constant
        )
        self.origins: dict[str, Origin] = {}

    def at(self, offset: int) -> str:
        """`FILE, line N` of an offset of the text."""
        return str(place_of(offset, self._marks) or self.template)

    def document(self) -> dict[str, Any]:
        """The object's keys and values, still disguised; numbers are the text that they were written as."""
        try:
            pairs = self._pairs()
        except json.JSONDecodeError as exc:
            line = exc.doc.splitlines()[exc.lineno - 1].strip() if exc.doc.strip() else ""
            said = (
                f"the rendered text is no JSON: {exc.msg} at column {exc.colno} of: {redact_source(reveal(line))[:120]}"
            )
            raise TemplateError(f"{self.at(exc.pos)}: {said}") from exc
        except RecursionError as exc:
            raise TemplateError(f"{self.template}: the rendered text is nested too deeply") from exc
        self.origins = origins([(reveal(key), start, end) for key, _, start, end in pairs], self._marks, self.template)
        seen: dict[str, int] = {}
        for key, _, start, _ in pairs:
            name = reveal(key)
            if name in seen:
                raise TemplateError(f"{self.at(start)}: the key {name} is there twice, before at {self.at(seen[name])}")
            seen[name] = start
        return {key: value for key, value, _, _ in pairs}

    def _pairs(self) -> list[tuple[str, Any, int, int]]:
        pairs: list[tuple[str, Any, int, int]] = []
        at = self._skip(0)
        if self._text[at : at + 1] != "{":
            self._value(at)  # for its own error, if it is no JSON at all
            raise TemplateError(f"{self.template}: the rendered text is no JSON object")
        at = self._skip(at + 1)
        more = self._text[at : at + 1] != "}"
        while more:
            start = at
            key, at = self._value(at)
            if not isinstance(key, str) or self._text[start] != '"':
                raise json.JSONDecodeError("expected a key in double quotes", self._text, start)
            at = self._expect(at, ":")
            value, end = self._value(at)
            pairs.append((key, value, start, end))
            at = self._skip(end)
            more = self._text[at : at + 1] == ","
            if more:
                at = self._skip(at + 1)
        end = self._expect(at, "}")
        if end != len(self._text):
            raise json.JSONDecodeError("something behind the end", self._text, end)
        return pairs

    def _value(self, at: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(self._text, at)
        except json.JSONDecodeError:
            raise
        except ValueError as exc:  # a number with too many digits, or NaN
            raise json.JSONDecodeError(str(exc), self._text, at) from exc

    def _expect(self, at: int, character: str) -> int:
        at = self._skip(at)
        if self._text[at : at + 1] != character:
            raise json.JSONDecodeError(f"expected {character}", self._text, min(at, max(len(self._text) - 1, 0)))
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _refuse_constant(self, name: str) -> Any:
        raise ValueError(f"{name} is no value of JSON")


def _config(parsed: _Parsed, name: str, document: Mapping[str, Any]) -> tuple[Config, State]:
    config = {}
    for raw_key, value in document.items():
        key = reveal(raw_key)
        where = parsed.origins[key]
        if value is None or isinstance(value, dict | list):
            raise TemplateError(f"{where}: {key} takes text, a number or a boolean, not {_kind(value)}")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        reference = smuggled(text) or smuggled(raw_key)
        if reference:
            raise Refused(
                f"{where}: a value puts the reference {reference} into {key}: references are written in templates"
            )
        config[key] = reveal(text)
    if config.pop("name", name) != name:
        raise TemplateError(
            f"{parsed.origins['name']}: its name is {name}, from the file's name; leave the key name out"
        )
    state = _state(parsed, config)
    if not config.get("connector.class") or "${" in config["connector.class"]:
        where = parsed.origins.get("connector.class", Origin(parsed.template, 1))
        raise TemplateError(f"{where}: connector.class must name the plugin's class")
    return dict(sorted(config.items())), state


def _state(parsed: _Parsed, config: dict[str, str]) -> State:
    state = config.pop(STATE, "running")
    if state not in get_args(State):
        raise TemplateError(f"{parsed.origins[STATE]}: {STATE} is running, paused or stopped, not {state!r}")
    for key in config:
        if key.startswith(OWN):
            raise TemplateError(f"{parsed.origins[key]}: of the keys {OWN}… a template sets {STATE} only, not {key}")
    return cast(State, state)


def _kind(value: object) -> str:
    return "null" if value is None else "an object" if isinstance(value, dict) else "a list"
