"""Where a character of a text is in the YAML file that the text stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Places:
    """The places in a file, which is looked into only if one is asked for."""

    def __init__(self, file: str) -> None:
        self._file = file

    @cached_property
    def _root(self) -> yaml.Node | None:
        try:
            return yaml.compose(self._file, Loader=_LOADER)
        except yaml.YAMLError:  # PyYAML's own reads a little more
            return yaml.compose(self._file, Loader=yaml.SafeLoader)

    def place(self, path: Sequence[Any], at: int = 0) -> tuple[int, int | None]:
        """Line and column, from 1, of the character `at` of the text at `path`.

        The column is None where the text is written so that its characters can not be found again: with escapes, say.
        """
        node = self._root
        for step in path:
            node = _child(node, step) or node
        if not isinstance(node, yaml.ScalarNode):
            return (node.start_mark.line + 1 if node else 1), None
        pieces = list(_pieces(self._file.split("\n"), node))
        between = "\n" if node.style == "|" else " "
        if node.value.rstrip() != between.join(text for _, _, text in pieces).rstrip():
            return node.start_mark.line + 1, None
        for line, column, text in pieces[:-1]:
            if at <= len(text):
                return line + 1, column + at + 1
            at -= len(text) + 1
        line, column, _ = pieces[-1]
        return line + 1, column + at + 1

    def start(self, path: Sequence[Any], *, of_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, where the value at `path` begins, or its key: that of a list, too, or of keys.

        What is not in the file itself, because ``<<`` brings it, is where the part around it is.
        """
        node, mark = self._root, self._root.start_mark if self._root else None
        for number, step in enumerate(path, start=1):
            key, child = _key(node, step), _child(node, step)
            if child is None:
                break
            is_shown = isinstance(child, yaml.ScalarNode) and child.value and not (of_key and number == len(path))
            mark = child.start_mark if key is None or is_shown else key.start_mark
            node = child
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _key(node: yaml.Node | None, step: Any) -> yaml.Node | None:
    keys = (key for key, _ in node.value) if isinstance(node, yaml.MappingNode) else ()
    return next((key for key in keys if key.value == str(step)), None)


def _child(node: yaml.Node | None, step: Any) -> yaml.Node | None:
    """The value of a key, or the item of that number; None if it was brought by ``<<``."""
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    return node.value[step] if isinstance(node, yaml.SequenceNode) else None


def _pieces(lines: list[str], node: yaml.ScalarNode) -> Iterator[tuple[int, int, str]]:
    """Line and column, from 0, and text of each line of a text, without quotes and indentation."""
    start, end = node.start_mark, node.end_mark
    if node.style in ("|", ">"):
        block = range(start.line + 1, end.line if end.column == 0 else end.line + 1)
        indentation = min((_indentation(lines[number]) for number in block if lines[number].strip()), default=0)
        yield from ((number, indentation, lines[number][indentation:]) for number in block)
        return
    quotes = 1 if node.style else 0
    marks = _MARKS.match(lines[start.line], start.column)
    first = (marks.end() if marks else start.column) + quotes
    if start.line == end.line:
        yield start.line, first, lines[start.line][first : end.column - quotes]
        return
    yield start.line, first, lines[start.line][first:].rstrip()
    for number in range(start.line + 1, end.line):
        yield number, _indentation(lines[number]), lines[number].strip()
    yield end.line, _indentation(lines[end.line]), lines[end.line][: end.column - quotes].strip()


_MARKS = re.compile(r"(?:[&!]\S*\s+)*")
"""An anchor and a tag before a text."""


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
