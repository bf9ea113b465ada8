"""Why a request was refused, in the words and shapes of ksqlDB's REST API: an HTTP status and an error body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamguard.errors import ParseError, StatementError

BAD_REQUEST = 40000
BAD_STATEMENT = 40001
QUERY_ENDPOINT = 40002
TOO_MANY_QUERIES = 40003
HTTP2_ONLY = 40004
INTERNAL_ONLY = 40005
FORBIDDEN = 40300
NOT_FOUND = 40400
NOT_ACCEPTABLE = 40600
TOO_LARGE = 41300
ASSERTION_FAILED = 41700
SERVER_ERROR = 50000
COMMAND_TIMEOUT = 50301
NOT_READY = 50302


class Rejection(Exception):
    """An answer that is an error. `code` is the HTTP status times 100 and a little."""

    def __init__(
        self, code: int, message: str, *, statement: str | None = None, entities: Sequence[dict[str, Any]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.statement = statement
        self.entities = list(entities)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.code // 100

    def body(self) -> dict[str, Any]:
        """A statement_error when a statement is to blame, else a generic_error."""
        body: dict[str, Any] = {"@type": "generic_error", "error_code": self.code, "message": self.message}
        if self.statement is not None:
            body["@type"] = "statement_error"
            body["statementText"] = self.statement
            body["entities"] = self.entities
        return body


def told(exc: StatementError) -> str:
    """A refusal as a client is told it: with ksqlDB's words where it has its own."""
    return exc.told if isinstance(exc, ParseError) else str(exc)


def bad_request(message: str) -> Rejection:
    """40000: the request is not what the endpoint takes."""
    return Rejection(BAD_REQUEST, message)


def bad_statement(message: str, statement: str, entities: Sequence[dict[str, Any]] = ()) -> Rejection:
    """40001: a statement does not parse, or does not fit."""
    return Rejection(BAD_STATEMENT, message, statement=statement, entities=entities)
