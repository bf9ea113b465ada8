"""The SQL types of columns and expressions. ``str(type)`` is ksqlDB's spelling: ``STRUCT<`F1` STRING>``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    """BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING and the types that no format of this engine carries yet."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Decimal:
    """An exact number of `precision` digits, `scale` of them after the point."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True)
class Array:
    """A list whose elements all have one type."""

    element: Type

    def __str__(self) -> str:
        return f"ARRAY<{self.element}>"


@dataclass(frozen=True)
class Map:
    """Keys of type `key` (STRING in JSON) and values of one type."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True)
class Struct:
    """Named fields in order."""

    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return "STRUCT<" + ", ".join(f"{quoted(name)} {kind}" for name, kind in self.fields) + ">"

    def field(self, name: str) -> Type | None:
        """The type of the field, or None when there is no such field."""
        return dict(self.fields).get(name)


Type = Scalar | Decimal | Array | Map | Struct

BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING = (
    Scalar(name) for name in ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "STRING")
)
BYTES, DATE, TIME, TIMESTAMP = (Scalar(name) for name in ("BYTES", "DATE", "TIME", "TIMESTAMP"))
NULL = Scalar("NULL")  # the type of a bare NULL, before a context gives it another

NAMES = {
    "BOOLEAN": BOOLEAN,
    "INT": INTEGER,
    "INTEGER": INTEGER,
    "BIGINT": BIGINT,
    "DOUBLE": DOUBLE,
    "STRING": STRING,
    "VARCHAR": STRING,
    "BYTES": BYTES,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
}


def quoted(name: str) -> str:
    """The name in back-ticks, as ksqlDB prints schemas."""
    return "`" + name.replace("`", "``") + "`"


def text_literal(value: str) -> str:
    """The text in quotes, as a literal."""
    return "'" + value.replace("'", "''") + "'"


def base(kind: Type) -> str:
    """The name of a type without its parameters: ``DECIMAL``, ``ARRAY``."""
    return kind.name if isinstance(kind, Scalar) else type(kind).__name__.upper()


def is_numeric(kind: Type) -> bool:
    """Whether arithmetic works on the type."""
    return kind in (INTEGER, BIGINT, DOUBLE) or isinstance(kind, Decimal)


def comparable(left: Type, right: Type) -> bool:
    """Whether ``=`` makes sense: the same type, but for the width of numbers, also inside."""
    match left, right:
        case (Array(), Array()):
            return comparable(left.element, right.element)
        case (Map(), Map()):
            return comparable(left.key, right.key) and comparable(left.value, right.value)
        case (Struct(), Struct()):
            names = [name for name, _ in left.fields] == [name for name, _ in right.fields]
            pairs = zip(left.fields, right.fields, strict=False)
            return names and all(comparable(one, other) for (_, one), (_, other) in pairs)
        case _:
            return left == right or (is_numeric(left) and is_numeric(right))


def wider(left: Type, right: Type) -> Type:
    """The type that both numbers fit in: INTEGER < BIGINT < DECIMAL < DOUBLE."""
    if DOUBLE in (left, right):
        return DOUBLE
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        one, other = as_decimal(left), as_decimal(right)
        scale = max(one.scale, other.scale)
        return Decimal(max(one.precision - one.scale, other.precision - other.scale) + scale, scale)
    return BIGINT if BIGINT in (left, right) else INTEGER


def as_decimal(kind: Type) -> Decimal:
    """The DECIMAL that every INTEGER or BIGINT fits in; a DECIMAL itself."""
    if isinstance(kind, Decimal):
        return kind
    return Decimal(19 if kind == BIGINT else 10, 0)


def schema(kind: Type) -> dict[str, object]:
    """The type in the form of ksqlDB's REST API."""
    made: dict[str, object] = {"type": str(kind), "fields": None, "memberSchema": None}
    if isinstance(kind, Struct):
        made["type"] = "STRUCT"
        made["fields"] = [{"name": name, "schema": schema(of)} for name, of in kind.fields]
    elif isinstance(kind, Array | Map):
        made["type"] = "ARRAY" if isinstance(kind, Array) else "MAP"
        made["memberSchema"] = schema(kind.element if isinstance(kind, Array) else kind.value)
    elif isinstance(kind, Decimal):
        made["type"] = "DECIMAL"
        made["parameters"] = {"precision": kind.precision, "scale": kind.scale}
    return made
