"""The built-in scalar functions and those of users, and the choice among the signatures of one.

A function is a plain Python function with the signatures it serves:

    @scalar("LEN", "(STRING input) -> INTEGER", "(BYTES input) -> INTEGER")
    def length(value): …

It is not called when an argument is null, the result is null then, unless it is declared with ``nulls=True``. It may
raise ArithmeticError or ValueError, whose texts never hold data. `prepare` names functions for arguments that are
costly to understand, such as patterns: a constant is prepared once a query, and the function receives what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from streamguard.engine.functions.signatures import Argument, Bindings, LambdaArity, Signature, filled, parse, written
from streamguard.engine.language import types as t

T = TypeVar("T")
Run = TypeVar("Run", bound=Callable[..., Any])
Prepare = Callable[[Any], Any]
Returns = Callable[[Sequence[t.Type], Bindings], t.Type]


class FunctionError(Exception):
    """No such function, or not with such arguments; the text is ksqlDB's."""


@dataclass(frozen=True)
class Overload:
    """One signature of a function and what runs for it."""

    signature: Signature
    run: Callable[..., Any]
    nulls: bool = False
    deterministic: bool = True
    inline: str | None = None
    fails: bool = True
    prepare: Mapping[int, Prepare] = field(default_factory=dict)
    build: bool = False
    returns: Returns | None = None


@dataclass
class Function:
    """A name, as ksqlDB writes it, with its overloads."""

    name: str
    category: str
    description: str
    overloads: list[Overload] = field(default_factory=list)
    kind: str = "SCALAR"

    def find(self, arguments: Sequence[Argument]) -> tuple[Overload, Bindings]:
        """The overload for arguments of these types.

        Raises:
            FunctionError: none fits, or several do equally well.
        """
        return choose(self.name, [(each.signature, each) for each in self.overloads], arguments)


@dataclass(frozen=True)
class Scalar:
    """A function chosen for a call. Equal calls are equal: the callable does not count.

    `type` is what it returns, `parameters` what its arguments are cast to, `nulls` whether it is called with nulls,
    `inline` a Python expression with ``{0}``, ``{1}`` … that is quicker than calling `run`.
    """

    name: str
    type: t.Type
    parameters: tuple[t.Type, ...]
    nulls: bool
    deterministic: bool
    fails: bool
    run: Callable[..., Any] = field(compare=False, repr=False)
    inline: str | None = field(default=None, compare=False, repr=False)
    prepare: Mapping[int, Prepare] = field(default_factory=dict, compare=False, repr=False)


FUNCTIONS: dict[str, Function] = {}
IN_CAPITALS = ("AS_VALUE", "COALESCE", "IFNULL", "NULLIF", "RANDOM")  # how ksqlDB's error messages have these names


def choose(
    name: str, candidates: Sequence[tuple[Signature, T]], arguments: Sequence[Argument], *, casting: bool = True
) -> tuple[T, Bindings]:
    """The best of the signatures that fit: first without casts, then with ksqlDB's implicit ones.

    Raises:
        FunctionError: none fits, or several do equally well.
    """
    shown = f"({', '.join(map(written, arguments))})"
    for allowed in (False, True) if casting else (False,):
        found = [
            (signature, each, bindings)
            for signature, each in candidates
            if (bindings := signature.match(arguments, casting=allowed)) is not None
        ]
        found.sort(key=lambda each: each[0].rank)
        if len(found) > 1 and found[-1][0].rank == found[-2][0].rank:
            raise FunctionError(
                f"Function '{name}' cannot be resolved due to ambiguous method parameters {shown}."
                f"\nUse CAST() to explicitly type your parameters to one of the supported signatures:\n"
                + "\n".join(f"{name}{signature}" for signature, _, _ in found)
            )
        if found:
            return found[-1][1], found[-1][2]
    listed = "\n".join(f"{name}{signature}" for signature, _ in candidates)
    raise FunctionError(f"Function '{name}' does not accept parameters {shown}.\nValid alternatives are:\n{listed}")


def find(name: str, arguments: Sequence[Argument], lambdas: Mapping[int, t.Type] | None = None) -> Scalar:
    """The function for a call; `lambdas` has the result types of arguments that are lambdas, by position.

    Raises:
        FunctionError: there is no such function, or not for such arguments.
    """
    function = FUNCTIONS.get(name.upper())
    if function is None:
        raise FunctionError(unknown(name))
    overload, bindings = function.find(arguments)
    parameters = overload.signature.assigned(len(arguments)) or ()
    for index, kind in (lambdas or {}).items():
        output = parameters[index].type.output  # type: ignore[union-attr]
        if isinstance(output, t.Scalar) and len(output.name) == 1:
            bindings.setdefault(output.name, kind)
    known = [t.NULL if isinstance(each, LambdaArity) else each for each in arguments]
    returns = overload.returns(known, bindings) if overload.returns else filled(overload.signature.returns, bindings)
    accepted = tuple(
        _accepted(parameter.type, given, bindings) for parameter, given in zip(parameters, known, strict=True)
    )
    run = overload.run(known, returns) if overload.build else overload.run
    return Scalar(
        function.name,
        returns,
        accepted,
        overload.nulls,
        overload.deterministic,
        overload.fails,
        run,
        overload.inline,
        overload.prepare,
    )


def _accepted(wanted: Any, given: t.Type, bindings: Bindings) -> t.Type:
    """The type that an argument is cast to."""
    if not isinstance(wanted, t.Scalar) or wanted.name == "ANY" or given == t.NULL:
        return given
    if wanted == t.Scalar("DECIMAL"):
        return t.as_decimal(given)
    made = filled(wanted, bindings)
    return given if t.base(made) == t.base(given) else made


def unknown(name: str) -> str:
    """ksqlDB's words for a function that does not exist."""
    return f"Can't find any functions with the name '{name.upper()}'"


def scalar(category: str, name: str, *signatures: str, **more: Any) -> Callable[[Run], Run]:
    """Declare a function; its docstring's first line is the description."""

    shown = name if name in IN_CAPITALS else name.lower()

    def declare(run: Run) -> Run:
        function = FUNCTIONS.setdefault(name.upper(), Function(shown, category, described(run)))
        function.overloads += [Overload(parse(text), run, **more) for text in signatures]
        return run

    return declare


class Category(Protocol):
    """`scalar` for one category."""

    def __call__(self, name: str, *signatures: str, **more: Any) -> Callable[[Run], Run]: ...


def category(name: str) -> Category:
    """`scalar` for one category."""
    return partial(scalar, name)


def described(run: Callable[..., Any]) -> str:
    """The first line of a docstring, without the full stop's successors."""
    return (run.__doc__ or "").strip().partition("\n")[0]


def same_decimal(arguments: Sequence[t.Type], bindings: Bindings) -> t.Type:
    """The result has the DECIMAL type of the first argument."""
    del bindings
    return t.as_decimal(arguments[0])
