"""A position in a list of tokens: what every part of the parser reads through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from streamguard.engine.language.places import Place, excerpt, meant
from streamguard.engine.language.tokens import DECIMAL, DOUBLE, END, INTEGER, NAME, QUOTED, STRING, Token
from streamguard.engine.language.types import Type
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
        "STREAM",
        "TABLE",
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
LONGEST_SHOWN = 80  # letters of a token in an error
CLOSING = (")", "]", ">")


class Reader:
    """Reads tokens from left to right; `text` is where the tokens' places point into, `types` the user's own types."""

    def __init__(self, text: str, tokens: Sequence[Token], types: Mapping[str, Type] | None = None) -> None:
        self.text = text
        self.tokens = tokens
        self.types = types or {}
        self.index = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    @property
    def last(self) -> Place:
        """The place of the token read last."""
        return self.tokens[max(0, self.index - 1)].place

    def ahead(self, offset: int = 1) -> Token:
        """The token that comes after the next one, or one still further on."""
        return self.tokens[min(self.index + offset, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Read one token, whatever it is."""
        token = self.token
        self.index += token.kind != END
        return token

    def sees(self, *words: str) -> bool:
        """Whether these key words or symbols come next, in this order."""
        for offset, word in enumerate(words):
            token = self.ahead(offset)
            if token.value != word or token.kind in (STRING, QUOTED):
                return False
        return True

    def sees_name(self) -> bool:
        """Whether a name comes next: unquoted and not reserved, or quoted."""
        token = self.token
        return token.kind == QUOTED or (token.kind == NAME and token.value not in RESERVED)

    def sees_number(self) -> bool:
        """Whether a number without a sign comes next."""
        return self.token.kind in (INTEGER, DECIMAL, DOUBLE)

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
                raise self.unexpected(f"expected {word}", known=words, detail=self._missing(word))

    def _missing(self, word: str) -> str:
        """What ksqlDB says when one certain word had to come."""
        token = self.token
        if self.ahead().value == word and token.kind != END:
            return f"extraneous input '{token.text}' expecting '{word}'"
        return f"missing '{word}' at '{_shown(token)}'" if word in CLOSING else f"Expecting '{word}'"

    def one_of(self, *words: str) -> str:
        """Read one of these words."""
        for word in words:
            if self.accept(word):
                return word
        raise self.unexpected(f"expected {_listed(words)}", known=words, detail=_expecting(words))

    def ends_list(self) -> bool:
        """Read ``,`` (False) or ``)`` (True): what follows an element of a list."""
        if self.accept(","):
            return False
        if self.accept(")"):
            return True
        raise self.unexpected("expected , or )", detail="Expecting {',', ')'}")

    def name(self, what: str) -> str:
        """Read a name: unquoted and not reserved, or quoted."""
        if self.sees_name() and self.token.value:
            return self.take().value
        raise self.unexpected(f"expected {what}")

    def string(self, what: str) -> str:
        """Read a string literal."""
        if self.token.kind != STRING:
            raise self.unexpected(f"expected {what}", detail="Expecting STRING")
        return self.take().value

    def integer(self, clause: str) -> int:
        """Read a whole number, perhaps with a minus."""
        start = self.token.place
        negative = self.accept("-")
        if self.token.kind in (DECIMAL, DOUBLE):
            reason = f"Value must be integer for command: {clause}"
            raise self.invalid(reason, start.to(self.token.place), reason)
        if self.token.kind != INTEGER:
            raise self.unexpected(f"expected a whole number for {clause}")
        value = int(self.take().value) * (-1 if negative else 1)
        if not -(2**31) <= value < 2**31:
            raise self.invalid(f"{value} is too large a number for {clause}", start.to(self.last))
        return value

    def unexpected(self, reason: str, known: Collection[str] = (), detail: str = "") -> ParseError:
        """An error at the next token. `detail` is what ksqlDB says about it, if that is fixed."""
        token = self.token
        found = "the statement ends here" if token.kind == END else f"found {_shown(token)}"
        hint = (meant(token.value, known) if token.kind == NAME else "") or self._misspelt_before(known)
        if not hint and token.kind == NAME and token.value in RESERVED:
            hint = " (a reserved word: quote it with ` to use it as a name)"
        at = f"{token.place.line}:{token.place.column}"
        detail = detail or f"Syntax error at or near '{_shown(token)}' at line {at}"
        told = f"line {at}: Syntax Error\n{detail}\nStatement: {self.text.strip()}\n{reason}, {found}{hint}"
        return self._error(f"{reason}, {found}{hint}", token.place, told)

    def _misspelt_before(self, known: Collection[str]) -> str:
        """``FROM x WHRE y``: the word that is meant was taken for an alias, and what is wrong comes after it."""
        before = self.tokens[max(0, self.index - 1)]
        if self.index == 0 or before.kind != NAME or before.value in RESERVED or before.value in known:
            return ""
        return meant(before.value, known).replace("?)", f" instead of {_shown(before)}?)")

    def refuse(self, reason: str, place: Place) -> ParseError:
        """An error at a place of the text."""
        return self._error(reason, place, "")

    def invalid(self, reason: str, place: Place, told: str = "") -> ParseError:
        """An error that ksqlDB finds after its grammar is satisfied; it counts columns from 2 then."""
        told = told or f"line {place.line}:{place.column + 1}: {reason}"
        return self._error(reason, place, f"Failed to prepare statement: {told}")

    def _error(self, reason: str, place: Place, told: str) -> ParseError:
        shown = excerpt(self.text, place)
        return ParseError(reason, line=place.line, column=place.column, excerpt=shown, told=told)


def _shown(token: Token) -> str:
    if token.kind == END:
        return "<EOF>"
    return token.text if len(token.text) <= LONGEST_SHOWN else f"{token.text[:LONGEST_SHOWN]}…"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _expecting(words: Sequence[str]) -> str:
    return "Expecting {" + ", ".join(f"'{word}'" for word in words) + "}"
