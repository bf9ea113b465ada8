"""Pieces: what a template includes by name, and the names of values that it uses. Nothing is rendered for it."""

from __future__ import annotations

import functools
import stat
from collections.abc import Callable
from pathlib import Path

import jinja2
from jinja2 import nodes

from streamguard.errors import TemplateError

PIECES = "shared"
_PARSER = jinja2.Environment(autoescape=False)  # noqa: S701 - reads templates' names, renders nothing


def pieces_of(
    template: Path, root: Path, parse: Callable[[Path], nodes.Template] | None = None
) -> tuple[list[str], frozenset[str]]:
    """The pieces that a template includes, the outer ones first; and the names of values that it uses itself."""
    inside = template.is_relative_to(root) or template.resolve().is_relative_to(root.resolve())
    if not inside or not template.is_file():
        return [], frozenset()
    included, used = _names(_text(template)) if parse is None else _parsed(template, parse)
    name = template.relative_to(root).as_posix() if template.is_relative_to(root) else ""
    seen = [name] if name.startswith(f"{PIECES}/") else []
    pending = list(included)
    while pending:
        piece = pending.pop(0)
        if piece in seen:
            continue
        found = _included(root / piece)
        if found is not None:
            seen.append(piece)
            pending += found
    return seen, used


def _parsed(template: Path, parse: Callable[[Path], nodes.Template]) -> tuple[tuple[str, ...], frozenset[str]]:
    try:
        return _names_of(parse(template))
    except (jinja2.TemplateError, TemplateError, ValueError):
        return (), frozenset()  # told of when it is rendered, with the line


def _included(path: Path) -> tuple[str, ...] | None:
    """What a piece includes; None: there is no such file."""
    try:
        about = path.stat()
    except OSError:
        return None
    return _included_in(path, about.st_mtime_ns, about.st_size) if stat.S_ISREG(about.st_mode) else None


@functools.lru_cache(maxsize=256)
def _included_in(path: Path, _changed: int, _size: int) -> tuple[str, ...]:
    return _names(_text(path))[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return ""  # told of when it is rendered


@functools.lru_cache(maxsize=1024)
def _names(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """What a template includes by name, and the names it uses; nothing if it can not be parsed. Many are alike."""
    try:
        tree = _PARSER.parse(text)
    except jinja2.TemplateSyntaxError:
        return (), frozenset()  # told of when it is rendered, with the line
    return _names_of(tree)


def _names_of(tree: nodes.Template) -> tuple[tuple[str, ...], frozenset[str]]:
    included = [node.template.value for node in tree.find_all(nodes.Include) if isinstance(node.template, nodes.Const)]
    used = frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx == "load")
    return tuple(included), used
