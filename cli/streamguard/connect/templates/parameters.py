"""Parameters: what a template asks for, typed and documented, checked before the template is rendered.

A piece `connectors/shared/X.j2` lists its parameters in `X.schema.yml` beside it, a JSON Schema. A connector's
parameters are those of all the pieces that it includes, the outer one's over the inner's; where a value decides which
pieces these are, those of the pieces that it chooses. Their values, the later over
the earlier: the schema's defaults, settings, the pipeline, the values file, the connector's own `NAME.yml` beside
`NAME.json.j2`, the values file's `connectors: {NAME: …}`, `--set`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import nodes

from streamguard.connect.templates.pieces import PIECES, pieces_of
from streamguard.connect.templates.values import OWN_SCHEMA, Values, refuse_secrets
from streamguard.errors import ProjectError, Refused, TemplateError
from streamguard.project import did_you_mean, line_of, load_yaml

SUFFIX = ".json.j2"
SCHEMA_SUFFIX = ".schema.yml"


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its type in words, its default (None: none), what it is for, and the question for it."""

    name: str
    type: str
    default: Any
    required: bool
    about: str
    ask: str = ""

    def row(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "default": self.default,
            "required": self.required,
            "about": self.about,
        }


@dataclass(frozen=True)
class ParameterList:
    """The parameters of one template: the JSON Schema of them all, and the names that the template itself uses."""

    schema: Mapping[str, Any]
    used: frozenset[str] = frozenset()
    is_whole: bool = True
    """False: it has what may be included as well, but for what that requires."""

    @cached_property
    def validator(self) -> Any:
        import jsonschema

        return jsonschema.Draft202012Validator(self.schema)

    @cached_property
    def fitting(self) -> set[str]:
        """Values that were found to fit: hundreds of connectors share theirs, and a check takes a millisecond."""
        return set()

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.schema["properties"]
        return found

    @property
    def defaults(self) -> dict[str, Any]:
        return {name: spec["default"] for name, spec in self.properties.items() if "default" in spec}

    @property
    def parameters(self) -> list[Parameter]:
        """Those without a default that must be given first, in the order of the schemas."""
        required = set(self.schema["required"])
        found = [
            Parameter(
                name,
                _type(spec),
                spec.get("default"),
                name in required and "default" not in spec,
                " ".join(spec.get("description", "").split()),
                spec.get("x-ask", ""),
            )
            for name, spec in self.properties.items()
        ]
        return sorted(found, key=lambda parameter: not parameter.required)


def complete(
    template: Path, values: Mapping[str, Any], root: Path, *, parse: Callable[[Path], nodes.Template] | None = None
) -> dict[str, Any]:
    """The values that one template is rendered with. Raises ProjectError or TemplateError: file, line, parameter.

    `parse` reads the template, for one that keeps the tree and renders it afterwards.
    """
    name = template.name.removesuffix(SUFFIX)
    listed = parameter_list(template, root, parse=parse)
    own_file = own_values_file(template)
    own = own_values(own_file)
    of_file: Mapping[str, Any] = {}
    if isinstance(values, Values):
        of_file = values.own.get(name, {})
        given = {**values.without_overrides, **own, **of_file, **values.overrides}
    else:
        given = {**own, **values}
    for source, mapping, path in ((own_file, own, []), (_file_of(values), of_file, ["connectors", name])):
        _refuse_unknown(mapping, listed, source, path)
    if not listed.is_whole:
        listed = parameter_list(template, root, values={**listed.defaults, **given})
    if isinstance(values, Values):
        values.require((listed.properties.keys() | listed.used) - own.keys() - of_file.keys())
    result: dict[str, Any] = {**listed.defaults, **given}
    _check(listed, result, template, _Sources(values, own_file, own, of_file, name))
    return result


def own_values_file(template: Path) -> Path:
    """The file of a connector's own values: `NAME.yml` beside `NAME.json.j2`."""
    return template.with_name(template.name.removesuffix(SUFFIX) + ".yml")


def own_values(file: Path) -> dict[str, Any]:
    """A connector's own values; none, if it has no file."""
    if not file.is_file():
        return {}
    try:
        own = load_yaml(file, OWN_SCHEMA)
    except ProjectError as exc:  # it concerns this connector only
        raise TemplateError(str(exc)) from exc
    refuse_secrets(own)
    return own


