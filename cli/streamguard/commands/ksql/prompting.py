"""The prompt of the shell: many lines, completion, colours, history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from streamguard.commands.ksql.console import is_own
from streamguard.commands.ksql.history import open_history
from streamguard.engine.client.http import KsqlClient
from streamguard.engine.client.words import KEYWORDS, Names, ask, offers
from streamguard.engine.language.pieces import is_complete
from streamguard.engine.language.tokens import PATTERN

PROMPT = "ksql> "
CONTINUED = "....> "
STYLE = Style.from_dict(
    {"keyword": "ansiblue bold", "string": "ansigreen", "number": "ansicyan", "comment": "ansibrightblack"}
)
KINDS = {"string": "string", "integer": "number", "decimal": "number", "double": "number", "variable": "number"}
WORDS = frozenset(KEYWORDS)


class Vocabulary:
    """The names of a server as of a little ago; asked for in a thread of its own, so that no key waits for them."""

    def __init__(self, client: KsqlClient) -> None:
        self.names = Names()
        self._client = client
        self._asking: threading.Thread | None = None

    def refresh(self) -> None:
        """Ask again, unless that is under way."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()

    def _ask(self) -> None:
        with suppress(Exception):  # whatever it is, the line being typed is no place for it
            self.names = ask(self._client)


def prompter(vocabulary: Vocabulary, folder: Path, *, colour: bool) -> Callable[[], str]:
    """What reads the next text: it raises KeyboardInterrupt for Ctrl-C and EOFError for Ctrl-D."""
    session: PromptSession[str] = PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=lambda _width, _line, wrapped: "" if wrapped else CONTINUED,
        history=_history(folder),
        auto_suggest=AutoSuggestFromHistory(),
        completer=_Completer(vocabulary),
        complete_while_typing=False,
        lexer=_Lexer(),
        style=STYLE,
        key_bindings=_keys(),
        color_depth=None if colour else ColorDepth.DEPTH_1_BIT,
    )
    return session.prompt


def is_ready(text: str) -> bool:
    """Whether Enter sends the text, and does not begin a new line."""
    return is_own(text) or is_complete(text)


def _history(folder: Path) -> History:
    try:
        return open_history(folder)
    except OSError:  # a home that can not be written is no reason to have no shell
        return InMemoryHistory()


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None
        elif is_ready(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline()

    return keys


class _Completer(Completer):
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        for offer in offers(document.text_before_cursor, self._vocabulary.names):
            yield Completion(offer.word, start_position=-offer.typed, display_meta=offer.kind)


class _Lexer(Lexer):
    """Colours by the engine's own tokens."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines: list[StyleAndTextTuples] = [[]]
        for style, text in coloured(document.text):
            first, *more = text.split("\n")
            lines[-1].append((style, first))
            lines += [[(style, each)] for each in more]
        return lambda number: lines[number] if number < len(lines) else []


def coloured(text: str) -> list[tuple[str, str]]:
    """The text in parts, each with its style."""
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = PATTERN.match(text, at)
        piece = found[0] if found else text[at]
        kind = str(found.lastgroup) if found else ""
        if kind == "name":
            style = "class:keyword" if piece.upper() in WORDS else ""
        elif kind == "space":
            style = "class:comment" if piece.lstrip()[:2] in ("--", "/*") else ""
        else:
            style = f"class:{KINDS[kind]}" if kind in KINDS else ""
        parts.append((style, piece))
        at += len(piece)
    return parts
