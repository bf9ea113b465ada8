"""Aggregate functions: what many records become, one at a time.

An `Aggregate` is chosen once a query. Its state is a plain value that starts as `initial()`; `add` is called for every
record, also when arguments are null (most aggregates then give the state back), `undo` for the old row of a table, and
`merge` for two sessions that become one. The three may change the state that they are given: use only what they return.
States are made of what JSON has, and of Decimals and bytes, which `encode` and `decode` carry.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from streamguard.engine.functions.registry import FunctionError, choose, described, unknown
from streamguard.engine.functions.signatures import Bindings, Signature, filled, parse
from streamguard.engine.language import types as t

State = Any
Make = Callable[["Call"], "Aggregate"]


@dataclass(frozen=True)
class Call:
    """What a builder of aggregates is told: argument types, the result's type, constants and the query's settings."""

    arguments: tuple[t.Type, ...]
    returns: t.Type
    constants: tuple[Any, ...]
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Aggregate:
    """An aggregate for arguments of certain types.

    `intermediate` is the type that ksqlDB keeps its state in, None where that is `type`. `restored` is told of a state
    that comes back from a store. `inline` is a Python expression of the new state over ``{state}``, ``{0}`` …, the same
    as `add` for arguments that are not null. Without `undo` it can not follow the changes of a table.
    """

    type: t.Type
    initial: Callable[[], State]
    add: Callable[..., State]
    merge: Callable[[State, State], State]
    result: Callable[[State], Any] = lambda state: state
    undo: Callable[..., State] | None = None
    inline: str | None = None
    intermediate: t.Type | None = None
    restored: Callable[[State], None] | None = None
    name: str = ""

    @property
    def can_undo(self) -> bool:
        """Whether it can follow the changes of a table."""
        return self.undo is not None

    def encode(self, state: State) -> Any:
        """The state as JSON can hold it."""
        return encode(state)

    def decode(self, stored: Any) -> State:
        """What `encode` was given."""
        state = decode(stored)
        if self.restored is not None:
            self.restored(state)
        return state


def encode(value: Any) -> Any:
    """A state as JSON can hold it; texts stand for themselves, what JSON lacks is an object with one marked key."""
    if type(value) is Decimal:
        return {"$decimal": str(value)}
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if type(value) is float and value - value != 0:
        return {"$double": repr(value)}
    if type(value) is list:
        return [encode(each) for each in value]
    if type(value) is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: encode(each) for key, each in value.items()}
        return {"$map": [[encode(key), encode(each)] for key, each in value.items()]}
    return value


def decode(stored: Any) -> Any:
    """What `encode` was given."""
    if type(stored) is list:
        return [decode(each) for each in stored]
    if type(stored) is not dict:
        return stored
    if len(stored) == 1:
        [(key, value)] = stored.items()
        match key:
            case "$decimal":
                return Decimal(value)
            case "$bytes":
                return base64.b64decode(value)
            case "$double":
                return float(value)
            case "$map":
                return {decode(name): decode(each) for name, each in value}
    return {key: decode(each) for key, each in stored.items()}


@dataclass(frozen=True)
class Variant:
    """A signature of an aggregate. The last `constants` parameters must be literals."""

    signature: Signature
    make: Make
    constants: int = 0


@dataclass
class AggregateFunction:
    """A name with its variants."""

    name: str
    description: str
    variants: list[Variant] = field(default_factory=list)


AGGREGATES: dict[str, AggregateFunction] = {}


def aggregate(name: str, *signatures: str, constants: int = 0) -> Callable[[Make], Make]:
    """Declare a function that makes an aggregate; its docstring's first line is the description."""

    def declare(make: Make) -> Make:
        function = AGGREGATES.setdefault(name, AggregateFunction(name, described(make)))
        function.variants += [Variant(parse(text), make, constants) for text in signatures]
        return make

    return declare


def is_aggregate(name: str) -> bool:
    """Whether there is an aggregate of that name."""
    return name.upper() in AGGREGATES


def literal_parameters(name: str, count: int) -> range:
    """Which of so many arguments (from 0) may be literals only."""
    variants = AGGREGATES[name.upper()].variants
    fitting = [each.constants for each in variants if each.signature.assigned(count) is not None]
    return range(count - min(fitting, default=0), count)


def find_aggregate(
    name: str,
    arguments: Sequence[t.Type],
    constants: Sequence[Any] = (),
    properties: Mapping[str, Any] | None = None,
) -> Aggregate:
    """The aggregate for arguments of these types; `constants` are the values of those that are literals.

    Raises:
        FunctionError: there is none of that name, or not for such arguments.
    """
    function = AGGREGATES.get(name.upper())
    if function is None:
        raise FunctionError(unknown(name))
    types = [*arguments, *map(_type_of, constants)]
    variant, bindings = choose(
        function.name, [(each.signature, each) for each in function.variants], types, casting=False
    )
    returns = _returns(variant.signature.returns, arguments, bindings)
    made = variant.make(Call(tuple(arguments), returns, tuple(constants), properties or {}))
    return Aggregate(**{**vars(made), "name": function.name})


def _type_of(value: Any) -> t.Type:
    if isinstance(value, bool):
        return t.BOOLEAN
    return t.INTEGER if isinstance(value, int) else t.STRING


def _returns(kind: t.Type, arguments: Sequence[t.Type], bindings: Bindings) -> t.Type:
    """The result's type; a DECIMAL is that of the first argument, also inside an array."""
    if isinstance(kind, t.Array):
        return t.Array(_returns(kind.element, arguments, bindings))
    if kind == t.Scalar("DECIMAL"):
        first = arguments[0]
        return first.element if isinstance(first, t.Array) else first
    return filled(kind, bindings)
