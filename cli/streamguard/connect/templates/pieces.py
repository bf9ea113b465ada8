"""Pieces: what a template includes by name, and the names of values that it uses. Nothing is rendered for it.

An include below `{% if NAME == "TEXT" %}`, or in the `else` of that, counts where the value NAME says so; every other
one always.
"""

from __future__ import annotations

import functools
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes

from streamguard.errors import TemplateError

PIECES = "shared"
_PARSER = jinja2.Environment(autoescape=False)  # noqa: S701 - reads templates' names, renders nothing


@dataclass(frozen=True)
class Condition:
    """The value `name` is `text`, or it is not."""

    name: str
    text: str
    equal: bool = True

    def holds(self, values: Mapping[str, Any]) -> bool:
        return (values.get(self.name) == self.text) is self.equal


@dataclass(frozen=True)
class Include:
    """A piece by name, and on what it depends that it is included."""

    name: str
    conditions: tuple[Condition, ...] = ()


def pieces_of(
    template: Path,
    root: Path,
    parse: Callable[[Path], nodes.Template] | None = None,
    values: Mapping[str, Any] | None = None,
) -> tuple[list[Include], frozenset[str]]:
    """The pieces that a template includes, the outer ones first; and the names of values that it uses itself.

    With `values` those that it includes with these; without them all, each with its conditions.
    """
    inside = template.is_relative_to(root) or template.resolve().is_relative_to(root.resolve())
    if not inside or not template.is_file():
        return [], frozenset()
    included, used = _names(_text(template)) if parse is None else _parsed(template, parse)
    name = template.relative_to(root).as_posix() if template.is_relative_to(root) else ""
    found = {name: Include(name)} if name.startswith(f"{PIECES}/") else {}
    pending = list(included)
    while pending:
        piece = pending.pop(0)
        if piece.name in found or not (values is None or all(each.holds(values) for each in piece.conditions)):
            continue
        inner = _included(root / piece.name)
        if inner is not None:
            found[piece.name] = piece
            pending += [Include(each.name, (*piece.conditions, *each.conditions)) for each in inner]
    return list(found.values()), used


def _parsed(template: Path, parse: Callable[[Path], nodes.Template]) -> tuple[tuple[Include, ...], frozenset[str]]:
    try:
        return _names_of(parse(template))
    except (jinja2.TemplateError, TemplateError, ValueError):
        return (), frozenset()  # told of when it is rendered, with the line


def _included(path: Path) -> tuple[Include, ...] | None:
    """What a piece includes; None: there is no such file."""
    try:
        about = path.stat()
    except OSError:
        return None
    return _included_in(path, about.st_mtime_ns, about.st_size) if stat.S_ISREG(about.st_mode) else None


@functools.lru_cache(maxsize=256)
def _included_in(path: Path, _changed: int, _size: int) -> tuple[Include, ...]:
    return _names(_text(path))[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return ""  # told of when it is rendered


@functools.lru_cache(maxsize=1024)
def _names(text: str) -> tuple[tuple[Include, ...], frozenset[str]]:
    """What a template includes by name, and the names it uses; nothing if it can not be parsed. Many are alike."""
    try:
        tree = _PARSER.parse(text)
    except jinja2.TemplateSyntaxError:
        return (), frozenset()  # told of when it is rendered, with the line
    return _names_of(tree)


def _names_of(tree: nodes.Template) -> tuple[tuple[Include, ...], frozenset[str]]:
    used = frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx == "load")
    return tuple(_includes(tree.body, ())), used


def _includes(body: Sequence[nodes.Node], conditions: tuple[Condition, ...]) -> Iterator[Include]:
    for node in body:
        if isinstance(node, nodes.Include) and isinstance(node.template, nodes.Const):
            yield Include(node.template.value, conditions)
        elif isinstance(node, nodes.If):
            yield from _includes_of_branches(node, conditions)
        else:
            yield from _includes(list(node.iter_child_nodes()), conditions)


def _includes_of_branches(node: nodes.If, conditions: tuple[Condition, ...]) -> Iterator[Include]:
    """Each branch under its own test, and under the contrary of those before it."""
    before = conditions
    for branch in (node, *node.elif_):
        test = _condition(branch.test)
        yield from _includes(branch.body, before if test is None else (*before, test))
        before = before if test is None else (*before, Condition(test.name, test.text, not test.equal))
    yield from _includes(node.else_, before)


def _condition(test: nodes.Node) -> Condition | None:
    """Of `NAME == "TEXT"` and `NAME != "TEXT"`; None: of anything else nobody knows before it is rendered."""
    if not isinstance(test, nodes.Compare) or len(test.ops) != 1 or test.ops[0].op not in ("eq", "ne"):
        return None
    name, text = test.expr, test.ops[0].expr
    if not isinstance(name, nodes.Name) or not isinstance(text, nodes.Const) or not isinstance(text.value, str):
        return None
    return Condition(name.name, text.value, test.ops[0].op == "eq")
