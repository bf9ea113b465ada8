"""Which connectors a command means: names and patterns in, names out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from streamguard.errors import ConnectorNotFound, UnknownName
from streamguard.project import did_you_mean

WILD = frozenset("*?[")


def is_pattern(text: str) -> bool:
    """Is it more than a name: may it match several?"""
    return not WILD.isdisjoint(text)


def select(patterns: Sequence[str], known: Collection[str], where: str) -> list[str]:
    """The names among those that a cluster has, `known`, that a name or pattern chooses, sorted; all, without patterns.

    `*`, `?`, `[abc]` and `[!abc]` as in a shell; upper and lower case differ. A name that has such a character itself
    means itself first. `ConnectorNotFound` for one that chooses nothing: a typing error must not pass for "nothing to
    do".
    """
    for pattern in patterns:
        if not matching([pattern], known):
            raise ConnectorNotFound(f"{where} has no connector {_said(pattern)}{did_you_mean(pattern, known)}")
    return matching(patterns, known) if patterns else sorted(known)


def select_templates(patterns: Sequence[str], known: Collection[str]) -> list[str]:
    """As `select`, of the names of templates; `UnknownName` for one that chooses nothing."""
    for pattern in patterns:
        if not matching([pattern], known):
            raise UnknownName(f"there is no template of a connector {_said(pattern)}{did_you_mean(pattern, known)}")
    return matching(patterns, known) if patterns else sorted(known)


def matching(patterns: Sequence[str], known: Collection[str]) -> list[str]:
    """The names among `known` that any of the patterns chooses, sorted."""
    return sorted({name for pattern in patterns for name in _matching(pattern, known)})


def _said(pattern: str) -> str:
    return f"that matches {pattern}" if is_pattern(pattern) else pattern


def _matching(pattern: str, known: Collection[str]) -> Iterable[str]:
    if pattern in known:
        return (pattern,)
    return (name for name in known if fnmatchcase(name, pattern)) if is_pattern(pattern) else ()
