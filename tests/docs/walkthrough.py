"""A page to be followed from top to bottom: the files that it shows, and the commands, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEAD = re.compile(r"(?:#|--|\{#-) (\S+/\S+)(?: -#\})?\n")
"""A comment that says which file a block is."""
ABOVE = re.compile(r"`(\S+/\S+)`:\n\n\Z")
"""JSON has no comments: the name stands above it."""


@dataclass(frozen=True)
class File:
    """A file that the reader writes."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line that the reader types."""

    line: str


def steps(page: Path) -> Iterator[File | Command]:
    """What a reader does. A block of text is only looked at."""
    whole = page.read_text()
    for block in FENCED.finditer(whole):
        language, text = block.groups()
        if language == "sh":
            yield from (Command(line) for line in text.splitlines() if line)
        elif language != "text":
            found = HEAD.match(text) or ABOVE.search(whole, 0, block.start())
            assert found is not None, f"a block of {page.name} does not say which file it is:\n{text}"
            yield File(found[1], text)
