"""A YAML text as a plain JSON value whose every part knows its line.

YAML 1.2's words for true, false and numbers: ``NO`` is the text NO, ``12:30`` and ``2026-01-31`` are text too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
MOST = 100_000
"""Values in a file, aliases written out: a few lines of YAML can mean billions."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML has it: ten times as fast."""
_NULL, _TRUE, _FALSE = re.compile(r"|~|null|Null|NULL"), re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class NoYaml(Exception):
    """The text is no YAML, or none that a world may be: `line` from 1, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Document:
    """A value, and the line of each part of it. A part that was put in by an option has no line."""

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of the value at `path`, else of the nearest part around it; None for what an option put in."""
        for length in range(len(path), -1, -1):
            if tuple(path[:length]) in self.lines:
                return self.lines[tuple(path[:length])] or None
        return None

    def replaced(self, path: Path, value: Any) -> Document:
        """The same with another value at `path`; what lies there now goes. Objects on the way are made."""
        lines = {place: line for place, line in self.lines.items() if place[: len(path)] != path}
        return Document(_replaced(self.value, path, value), {**lines, path: 0})


def parse(text: str) -> Document:
    """Read YAML. Raises NoYaml."""
    try:
        root = _nodes(text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise NoYaml(mark.line + 1 if mark else 1, _told(exc)) from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise NoYaml(1, " ".join(str(exc).split())) from exc
    if root is None:
        return Document(None, {(): 1})
    lines: dict[Path, int] = {}
    return Document(_value(root, (), lines, ()), lines)


def _nodes(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)  # its errors say more


def _told(exc: yaml.MarkedYAMLError) -> str:
    """PyYAML's words; of a tab and of a colon what to do."""
    problem = exc.problem or "no YAML"
    if "'\\t'" in problem:
        return "a tab can not start a value: indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a colon too many: put a text that holds ': ' into quotes, and indent all keys of a part alike"
    if "alias" in problem and "undefined" in problem:
        return f"{problem}: put a text that starts with * into quotes"
    return f"{problem}; check the brackets, quotes and indentation here"


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], above: tuple[int, ...]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise NoYaml(line, "a part of the file holds itself: write it out")
    if len(lines) > MOST:
        raise NoYaml(line, f"more than {MOST:,} values: use fewer aliases")
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        return {key: _value(child, (*path, key), lines, (*above, id(node))) for key, child in _items(node, path, lines)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, n), lines, (*above, id(node))) for n, child in enumerate(node.value)]
    return _scalar(node)


def _items(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> Iterator[tuple[str, yaml.Node]]:
    """Keys are text, whatever they look like, and stand once; a key's line is that of its value, too."""
    seen: dict[str, int] = {}
    for key, child in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise NoYaml(line, "a key is a word: no list or object can be one")
        name = _text(key)
        if name in seen:
            raise NoYaml(line, f"{name} is there twice (line {seen[name]} too): leave one out")
        seen[name] = line
        lines[(*path, name)] = line
        yield name, child


def _scalar(node: yaml.Node) -> Any:
    text = _text(node)
    if node.tag not in _PLAIN or (isinstance(node, yaml.ScalarNode) and node.style):  # "" or None: plain
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 20 else text
    number = float(text) if _FLOAT.fullmatch(text) else None
    return text if number is None or abs(number) == float("inf") else number


def _text(node: yaml.Node) -> str:
    """The text of a scalar; pairs of surrogates, as JSON escapes them, become the character that they mean."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as exc:
        raise NoYaml(node.start_mark.line + 1, "half a character is no text: write the other half of \\u… too") from exc


_PLAIN = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp", "str", "value")
)


def _replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    known = dict(value) if isinstance(value, dict) else {}
    return {**known, str(path[0]): _replaced(known.get(str(path[0])), path[1:], new)}
