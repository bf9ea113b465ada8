"""Fields of JSON objects by name, whatever their case, found out once for each order of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

LAYOUTS = 500  # key orders remembered of one kind of JSON object


class Layouts(dict[tuple[str, ...], Callable[[dict[str, Any]], tuple[Any, ...]]]):
    """Key order of a JSON object → function that gets the wanted fields from one with just these keys.

    A field is found by its exact name, else by the last key that is its name in other case; null when absent. Finding
    out costs once for each key order, not once a record.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.quick = _getter([*self.names])

    def __missing__(self, keys: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
        if len(self) >= LAYOUTS:
            self.clear()
        made = self[keys] = _getter(self.spellings(keys))
        return made

    def spellings(self, keys: tuple[str, ...]) -> list[str | None]:
        """The key of each wanted field in an object with these keys."""
        upper = {key.upper(): key for key in keys}
        return [name if name in keys else upper.get(name) for name in self.names]

    def learn(self, value: dict[str, Any]) -> tuple[Any, ...]:
        """The wanted fields; `quick` is from now on right for objects with just these fields, spelled like this."""
        made = self[tuple(value)]
        if len(value) == len(self.names) and type(made) is itemgetter:
            self.quick = made
        return made(value)


class Layout(dict[tuple[str, ...], Callable[[dict[str, Any]], Any]]):
    """The same for one field alone: the functions return it bare."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._of_many = Layouts([name])

    def __missing__(self, keys: tuple[str, ...]) -> Callable[[dict[str, Any]], Any]:
        if len(self) >= LAYOUTS:
            self.clear()
        spelling = self._of_many.spellings(keys)[0]
        made = self[keys] = (lambda _: None) if spelling is None else itemgetter(spelling)
        return made


def _getter(spellings: list[str | None]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    if len(spellings) > 1 and all(spelling is not None for spelling in spellings):
        getter: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*spellings)
        return getter

    def get(value: dict[str, Any]) -> tuple[Any, ...]:
        return tuple([None if key is None else value[key] for key in spellings])

    return get
