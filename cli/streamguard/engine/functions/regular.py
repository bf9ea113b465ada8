"""Regular expressions, in Java's spelling."""

from __future__ import annotations

import re

from streamguard.engine.functions.javaregex import compiled, replacement
from streamguard.engine.functions.registry import category

scalar = category("REGULAR EXPRESSION")


@scalar("REGEXP_EXTRACT", "(STRING pattern, STRING input) -> STRING", prepare={0: compiled})
def extract(pattern: re.Pattern[str], value: str) -> str | None:
    """The first part of a text that matches, or a group of it."""
    found = pattern.search(value)
    return found[0] if found else None


@scalar("REGEXP_EXTRACT", "(STRING pattern, STRING input, INTEGER group) -> STRING", prepare={0: compiled})
def extract_group(pattern: re.Pattern[str], value: str, group: int) -> str | None:
    """A group of the first part of a text that matches."""
    found = pattern.search(value) if 0 <= group <= pattern.groups else None
    return found[group] if found else None


@scalar("REGEXP_EXTRACT_ALL", "(STRING pattern, STRING input) -> ARRAY<STRING>", prepare={0: compiled})
def extract_all(pattern: re.Pattern[str], value: str) -> list[str | None]:
    """All parts of a text that match, or a group of each."""
    return [found[0] for found in pattern.finditer(value)]


@scalar("REGEXP_EXTRACT_ALL", "(STRING pattern, STRING input, INTEGER group) -> ARRAY<STRING>", prepare={0: compiled})
def extract_all_groups(pattern: re.Pattern[str], value: str, group: int) -> list[str | None] | None:
    """A group of each part of a text that matches."""
    return [found[group] for found in pattern.finditer(value)] if 0 <= group <= pattern.groups else None


@scalar(
    "REGEXP_REPLACE",
    "(STRING str, STRING regexp, STRING newStr) -> STRING",
    prepare={1: compiled, 2: replacement},
)
def replace(value: str, pattern: re.Pattern[str], template: str) -> str:
    """The text with every part that matches replaced; ``$1`` stands for a group."""
    try:
        return pattern.sub(template, value)
    except (re.error, IndexError):
        raise ValueError("a replacement names a group that its regular expression lacks") from None


@scalar("REGEXP_SPLIT_TO_ARRAY", "(STRING string, STRING regexp) -> ARRAY<STRING>", prepare={1: compiled})
def split(value: str, pattern: re.Pattern[str]) -> list[str]:
    """The parts of a text between those that match."""
    parts, end = [], 0
    for found in pattern.finditer(value):
        if found.end() == 0 or (found.start() == found.end() == len(value)):
            continue
        parts.append(value[end : found.start()])
        end = found.end()
    return [*parts, value[end:]]
