"""Marks: which line of which template wrote a key, and which parameters were printed into it.

The compiled template carries marks, pairs of private characters that stand for a place: one before every `"` that
begins a key, and one around every `{{ }}` that prints a parameter. Wherever that text goes (macros, includes, loops),
the marks go along. `take_out` removes them from the rendered text and keeps where they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes

from streamguard.connect.templates.printing import UNFINISHED_ESCAPE, written

DIGITS = 0x1000
FIRST = 0x100000
END = chr(0x10FFFD)
"""Stands behind what a `{{ }}` has printed."""
_MARK = re.compile(f"([{chr(FIRST)}-{chr(FIRST + DIGITS - 1)}]{{1,2}}|{END})")
"""A single one is half of a mark that a filter has cut."""
_KEY = re.compile(r'(?="[^"]*(?:"\s*:|\Z))')
"""Before the quote that begins a key, also one of which a value prints a part."""
Bindings: TypeAlias = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Origin:
    """Where a key of a config was written, and the parameters (names of values) that it prints."""

    file: Path
    line: int
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class Mark(NamedTuple):
    """A place in a rendered text: a key, or with `prints` the begin of what a `{{ }}` has printed; None: its end."""

    offset: int
    origin: Origin | None
    prints: bool = False


@dataclass
class Places:
    """Numbers places. One for all templates of an environment."""

    _listed: list[tuple[Origin, bool]] = field(default_factory=list)
    _numbers: dict[tuple[Origin, bool], int] = field(default_factory=dict)

    def mark(self, origin: Origin, *, prints: bool) -> str:
        number = self._numbers.setdefault((origin, prints), len(self._listed))
        if number == len(self._listed):
            self._listed.append((origin, prints))
        return chr(FIRST + number // DIGITS) + chr(FIRST + number % DIGITS)

    def take_out(self, text: str) -> tuple[str, list[Mark]]:
        """The text without its marks, and each mark with its offset in that."""
        pieces = _MARK.split(text)
        marks: list[Mark] = []
        offset = 0
        for number in range(1, len(pieces), 2):
            offset += len(pieces[number - 1])
            if pieces[number] == END:
                marks.append(Mark(offset, None, prints=True))
            elif len(pieces[number]) == 2:
                high, low = map(ord, pieces[number])
                place = (high - FIRST) * DIGITS + low - FIRST
                marks += [Mark(offset, *self._listed[place])] if place < len(self._listed) else []
        return "".join(pieces[::2]), marks


def origins(keys: Sequence[tuple[str, int, int]], marks: Sequence[Mark], fallback: Path) -> dict[str, Origin]:
    """The origin of each key, given with the offsets where the key begins and its value ends, in that order."""
    found: dict[str, Origin] = {}
    enclosing: list[Origin] = []
    place, at = Origin(fallback, 1), 0
    for key, start, end in keys:
        while at < len(marks) and marks[at].offset <= start:
            place = _pass(marks[at], enclosing) or place
            at += 1
        names = [name for origin in enclosing for name in origin.parameters]
        where = place if not place.parameters else Origin(place.file, place.line)
        while at < len(marks) and marks[at].offset <= end:
            origin = marks[at].origin
            if origin is not None and marks[at].prints:
                names += origin.parameters
            place = _pass(marks[at], enclosing) or place
            at += 1
        found[key] = Origin(where.file, where.line, tuple(dict.fromkeys(names))) if names else where
    return found


def place_of(offset: int, marks: Sequence[Mark]) -> Origin | None:
    """The last place before an offset."""
    before = [mark.origin for mark in marks if mark.offset <= offset and mark.origin is not None]
    return before[-1] if before else None


def _pass(mark: Mark, enclosing: list[Origin]) -> Origin | None:
    if mark.origin is None:
        if enclosing:
            enclosing.pop()
    elif mark.prints:
        enclosing.append(mark.origin)
    return mark.origin


def compile_marks(tree: nodes.Template, file: Path, environment: Environment, places: Places) -> None:
    """Change a syntax tree so that its text carries marks, and can be told from what values say."""
    _rewrite(tree, _Writer(file, environment, places), _bindings(tree), quiet=False)


@dataclass(frozen=True)
class _Writer:
    file: Path
    environment: Environment
    places: Places

    def data(self, node: nodes.TemplateData, quiet: bool) -> nodes.TemplateData:
        if UNFINISHED_ESCAPE.search(node.data):
            line = node.lineno + node.data.count("\n")
            raise TemplateSyntaxError("a value can not complete an escape", line, filename=str(self.file))
        if quiet or '"' not in node.data:
            return self._text(written(node.data), node.lineno)
        text, line = "", node.lineno
        for number, piece in enumerate(_KEY.split(node.data)):
            if number:
                text += self.places.mark(Origin(self.file, line), prints=False)
            text += written(piece)
            line += piece.count("\n")
        return self._text(text, node.lineno)

    def printing(self, node: nodes.Expr, bindings: Bindings) -> Iterator[nodes.Expr]:
        names = _named(node, bindings)
        if not names:
            yield node
            return
        yield self._text(self.places.mark(Origin(self.file, node.lineno, names), prints=True), node.lineno)
        yield node
        yield self._text(END, node.lineno)

    def _text(self, text: str, line: int) -> nodes.TemplateData:
        return nodes.TemplateData(text, lineno=line, environment=self.environment)


def _rewrite(node: nodes.Node, writer: _Writer, bindings: Bindings, quiet: bool) -> None:
    if isinstance(node, nodes.Output):
        changed: list[nodes.Expr] = []
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                changed.append(writer.data(child, quiet))
            elif quiet:
                changed.append(child)
            else:
                changed += writer.printing(child, bindings)
        node.nodes = changed
        return
    if isinstance(node, nodes.For):
        bindings = {**bindings, **dict.fromkeys(_targets(node.target), frozenset(_loaded(node.iter)))}
    for part in node.iter_child_nodes():
        _rewrite(part, writer, bindings, quiet or _is_quiet(node))


def _is_quiet(node: nodes.Node) -> bool:
    """Text that a template may look into, and so must have no marks: of blocks, and of macros that write no key."""
    if isinstance(node, nodes.Macro):
        return not any('"' in data.data for data in node.find_all(nodes.TemplateData))
    return isinstance(node, nodes.AssignBlock | nodes.FilterBlock)


def _bindings(tree: nodes.Template) -> Bindings:
    """The names that a template gives values to (not in loops), each with the names that it takes them from."""
    found: dict[str, frozenset[str]] = {}

    def bind(target: nodes.Node, source: nodes.Node) -> None:
        for name in _targets(target):
            found[name] = found.get(name, frozenset()) | set(_loaded(source))

    for node in tree.find_all((nodes.Assign, nodes.AssignBlock, nodes.With, nodes.Macro)):
        if isinstance(node, nodes.Assign):
            bind(node.target, node.node)
        elif isinstance(node, nodes.AssignBlock):
            for part in node.body:
                bind(node.target, part)
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=True):
                bind(target, value)
        elif isinstance(node, nodes.Macro):
            for argument in node.args:
                found[argument.name] = frozenset()  # the call prints them
    return found


def _named(node: nodes.Node, bindings: Bindings) -> tuple[str, ...]:
    """The names that an expression takes its value from, as far as the template itself did not give them one."""
    pending, seen, free = list(_loaded(node)), set[str](), list[str]()
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in bindings:
            pending += sorted(bindings[name])
        else:
            free.append(name)
    return tuple(free)


def _targets(node: nodes.Node) -> list[str]:
    return [name.name for name in [node, *node.find_all(nodes.Name)] if isinstance(name, nodes.Name)]


def _loaded(node: nodes.Node) -> Iterator[str]:
    for name in [node, *node.find_all(nodes.Name)]:
        if isinstance(name, nodes.Name) and name.ctx == "load":
            yield name.name
