"""A position in a list of tokens: what every part of the parser reads through."""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.engine.places import Place, excerpt, meant
from streamguard.engine.tokens import END, INTEGER, NAME, QUOTED, STRING, Token
from streamguard.errors import ParseError

RESERVED = frozenset(
    (
        "ALL",
        "AND",
        "AS",
        "BEGINNING",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "CREATE",
        "CROSS",
        "DELETE",
        "DESCRIBE",
        "DISTINCT",
        "DROP",
        "ELSE",
        "END",
        "EXISTS",
        "EXTENDED",
        "FALSE",
        "FROM",
        "FULL",
        "GROUP",
        "HAVING",
        "IN",
        "INNER",
        "INSERT",
        "INTO",
        "IS",
        "JOIN",
        "LEFT",
        "LIKE",
        "LIMIT",
        "NOT",
        "NULL",
        "ON",
        "OR",
        "OUTER",
        "PRINT",
        "RIGHT",
        "SELECT",
        "TERMINATE",
        "THEN",
        "TRUE",
        "UNSET",
        "VALUES",
        "WHEN",
        "WHERE",
        "WINDOW",
        "WITH",
        "WITHIN",
    )
)


class Reader:
    """Reads tokens from left to right; `text` is where the tokens' places point into."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    @property
    def last(self) -> Place:
        """The place of the token read last."""
        return self.tokens[max(0, self.index - 1)].place

    def take(self) -> Token:
        """Read one token, whatever it is."""
        token = self.token
        self.index += token.kind != END
        return token

    def sees(self, *words: str) -> bool:
        """Whether these key words or symbols come next, in this order."""
        for offset, word in enumerate(words):
            token = self.tokens[min(self.index + offset, len(self.tokens) - 1)]
            if token.value != word or token.kind in (STRING, QUOTED):
                return False
        return True

    def accept(self, *words: str) -> bool:
        """Read these words if they come next."""
        if self.sees(*words):
            self.index += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """Read these words or refuse the statement."""
        for word in words:
            if not self.accept(word):
                raise self.unexpected(f"expected {word}", known=words)

    def name(self, what: str) -> str:
        """Read a name: unquoted and not reserved, or quoted."""
        token = self.token
        if token.kind == QUOTED and token.value:
            return self.take().value
        if token.kind == NAME and token.value not in RESERVED:
            return self.take().value
        raise self.unexpected(f"expected {what}")

    def string(self, what: str) -> str:
        """Read a string literal."""
        if self.token.kind != STRING:
            raise self.unexpected(f"expected {what}")
        return self.take().value

    def integer(self, what: str) -> int:
        """Read a whole number without a sign."""
        if self.token.kind != INTEGER:
            raise self.unexpected(f"expected {what}")
        return int(self.take().value)

    def unexpected(self, reason: str, known: Sequence[str] = ()) -> ParseError:
        """An error at the next token."""
        token = self.token
        found = "the statement ends here" if token.kind == END else f"found {token.text}"
        hint = meant(token.value, known) if token.kind == NAME else ""
        reserved = " (a reserved word: quote it with ` to use it as a name)" if token.value in RESERVED else ""
        return self.refuse(f"{reason}, {found}{hint or reserved}", token.place)

    def unsupported(self, what: str, place: Place | None = None) -> ParseError:
        """An error for something that ksqlDB has and this engine does not, yet."""
        return self.refuse(f"{what} is not supported yet by the embedded engine", place or self.token.place)

    def refuse(self, reason: str, place: Place) -> ParseError:
        """An error at a place of the text."""
        return ParseError(reason, line=place.line, column=place.column, excerpt=excerpt(self.text, place))
