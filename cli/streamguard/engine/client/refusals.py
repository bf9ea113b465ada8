"""A server's refusal with the place in the text that was sent: its own line with a caret under the wrong word."""

from __future__ import annotations

import re

from streamguard.engine.language.places import Place, excerpt
from streamguard.engine.language.tokens import PATTERN
from streamguard.errors import StatementRefused

POSITION = re.compile(r"line (\d+)(?::|, column )(\d+): ")


def pointed(exc: StatementRefused, text: str) -> StatementRefused:
    """The refusal with an excerpt of the text, if it says where and shows nothing itself."""
    message = plain(str(exc), text)
    found = POSITION.search(message)
    if found is None or "^" in message:
        return StatementRefused(message, code=exc.code, statement=exc.statement, entities=exc.entities)
    shown = pointer(text, int(found[1]), int(found[2]))
    reason = f"line {found[1]}, column {found[2]}: {message[: found.start()]}{message[found.end() :]}"
    return StatementRefused(f"{reason.rstrip()}{shown}", code=exc.code, statement=exc.statement, entities=exc.entities)


def plain(message: str, text: str) -> str:
    """The refusal without the statement in it, which stands in `text`; of our own server's words, those that say most.

    Where a statement is none, a server repeats it: our own has its reason behind that, ksqlDB before.
    """
    head, repeats, rest = message.partition("\nStatement: ")
    statement, _, reason = rest.rpartition("\n")
    found = POSITION.search(head)
    if found is not None and statement.strip() and statement.strip() in text:
        return head[: found.end()] + reason
    return head if repeats else message


def pointer(text: str, line: int, column: int) -> str:
    """The line with carets under the word at that column; nothing if there is no such place."""
    lines = text.split("\n")
    if not 0 < line <= len(lines):
        return ""
    start = sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
    word = PATTERN.match(text, start)
    end = word.end() if word is not None and word.lastgroup != "space" else start + 1
    return excerpt(text, Place(line, column, start, end))
