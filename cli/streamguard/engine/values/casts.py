"""CAST between all types: which pairs exist, and the Python that does each.

`pattern` gives the text of a simple one, so that compiled queries call no function that they need not; `function` gives
any as a function, also for what is inside arrays, maps and structs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streamguard.doubles import double_text
from streamguard.engine.language import types as t
from streamguard.engine.values import moments, operations

NAMESPACE: Mapping[str, Any] = {
    **{name: getattr(operations, name) for name in dir(operations) if callable(getattr(operations, name))},
    **{name: getattr(moments, name) for name in dir(moments) if callable(getattr(moments, name))},
    "double_text": double_text,
}


@dataclass(frozen=True)
class Pattern:
    """A Python expression with ``{}`` for the operand, never null; whether it may raise; the name of what it takes."""

    text: str
    fails: bool = False


SCALARS: Mapping[tuple[str, str], Pattern] = {
    ("BOOLEAN", "STRING"): Pattern("text_of_boolean({})"),
    ("INTEGER", "BIGINT"): Pattern("{}"),
    ("INTEGER", "DOUBLE"): Pattern("float({})"),
    ("INTEGER", "STRING"): Pattern("str({})"),
    ("BIGINT", "INTEGER"): Pattern("wrap_integer({})"),
    ("BIGINT", "DOUBLE"): Pattern("float({})"),
    ("BIGINT", "STRING"): Pattern("str({})"),
    ("DOUBLE", "INTEGER"): Pattern("whole_of_double({}, 32)"),
    ("DOUBLE", "BIGINT"): Pattern("whole_of_double({}, 64)"),
    ("DOUBLE", "STRING"): Pattern("double_text({})"),
    ("DECIMAL", "INTEGER"): Pattern("whole_of_decimal({}, 32)"),
    ("DECIMAL", "BIGINT"): Pattern("whole_of_decimal({}, 64)"),
    ("DECIMAL", "DOUBLE"): Pattern("float({})"),
    ("DECIMAL", "STRING"): Pattern("text_of_decimal({})"),
    ("STRING", "BOOLEAN"): Pattern("boolean_of_text({})"),
    ("STRING", "INTEGER"): Pattern("whole_of_text({}, 32)", fails=True),
    ("STRING", "BIGINT"): Pattern("whole_of_text({}, 64)", fails=True),
    ("STRING", "DOUBLE"): Pattern("double_of_text({})", fails=True),
    ("STRING", "DATE"): Pattern("date_of_text({})", fails=True),
    ("STRING", "TIME"): Pattern("time_of_text({})", fails=True),
    ("STRING", "TIMESTAMP"): Pattern("timestamp_of_text({})", fails=True),
    ("DATE", "STRING"): Pattern("text_of_date({})", fails=True),
    ("DATE", "TIMESTAMP"): Pattern("{} * 86400000"),
    ("TIME", "STRING"): Pattern("text_of_time({})"),
    ("TIMESTAMP", "STRING"): Pattern("text_of_timestamp({})", fails=True),
    ("TIMESTAMP", "DATE"): Pattern("{} // 86400000"),
    ("TIMESTAMP", "TIME"): Pattern("{} % 86400000"),
}
TO_DECIMAL = {
    "INTEGER": "decimal_of_whole({})",
    "BIGINT": "decimal_of_whole({})",
    "DOUBLE": "decimal_of_double({})",
    "DECIMAL": "{}",
    "STRING": "decimal_of_text({})",
}


def exists(source: t.Type, target: t.Type) -> bool:
    """Whether there is a CAST between the types."""
    match source, target:
        case (t.Array(), t.Array()):
            return exists(source.element, target.element)
        case (t.Map(), t.Map()):
            return exists(source.key, target.key) and exists(source.value, target.value)
        case (t.Struct(), t.Struct()):
            return all(exists(of, kind) for name, kind in target.fields if (of := source.field(name)) is not None)
        case (t.Array() | t.Map() | t.Struct(), _):
            return target == t.STRING
        case _:
            return source == target or pattern(source, target) is not None


def pattern(source: t.Type, target: t.Type) -> Pattern | None:
    """The text of a cast between scalar types, None when there is none."""
    if source == target:
        return Pattern("{}")
    if isinstance(target, t.Decimal):
        text = TO_DECIMAL.get(t.base(source))
        if text is None:
            return None
        fails = not (isinstance(source, t.Decimal) and _widens(source, target))
        return Pattern(f"fit_decimal({text}, {target.precision}, {target.scale})", fails)
    return SCALARS.get((t.base(source), t.base(target)))


def _widens(source: t.Decimal, target: t.Decimal) -> bool:
    return target.scale >= source.scale and target.precision - target.scale >= source.precision - source.scale


def function(source: t.Type, target: t.Type) -> Callable[[Any], Any]:
    """A function that casts one value; nulls stay null. It may raise ArithmeticError or ValueError."""
    match source, target:
        case (t.Array(), t.Array()):
            element = function(source.element, target.element)
            return lambda value: None if value is None else [element(each) for each in value]
        case (t.Map(), t.Map()):
            key, inner = function(source.key, target.key), function(source.value, target.value)
            return lambda value: None if value is None else {key(name): inner(each) for name, each in value.items()}
        case (t.Struct(), t.Struct()):
            return _struct(source, target)
        case (t.Array() | t.Map() | t.Struct(), _):
            shown = shower(source)
            return lambda value: None if value is None else shown(value)
        case _:
            found = pattern(source, target)
            if found is None:
                raise KeyError(f"no cast from {source} to {target}")
            return _compiled(found.text)


def _compiled(text: str) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = eval(f"lambda x: None if x is None else {text.format('x')}", dict(NAMESPACE))  # noqa: S307  our own text
    return made


def _struct(source: t.Struct, target: t.Struct) -> Callable[[Any], Any]:
    found = [(name, source.field(name), kind) for name, kind in target.fields]
    inner = [(name, None if of is None else function(of, kind)) for name, of, kind in found]

    def cast(value: Any) -> Any:
        if value is None:
            return None
        return {name: None if convert is None else convert(value[name]) for name, convert in inner}

    return cast


def shower(kind: t.Type) -> Callable[[Any], str]:
    """A function that writes a value as Java's toString does: ``[1, 2]``, ``{a=1}``, ``Struct{A=1}``."""
    match kind:
        case t.Array():
            element = shower(kind.element)
            return lambda value: "null" if value is None else f"[{', '.join(map(element, value))}]"
        case t.Map():
            key, inner = shower(kind.key), shower(kind.value)
            return lambda value: (
                "null"
                if value is None
                else f"{{{', '.join(f'{key(k)}={inner(value[k])}' for k in operations.java_order(value))}}}"
            )
        case t.Struct():
            fields = [(name, shower(of)) for name, of in kind.fields]
            return lambda value: (
                "null"
                if value is None
                else f"Struct{{{','.join(f'{n}={s(value[n])}' for n, s in fields if value[n] is not None)}}}"
            )
        case _ if kind == t.STRING:
            return lambda value: "null" if value is None else value
        case _ if kind == t.BYTES:
            return lambda value: "null" if value is None else value.hex()
        case _:
            convert = function(kind, t.STRING)
            return lambda value: "null" if value is None else convert(value)
