"""Whether what a server answered is what a case expects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

STATEMENT_ERROR = "KsqlStatementErrorMessage"
PREFIX_MARK = "|starts_with"


def lines_of(body: str) -> list[Any]:
    """The row objects of an answer of /query, read line by line."""
    made = []
    for line in body.splitlines():
        text = line.strip().removeprefix("[").removesuffix("]").removesuffix(",")
        if text:
            made.append(json.loads(text, parse_float=Decimal))
    return made


def query_difference(
    actual: Sequence[Any], expected: Sequence[Any], statements: Sequence[str], *, ordered: bool
) -> str:
    """What is wrong with the rows of a query, or nothing: the order of rows is free unless `ordered`."""
    if len(actual) != len(expected):
        return f"{len(actual)} rows instead of {len(expected)}: {_short(actual)}"
    rows = [_columns(each) for each in actual]
    for number, (found, wanted) in enumerate(zip(actual, expected, strict=True)):
        columns = _columns(wanted)
        if columns is None or ordered:
            difference = subset_difference(found, wanted, statements)
            if difference:
                return f"row {number}: {difference}"
            continue
        match = next((n for n, row in enumerate(rows) if row is not None and _same(row, columns)), None)
        if match is None:
            return f"no row {_shown(columns)}: {_short(actual)}"
        rows[match] = None
        if _columns(found) is None or bool(found["row"].get("tombstone")) != bool(wanted["row"].get("tombstone")):
            return f"row {number}: {_shown(found)} instead of {_shown(wanted)}"
    return ""


def subset_difference(actual: Any, expected: Any, statements: Sequence[str]) -> str:
    """What of `expected` is not in `actual`, or nothing."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{_shown(actual)} instead of an object"
        for name, wanted in expected.items():
            field = name.removesuffix(PREFIX_MARK)
            if field not in actual:
                return f"no {field} in {_shown(actual)}"
            if field != name:
                if not str(actual[field]).startswith(wanted):
                    return f"{field} is {actual[field]!r}, not {wanted!r}…"
                continue
            difference = subset_difference(actual[field], wanted, statements)
            if difference:
                return f"{field}: {difference}"
        return ""
    if isinstance(expected, str):
        for number, statement in enumerate(statements):
            expected = expected.replace(f"{{STATEMENT{number}}}", statement)
        expected = expected.replace("{STATEMENT}", statements[-1] if statements else "")
    return "" if _same(actual, expected) else f"{_shown(actual)} instead of {_shown(expected)}"


def error_difference(status: int, body: Any, expected: Mapping[str, Any], last: str) -> str:
    """What is wrong with an answer that should be an error, or nothing."""
    if status < 400:
        return f"not refused: {_short([body])}"
    if not isinstance(body, Mapping):
        return f"the error is {body!r}"
    wanted = expected.get("message")
    if wanted and wanted not in str(body.get("message")):
        return f"expected {wanted!r}, got {body.get('message')!r}"
    if expected.get("status") not in (None, status):
        return f"status {status} instead of {expected['status']}"
    if str(expected.get("type", "")).endswith(STATEMENT_ERROR) and last not in str(body.get("statementText")):
        return f"statementText is {body.get('statementText')!r}"
    return ""


def _columns(row: Any) -> list[Any] | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("row"), Mapping):
        return None
    columns = row["row"].get("columns")
    return columns if isinstance(columns, list) else None


def _same(actual: Any, expected: Any) -> bool:
    """Equal in value and kind: 1 is not 1.0, and a decimal has its scale."""
    match expected:
        case None | bool():
            return actual is expected
        case int():
            return isinstance(actual, int) and not isinstance(actual, bool) and actual == expected
        case Decimal():
            return isinstance(actual, Decimal) and _digits(actual) == _digits(expected)
        case list():
            same = isinstance(actual, list) and len(actual) == len(expected)
            return same and all(map(_same, actual, expected))
        case Mapping():
            same = isinstance(actual, Mapping) and actual.keys() == expected.keys()
            return same and all(_same(actual[name], value) for name, value in expected.items())
        case _:
            return bool(actual == expected)


def _digits(number: Decimal) -> Any:
    return (number or abs(number)).as_tuple()


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)


def _short(rows: Sequence[Any]) -> str:
    text = _shown(rows)
    return text if len(text) < 400 else text[:400] + "…"
