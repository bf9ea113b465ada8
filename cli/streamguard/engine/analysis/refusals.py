"""Errors of statements, with the place in the statement's own text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import Place, excerpt, meant
from streamguard.errors import AnalysisError

Refuse = Callable[[str, Place], AnalysisError]


def refuser(statement: s.Statement) -> Refuse:
    """Makes the errors of one statement; line and column count in the whole request, the excerpt is the statement's."""

    def refuse(reason: str, place: Place) -> AnalysisError:
        shift = statement.place.start
        moved = replace(place, start=max(0, place.start - shift), end=max(1, place.end - shift))
        return AnalysisError(reason, line=place.line, column=place.column, excerpt=excerpt(statement.text, moved))

    return refuse


def find(name: str, metastore: Metastore, place: Place, refuse: Refuse) -> Source:
    """The source of that name, or an error that says what was meant."""
    source = metastore.source(name)
    if source is None:
        raise refuse(f"{name} does not exist{meant(name, metastore.sources)}", place)
    return source


def listed(words: list[str], last: str = "and") -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
