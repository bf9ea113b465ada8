"""The Jinja environment of templates: sandboxed, reads from `connectors/` only, tells a template's text from values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamguard.connect.templates.marks import Places, compile_marks
from streamguard.connect.templates.printing import PRIVATE, env, file, printed
from streamguard.errors import TemplateError

FILTERS = (
    *("abs", "capitalize", "default", "d", "first", "float", "int", "join", "last", "length", "count", "list", "lower"),
    *("map", "max", "min", "reject", "rejectattr", "replace", "round", "select", "selectattr", "sort", "string", "sum"),
    *("title", "trim", "truncate", "unique", "upper"),
)
ATTRIBUTES: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            *("capitalize", "count", "endswith", "find", "isdigit", "join", "lower", "lstrip", "removeprefix"),
            *("removesuffix", "replace", "rsplit", "rstrip", "split", "startswith", "strip", "title", "upper"),
        }
    ),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"get", "items", "keys", "values"}),
    int: frozenset(),
    float: frozenset(),
    bytes: frozenset(),
}
"""The attributes of values that a template may use: none that makes text out of numbers or bytes."""
COMMENT = re.compile(r"\{#(.*?)#\}", re.DOTALL)
BETWEEN = re.compile(r"(?:\s|\{#.*?#\}|\{%.*?%\})*", re.DOTALL)
SILENCE = re.compile(r"lint:\s*ignore(?P<whole>-file)?\b\s*(?P<rules>[a-z0-9,\s-]*?)\s*(?::(?P<reason>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Silence:
    """`{# lint: ignore RULE: reason #}` above a key, or `ignore-file` for all of a file. `line`: that of the key."""

    file: Path
    line: int
    rules: tuple[str, ...]
    reason: str
    whole_file: bool = False


class Templates(jinja2.BaseLoader):
    """Reads templates from one folder and never from outside of it, not over a link either."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
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
            raise TemplateError(f"{path} has characters of the private planes, which streamguard uses itself")
        return text, str(path), None


class Environment(ImmutableSandboxedEnvironment):
    """One for all templates of a folder: what they share is compiled once."""

    intercepted_binops = frozenset({"%", "*", "**"})

    def __init__(self, root: Path) -> None:
        super().__init__(
            loader=Templates(root),
            undefined=jinja2.StrictUndefined,
            finalize=_finalize,
            cache_size=64,
            keep_trailing_newline=True,
        )
        self.root = root
        self.places = Places()
        self.silences: dict[Path, tuple[Silence, ...]] = {}
        self._trees: dict[str, tuple[str, nodes.Template]] = {}
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.globals = {
            "env": env,
            "file": file,
            "range": self.globals["range"],
            "dict": dict,
            "namespace": self.globals["namespace"],
        }

    def tree(self, template: Path) -> nodes.Template:
        """The syntax tree of a template, as it is written; when it is compiled next, it is not parsed again."""
        name = template.relative_to(self.root).as_posix()
        assert self.loader is not None
        source, filename, _ = self.loader.get_source(self, name)
        self._trees[name] = (source, self.parse(source, name, filename))
        return self._trees[name][1]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        known = self._trees.pop(name or "", None)
        if known is not None and known[0] == source:
            return known[1]
        if name is not None:
            file = self.root / name
            self.silences[file] = silences(file, source)
        return super()._parse(source, name, filename)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        if name is not None:
            compile_marks(source, self.root / name, self, self.places)
        return super()._generate(source, name, filename, defer_init)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in ATTRIBUTES.items():
            if isinstance(obj, kind):
                return attr in allowed
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        """The sandbox lets `format` pass, and that makes text out of numbers."""
        if super().wrap_str_format(value) is not None:
            raise SecurityError("format is not available: join texts with ~")
        return None

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        numbers = all(isinstance(side, int | float) for side in (left, right))
        if not numbers or (operator == "**" and abs(right) > 64):
            raise SecurityError(f"{operator} takes numbers here")
        return super().call_binop(context, operator, left, right)


@jinja2.pass_context  # so that jinja calls it while rendering, with a line to tell, and not while compiling
def _finalize(_context: jinja2.runtime.Context, value: Any) -> Any:
    return printed(value)


def silences(file: Path, source: str) -> tuple[Silence, ...]:
    """The comments of a template that silence findings."""
    found = []
    for comment in COMMENT.finditer(source) if "lint:" in source else ():
        text = comment[1].strip("-+ \n\t")
        if not text.startswith("lint:"):
            continue
        match = SILENCE.fullmatch(text)
        behind = BETWEEN.match(source, comment.end())
        line = source.count("\n", 0, behind.end() if behind else comment.end()) + 1
        if match is None:  # lint tells of it
            found.append(Silence(file, line, (), ""))
            continue
        rules = tuple(match["rules"].replace(",", " ").split())
        reason = " ".join((match["reason"] or "").split())
        found.append(Silence(file, line, rules, reason, bool(match["whole"])))
    return tuple(found)


def undeclared(environment: Environment, names: Sequence[str], known: Mapping[str, Any]) -> list[tuple[str, Path, int]]:
    """The names that a template, and what it includes, takes from nowhere; each once, with file and line."""
    trees: dict[str, nodes.Template] = {}
    pending = list(names)
    assert environment.loader is not None
    while pending:
        name = pending.pop(0)
        if name in trees:
            continue
        try:
            source, filename, _ = environment.loader.get_source(environment, name)
            trees[name] = environment.parse(source, name, filename)
        except (jinja2.TemplateError, TemplateError):
            continue  # told of when it is included
        pending += [found for found in meta.find_referenced_templates(trees[name]) if found]
    own = {*known, *environment.globals, "loop", "self", "caller", "varargs", "kwargs"}
    own |= {node.name for tree in trees.values() for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    own |= {macro.name for tree in trees.values() for macro in tree.find_all(nodes.Macro)}
    for tree in trees.values():
        own |= {node.target for node in tree.find_all(nodes.Import)}
        own |= {name if isinstance(name, str) else name[1] for n in tree.find_all(nodes.FromImport) for name in n.names}
    missing: dict[str, tuple[Path, int]] = {}
    for template, tree in trees.items():
        for node in tree.find_all(nodes.Name):
            if node.ctx == "load" and node.name not in own:
                missing.setdefault(node.name, (environment.root / template, node.lineno))
    return [(name, file, line) for name, (file, line) in missing.items()]