def parameter_list(
    template: Path,
    root: Path,
    *,
    parse: Callable[[Path], nodes.Template] | None = None,
    values: Mapping[str, Any] | None = None,
) -> ParameterList:
    """The parameters of a template, from the schemas of the pieces that it includes: with these values, or with any."""
    pieces, used = pieces_of(template, root, parse, values)
    files = {(root / piece.name).with_name(Path(piece.name).stem + SCHEMA_SUFFIX): piece for piece in pieces}
    schemas = tuple(
        (file, file.stat().st_mtime_ns, values is None and bool(piece.conditions))
        for file, piece in files.items()
        if file.is_file()
    )
    return _combined(schemas, used)


@functools.lru_cache(maxsize=256)
def _combined(schemas: tuple[tuple[Path, int, bool], ...], used: frozenset[str]) -> ParameterList:
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "allOf": []}
    for file, changed, in_doubt in schemas:
        piece = _schema(file, changed)
        _add(schema, {"properties": piece["properties"]} if in_doubt else piece)
    return ParameterList(schema, used, not any(in_doubt for _, _, in_doubt in schemas))


def kinds(root: Path) -> dict[str, str]:
    """The kinds of sinks that there are pieces for, each with its title: `mongodb` for `shared/mongodb-sink.j2`."""
    found = {}
    for path in sorted((root / PIECES).glob(f"*-sink{SCHEMA_SUFFIX}")):
        found[path.name.removesuffix(f"-sink{SCHEMA_SUFFIX}")] = str(_schema(path, path.stat().st_mtime_ns)["title"])
    return found


def kind_of(template: Path, root: Path, values: Mapping[str, Any] | None = None) -> str | None:
    """Which kind of sink a template makes, with these values: by the outermost piece that it includes."""
    known = kinds(root)
    for piece in pieces_of(template, root, values=values)[0]:
        kind = Path(piece.name).stem.removesuffix("-sink")
        if kind in known and Path(piece.name).stem.endswith("-sink"):
            return kind
    return None


def parameters_of_kind(kind: str, root: Path) -> ParameterList:
    """The parameters of `shared/KIND-sink.j2`."""
    return parameter_list(root / PIECES / f"{kind}-sink.j2", root)


def parameter_names(root: Path) -> set[str]:
    """The parameters of all pieces there are."""
    files = (root / PIECES).glob(f"*{SCHEMA_SUFFIX}")
    return {name for path in files for name in _schema(path, path.stat().st_mtime_ns)["properties"]}


