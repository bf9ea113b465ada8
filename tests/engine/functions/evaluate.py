"""An expression's value for one row, through the parser, the resolver and the emitter."""

from __future__ import annotations

from typing import Any

from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.resolve import Resolver, refusal
from streamguard.engine.analysis.typed import Pseudo, Read, Typed
from streamguard.engine.execution.emit import Emitter
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.parse import parse
from streamguard.engine.language.places import Place
from streamguard.errors import AnalysisError

COLUMNS: dict[str, t.Type] = {
    "I": t.INTEGER,
    "J": t.INTEGER,
    "B": t.BIGINT,
    "D": t.DOUBLE,
    "E": t.Decimal(6, 2),
    "S": t.STRING,
    "T": t.BOOLEAN,
    "BY": t.BYTES,
    "DA": t.DATE,
    "TI": t.TIME,
    "TS": t.TIMESTAMP,
    "L": t.Array(t.INTEGER),
    "M": t.Map(t.STRING, t.INTEGER),
    "ST": t.Struct((("F", t.INTEGER), ("G", t.STRING))),
}


def resolved(text: str, *, aggregates: bool = False, where: bool = False) -> Typed:
    """The typed form of an expression over `COLUMNS`."""
    [statement] = parse(f"SELECT {text} FROM I EMIT CHANGES;")  # noqa: S608  ksql of a test
    assert isinstance(statement, s.Query)
    item = statement.query.items[0]
    assert isinstance(item, s.Item)
    source = Source("I", "i", (), tuple(Column(name, kind) for name, kind in COLUMNS.items()))

    def refuse(reason: str, place: Place) -> AnalysisError:
        return refusal(statement.text, reason, place)

    resolver = Resolver(source, None, refuse, aggregates=aggregates)
    return resolver.condition(item.expression, "WHERE") if where else resolver.resolve(item.expression)


def value(text: str, row: dict[str, Any] | None = None, **pseudo: Any) -> Any:
    """The value of an expression; columns that `row` does not have are null. Raises what the expression raises."""
    node = resolved(text)
    names: dict[Typed, str] = {Read(name, kind, is_key=False): f"c_{name}" for name, kind in COLUMNS.items()}
    names[Pseudo("ROWTIME", t.BIGINT)] = "c_ROWTIME"
    emitter = Emitter(names)
    code = emitter.emit(node)
    given = {**(row or {}), **pseudo}
    return eval(code.text, {**emitter.namespace, **{f"c_{name}": given.get(name) for name in [*COLUMNS, "ROWTIME"]}})  # noqa: S307


def kind(text: str) -> str:
    """The type of an expression, as ksqlDB prints it."""
    return str(resolved(text).type)
