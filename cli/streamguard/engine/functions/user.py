"""A user's own functions: every public function of a Python module, with the SQL types that its type hints say.

    def shorten(text: str, length: int = 20) -> str:
        "The text, cut to a length."
        return text[:length]

can be called as ``SHORTEN(name, 5)`` or ``SHORTEN(name)``. bool, int (BIGINT), float (DOUBLE), str, bytes, date, time,
datetime (TIMESTAMP, in UTC), ``list[…]`` and ``dict[str, …]`` are known, ``*args`` takes any number of arguments, and
``Annotated[Any, "STRUCT<A INTEGER, B STRING>"]`` or ``Annotated[Decimal, "DECIMAL(10, 2)"]`` names a type in SQL. A
function is not called when an argument is null, unless the hint says ``| None``. What it raises makes the result null.
"""

from __future__ import annotations

import inspect
import sys
import types as python
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from streamguard.engine.functions.aggregates import AGGREGATES
from streamguard.engine.functions.registry import FUNCTIONS, Function, Overload, described
from streamguard.engine.functions.signatures import Parameter, Signature, parse
from streamguard.engine.functions.tables import TABLE_FUNCTIONS
from streamguard.engine.language import types as t
from streamguard.errors import SettingsError

CATEGORY = "USER"
PLAIN: dict[Any, t.Type] = {
    bool: t.BOOLEAN,
    int: t.BIGINT,
    float: t.DOUBLE,
    str: t.STRING,
    bytes: t.BYTES,
    date: t.DATE,
    time: t.TIME,
    datetime: t.TIMESTAMP,
    Decimal: t.Scalar("DECIMAL"),
    Any: t.Scalar("ANY"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Convert = Callable[[Any], Any]


def load(where: str, project: Path) -> list[str]:
    """Register the functions of a module, or of a ``.py`` file of the project; their names in upper case.

    Raises:
        SettingsError: it can not be imported, or a function has no types that SQL knows.
    """
    module = _imported(where, project)
    names = []
    for function in _public(module):
        name = function.__name__.upper()
        if name in AGGREGATES or name in TABLE_FUNCTIONS or _is_built_in(name):
            raise SettingsError(f"{where}: {function.__name__} has the name of a built-in function: rename it")
        FUNCTIONS[name] = Function(name, CATEGORY, described(function), list(_overloads(where, function)))
        names.append(name)
    return names


def _is_built_in(name: str) -> bool:
    return name in FUNCTIONS and FUNCTIONS[name].category != CATEGORY


def _imported(where: str, project: Path) -> ModuleType:
    try:
        if not where.endswith(".py"):
            return import_module(where)
        path = (project / where).resolve()
        spec = util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = util.module_from_spec(spec)
        sys.modules[f"ksql_functions.{path.stem}"] = module
        spec.loader.exec_module(module)
    except Exception as exc:
        reason = f"STREAMGUARD_KSQL_FUNCTIONS: {where} can not be imported: {type(exc).__name__}: {exc}"
        raise SettingsError(reason) from exc
    return module


def _public(module: ModuleType) -> Iterator[Callable[..., Any]]:
    for name, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
            yield function


def _overloads(where: str, function: Callable[..., Any]) -> Iterator[Overload]:
    """One overload, and one more for each parameter with a default, left out from the right."""
    hints = get_type_hints(function, include_extras=True)
    place = f"{where}: {function.__name__}"
    if "return" not in hints:
        raise SettingsError(f"{place} does not say what it returns: write `-> str`")
    returns, _, shown = _type(hints.pop("return"), place)
    parameters: list[Parameter] = []
    converts: list[Convert] = []
    optional: list[bool] = []
    required = 0
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints:
            raise SettingsError(f"{place} does not say what {name} is: write `{name}: str`")
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise SettingsError(f"{place}: {name} can not be given by a ksql statement, which knows no keywords")
        kind, can_be_null, _ = _type(hints[name], place)
        parameters.append(Parameter(kind, name, parameter.kind is parameter.VAR_POSITIONAL))
        converts.append(_to_python(hints[name]))
        optional.append(can_be_null)
        required += parameter.default is parameter.empty
    for count in range(required, len(parameters) + 1):
        signature = Signature(tuple(parameters[:count]), returns)
        run = _guarded(function, converts, optional, _from_python(shown))
        yield Overload(signature, run, nulls=any(optional[:count]), deterministic=False)


def _guarded(
    function: Callable[..., Any], converts: list[Convert], optional: list[bool], finish: Convert
) -> Callable[..., Any]:
    """The function with its arguments as Python knows them; whatever it raises is told by its name only."""

    def run(*values: Any) -> Any:
        given = []
        for index, value in enumerate(values):
            place = min(index, len(converts) - 1)
            if value is None and not optional[place]:
                return None
            given.append(None if value is None else converts[place](value))
        try:
            made = function(*given)
            return None if made is None else finish(made)
        except Exception as exc:  # noqa: BLE001  a user's function may raise anything; a record must not stop a query
            raise ValueError(f"{function.__name__} raised {type(exc).__name__}") from None

    return run


def _type(hint: Any, place: str) -> tuple[t.Type, bool, Any]:
    """The SQL type of a hint, whether it may be None, and the hint without that."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, python.UnionType) and type(None) in inside:
        rest = [each for each in inside if each is not type(None)]
        if len(rest) == 1:
            kind, _, plain = _type(rest[0], place)
            return kind, True, plain
    if origin is Annotated and isinstance(inside[1], str):
        return parse(f"() -> {inside[1]}").returns, False, hint
    if origin is list:
        return t.Array(_type(inside[0], place)[0]), False, hint
    if origin is dict:
        return t.Map(_type(inside[0], place)[0], _type(inside[1], place)[0]), False, hint
    if hint in PLAIN:
        return PLAIN[hint], False, hint
    raise SettingsError(f"{place}: no SQL type is known for the hint {hint}: write Annotated[…, 'STRUCT<A INTEGER>']")


def _to_python(hint: Any) -> Convert:
    plain = [each for each in get_args(hint) if each is not type(None)] if get_origin(hint) is not list else []
    kind = plain[0] if plain and get_origin(hint) in (Union, python.UnionType) else hint
    if kind is datetime:
        return lambda value: EPOCH + timedelta(milliseconds=value)
    if kind is date:
        return lambda value: date.fromordinal(value + EPOCH.toordinal())
    if kind is time:
        return lambda value: (EPOCH + timedelta(milliseconds=value)).time()
    return lambda value: value


def _from_python(hint: Any) -> Convert:
    if hint is datetime:
        return lambda value: round((value.replace(tzinfo=value.tzinfo or UTC) - EPOCH) / timedelta(milliseconds=1))
    if hint is date:
        return lambda value: value.toordinal() - EPOCH.toordinal()
    if hint is time:
        return lambda value: (value.hour * 3600 + value.minute * 60 + value.second) * 1000 + value.microsecond // 1000
    if hint is float:
        return float
    return lambda value: value