def _add(schema: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """What an outer piece says of a parameter, such as a default, stands over what an inner one says."""
    for name, spec in piece.get("properties", {}).items():
        schema["properties"][name] = {**spec, **schema["properties"].get(name, {})}
    schema["required"] += [name for name in piece.get("required", ()) if name not in schema["required"]]
    conditions = {key: piece[key] for key in ("dependentRequired", "dependentSchemas") if key in piece}
    schema["allOf"] += [*piece.get("allOf", ()), *([conditions] if conditions else [])]


@functools.lru_cache(maxsize=256)
def _schema(path: Path, _changed: int) -> Mapping[str, Any]:
    import jsonschema

    document = load_yaml(path, {"type": "object", "required": ["properties", "title"]})
    try:
        jsonschema.Draft202012Validator.check_schema(document)
    except jsonschema.SchemaError as exc:
        raise ProjectError(f"{path} is no JSON Schema: {exc.message}") from exc
    return document


@dataclass(frozen=True)
class _Sources:
    """Where each value was given, to say so."""

    values: Mapping[str, Any]
    own_file: Path
    own: Mapping[str, Any]
    of_file: Mapping[str, Any]
    connector: str

    def of(self, name: str) -> str:
        values = self.values
        if isinstance(values, Values):
            if name in values.overrides:
                return f"--set {name}"
            if name in self.of_file:
                return line_of(values.file, ["connectors", self.connector, name])
        if name in self.own:
            return line_of(self.own_file, [name])
        if isinstance(values, Values) and name in values.given:
            return line_of(values.file, [name])
        return ""


def _check(listed: ParameterList, given: Mapping[str, Any], template: Path, sources: _Sources) -> None:
    known = {name: value for name, value in given.items() if name in listed.properties}
    for name in known:
        if listed.properties[name].get("x-sensitive"):
            said = f"the parameter {name} is a secret, which values are not: write env(…) or file(…) in the template"
            raise Refused(f"{sources.of(name) or template}: {said}")
    text = repr(sorted(known.items()))
    if text in listed.fitting:
        return
    errors = sorted(listed.validator.iter_errors(_plain(known)), key=lambda error: (not error.path, str(error.path)))
    if not errors:
        listed.fitting.add(text)
        return
    error = errors[0]
    # jsonschema says no path of what a schema `false` refuses.
    path = list(error.path) or [name for name in known if error.schema is False and known[name] == error.instance][:1]
    if not path:
        raise TemplateError(f"{template}: {_whole(error, listed)}")
    name = str(path[0])
    inner = "".join(f"[{step!r}]" for step in path[1:])
    raise TemplateError(f"{sources.of(name) or template}: the parameter {name}{inner} {_reason(error)}")


def _whole(error: Any, listed: ParameterList) -> str:
    """A sentence about parameters that do not go together, or that are missing."""
    if error.validator == "required":
        name = next(name for name in error.validator_value if name not in error.instance)
        about = " ".join(listed.properties.get(name, {}).get("description", "").split())
        why = _condition(error, listed)
        why = f", since {why}" if why else ""
        return f"the parameter {name} is missing{why}: {about}"
    if error.validator == "dependentRequired":
        return f"parameters that go together are not all there: {error.message}"
    if error.validator == "not":
        return "the parameters topics and topics_regex exclude each other"
    return str(error.message)


def _condition(error: Any, listed: ParameterList) -> str:
    """What made a parameter required: `write_mode is insert`."""
    part: Any = listed.schema
    for step in error.absolute_schema_path:
        if step == "then":
            told = part["if"].get("properties", {})
            return " and ".join(f"{name} is {error.instance[name]}" for name in told if name in error.instance)
        part = part[step]
    return ""


def _reason(error: Any) -> str:
    """Why a value is none for the parameter: what it takes, then what it was given."""
    if error.schema is False:
        return "has no meaning with the other parameters"
    spec, value = error.schema, error.instance
    match error.validator:
        case "enum":
            return f"takes {_or(spec['enum'])}, and {value!r} is none of them{did_you_mean_of(value, spec['enum'])}"
        case "const":
            return f"must be {spec['const']!r} with the other parameters, and is {value!r}"
        case "type":
            return f"takes {_type(spec)}, and {value!r} is none"
        case "pattern":
            return f"takes text like {spec['pattern']}, and {value!r} is none"
        case "additionalProperties":
            unknown = sorted(set(value) - set(spec.get("properties", ())))
            return f"has no part {unknown[0]}{did_you_mean(unknown[0], spec.get('properties', ()))}"
    return f"does not fit: {error.message}"


def did_you_mean_of(value: Any, known: list[Any]) -> str:
    """`` (did you mean X?)`` for a word among words; nothing else, since they have just been listed."""
    hint = did_you_mean(value, [word for word in known if isinstance(word, str)]) if isinstance(value, str) else ""
    return hint if hint.startswith(" (did") else ""


def _plain(value: Any) -> Any:
    """Tuples as lists: what JSON Schema knows."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _refuse_unknown(mapping: Mapping[str, Any], listed: ParameterList, file: Path | None, path: list[str]) -> None:
    """A connector's own value that nothing takes is a slip; a value for all connectors need not be for this one."""
    known = {*listed.properties, *listed.used}
    for name in mapping:
        if name not in known:
            assert file is not None
            raise TemplateError(f"{line_of(file, [*path, name])}: there is no parameter {name}{_near(name, known)}")


def _near(name: str, known: set[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith(" (did") else ": see `streamguard connectors parameters`"


def _file_of(values: Mapping[str, Any]) -> Path | None:
    return values.file if isinstance(values, Values) else None


def _or(words: list[Any]) -> str:
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _type(spec: Mapping[str, Any]) -> str:
    """A type in words."""
    if "enum" in spec:
        return _or(spec["enum"])
    kind = spec.get("type", "text")
    if kind == "array":
        return f"a list of {_type(spec.get('items', {}))}"
    return {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(
        kind, {"object": "names with values"}.get(kind, str(kind))
    )
