"""Maps, and functions that take lambdas over arrays and maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamguard.engine.functions.registry import category
from streamguard.engine.functions.signatures import Bindings
from streamguard.engine.language import types as t
from streamguard.engine.values.operations import java_order

scalar = category("MAP")
over = category("LAMBDA")


@scalar("AS_MAP", "(ARRAY<STRING> keys, ARRAY<V> values) -> MAP<STRING, V>", fails=False)
def as_map(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """A map of keys and their values; what one array has more is left out."""
    return dict(zip(keys, values, strict=False))


@scalar("MAP_KEYS", "(MAP<STRING, V> input) -> ARRAY<STRING>", fails=False)
def keys(values: dict[str, Any]) -> list[str]:
    """The keys of a map."""
    return java_order(values)


@scalar("MAP_VALUES", "(MAP<STRING, V> input) -> ARRAY<V>", fails=False)
def values(mapping: dict[str, Any]) -> list[Any]:
    """The values of a map."""
    return [mapping[key] for key in java_order(mapping)]


@scalar("MAP_UNION", "(MAP<STRING, V> map1, MAP<STRING, V> map2) -> MAP<STRING, V>", nulls=True, fails=False)
def union(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    """Two maps as one; the second one's values count."""
    return None if one is None and other is None else {**(one or {}), **(other or {})}


def _entries(arguments: Sequence[t.Type], bindings: Bindings) -> t.Type:
    del bindings
    inner = arguments[0].value if isinstance(arguments[0], t.Map) else t.STRING
    return t.Array(t.Struct((("K", t.STRING), ("V", inner))))


@scalar("ENTRIES", "(MAP<STRING, V> map, BOOLEAN sorted) -> ARRAY<STRUCT>", returns=_entries, fails=False)
def entries(mapping: dict[str, Any], is_sorted: bool) -> list[dict[str, Any]]:
    """Keys and values of a map as structs of K and V, sorted by key if wanted."""
    names = sorted(mapping) if is_sorted else java_order(mapping)
    return [{"K": name, "V": mapping[name]} for name in names]


@over("TRANSFORM", "(ARRAY<T> array, LAMBDA (T) => U f) -> ARRAY<U>")
def transform(elements: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    """An array or map with a lambda applied to every element, or to every key and value."""
    return [change(each) for each in elements]


@over("TRANSFORM", "(MAP<K, V> map, LAMBDA (K, V) => R f, LAMBDA (K, V) => S g) -> MAP<R, S>")
def transform_map(
    mapping: dict[Any, Any], to_key: Callable[[Any, Any], Any], to_value: Callable[[Any, Any], Any]
) -> dict[Any, Any]:
    """A map with lambdas applied to every key and every value."""
    made: dict[Any, Any] = {}
    for key, each in mapping.items():
        name = to_key(key, each)
        if name in made:
            raise ValueError("two keys of a transformed map are the same")
        made[name] = to_value(key, each)
    return made


@over("FILTER", "(ARRAY<T> array, LAMBDA (T) => BOOLEAN f) -> ARRAY<T>")
def keep(elements: list[Any], test: Callable[[Any], Any]) -> list[Any]:
    """The elements of an array, or the entries of a map, for which a lambda is true."""
    return [each for each in elements if test(each)]


@over("FILTER", "(MAP<K, V> map, LAMBDA (K, V) => BOOLEAN f) -> MAP<K, V>")
def keep_entries(mapping: dict[Any, Any], test: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    """The entries of a map for which a lambda is true."""
    return {key: each for key, each in mapping.items() if test(key, each)}


@over("REDUCE", "(ARRAY<T> array, S initial, LAMBDA (S, T) => S f) -> S", nulls=True)
def reduce(elements: list[Any] | None, state: Any, step: Callable[[Any, Any], Any]) -> Any:
    """One value from an array or a map: a lambda makes each state from the one before and an element."""
    if state is None:
        return None
    for each in elements or ():
        state = step(state, each)
    return state


@over("REDUCE", "(MAP<K, V> map, S initial, LAMBDA (S, K, V) => S f) -> S", nulls=True)
def reduce_map(mapping: dict[Any, Any] | None, state: Any, step: Callable[[Any, Any, Any], Any]) -> Any:
    """One value from a map: a lambda makes each state from the one before, a key and a value."""
    if state is None:
        return None
    for key in java_order(mapping or {}):
        state = step(state, key, (mapping or {})[key])
    return state
