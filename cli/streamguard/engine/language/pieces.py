"""Text as it is typed: cut into statements at semicolons, without being understood."""

from __future__ import annotations

from dataclasses import dataclass

from streamguard.engine.language.tokens import NAME, PATTERN, SYMBOL

OPENING = ("'", "`", '"', "/*")
FIRST_WORDS = 3


@dataclass(frozen=True)
class Piece:
    """One statement: its text from the first word on, with its semicolon if it has one.

    `line` and `column` say where it begins, from 1; `words` are its first words, in upper case.
    """

    text: str
    line: int
    column: int
    words: tuple[str, ...]
    ended: bool

    @property
    def padded(self) -> str:
        """The text behind so many lines and spaces that lines and columns are those of the whole."""
        return "\n" * (self.line - 1) + " " * (self.column - 1) + self.text


def pieces(text: str) -> list[Piece]:
    """Every statement of the text; a last one may have no semicolon. Comments alone are none."""
    found: list[Piece] = []
    start, words = -1, list[str]()
    at = 0
    while at < len(text):
        match = PATTERN.match(text, at)
        space = match is not None and match.lastgroup == "space"
        if start < 0 and not space and not text.startswith(";", at):
            start = at
        if (match is None or match.lastgroup == SYMBOL) and text.startswith(OPENING, at):
            break  # it has no end: whatever follows may be inside
        if match is not None and match.lastgroup == NAME and len(words) < FIRST_WORDS:
            words.append(match[0].upper())
        end = match.end() if match else at + 1
        if text.startswith(";", at) and start >= 0:
            found.append(_piece(text, start, end, words, ended=True))
            start, words = -1, []
        at = end
    if start >= 0:
        found.append(_piece(text, start, len(text), words, ended=False))
    return found


def is_complete(text: str) -> bool:
    """Whether nothing is missing: the last statement has its semicolon, or there is none."""
    found = pieces(text)
    return not found or found[-1].ended


def _piece(text: str, start: int, end: int, words: list[str], *, ended: bool) -> Piece:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return Piece(text[start:end].rstrip(), line, column, tuple(words), ended)
