"""The part of a compiled function that takes a value apart: the quick way, and the complete one for unusual records.

Only JSON objects have a quick way; values in other formats, and single columns that are not wrapped, take the other.

Every declared column that could be refused is checked, used or not, because ksqlDB skips a record whose value does not
fit the declared columns. Columns that the queries use become local variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.typed import Field, Read, Typed, parts_of
from streamguard.engine.codecs import Undecodable, unusual, value_decoder
from streamguard.engine.codecs.coercion import coercion
from streamguard.engine.codecs.json import holds_decimal
from streamguard.engine.codecs.layouts import Layout, Layouts
from streamguard.engine.codecs.numbers import has_long_number
from streamguard.engine.execution.emit import Emitter
from streamguard.engine.language import types as t

JOINED = 3  # from so many strings on, one join checks them quicker than one by one
TEXTS = frozenset((str, type(None)))


class Decoding:
    """Writes the lines; `names` has the local variable of each column and field that is used."""

    def __init__(self, source: Source, emitter: Emitter, used: Iterable[Typed]) -> None:
        self.source = source
        self.emitter = emitter
        self.names: dict[Typed, str] = {}
        self.general: list[str] = []
        self.whole: set[Typed] = set()
        self.fields: set[Typed] = set()
        for expression in used:
            self._collect(expression)
        reads: list[tuple[Typed, str]] = [(Read(c.name, c.type, is_key=False), c.name) for c in source.values]
        self.has_quick = source.value_format == "JSON" and source.value_options.wrap is not False
        self.wanted = [(node, name) for node, name in reads if self._is_wanted(node) or not self.has_quick]
        self.quick = self._object("value", self.wanted, "row")
        emitter.namespace |= {
            "TEXTS": TEXTS,
            "Undecodable": Undecodable,
            "general": self._general(),
            "join": "".join,
            "loads": orjson.loads,
            "has_long_number": has_long_number,
            "unusual": unusual,
        }

    def _general(self) -> Callable[[bytes], dict[str, Any] | None]:
        """The complete way, for the columns that the lines take from `row`."""
        columns = [Column(name, node.type) for node, name in self.wanted]
        return value_decoder(columns, self.source.value_format, self.source.value_options)

    def lines(self, refused: Sequence[str]) -> list[str]:
        """Lines that make `row`, None without a value, and the local variables out of the bytes `raw`.

        `refused` is what to do about bytes that do not fit the columns, for the reason ``str(exc)``; it must leave.
        """
        complete = ["try:", "    row = general(raw)", "except Undecodable as exc:", *_indented(refused), *self.general]
        if self.has_quick:
            exact = any(holds_decimal(node.type) for node, _ in self.wanted)
            quick = [
                *(["if has_long_number(raw): unusual()"] if exact else []),
                "row = value = loads(raw)",
                "if type(value) is not dict: unusual()",
                *self.quick,
            ]
            complete = ["try:", *_indented(quick), "except Exception:", *_indented(complete)]
        return ["row = None", "if raw is not None:", *_indented(complete)]

    def _collect(self, node: Typed) -> None:
        """Note which columns and fields are used, and which structs as a whole."""
        if not isinstance(node, Read | Field):
            for part in parts_of(node):
                self._collect(part)
            return
        self.whole.add(node)
        while isinstance(node, Field):
            self.fields.add(node)
            if not isinstance(node.struct, Read | Field):
                self._collect(node.struct)
                return
            node = node.struct
            self.fields.add(node)

    def _is_wanted(self, node: Typed) -> bool:
        return node in self.whole or node in self.fields or _can_fail(node.type)

    def _name(self, node: Typed) -> str:
        return self.names.setdefault(node, f"c{len(self.names)}")

    def _object(self, variable: str, wanted: list[tuple[Typed, str]], row: str) -> list[str]:
        """Lines that take the wanted fields out of the dictionary `variable`."""
        if not wanted:
            return []
        found = Layout(wanted[0][1]) if len(wanted) == 1 else Layouts([name for _, name in wanted])
        layouts = self.emitter.share("layouts", found)
        names = [self._name(node) for node, _ in wanted]
        target = ", ".join(names)
        for (_, name), local in zip(wanted, names, strict=True):
            self.general.append(f"{local} = None if {row} is None else {row}[{name!r}]")
        strings = [local for (node, _), local in zip(wanted, names, strict=True) if node.type == t.STRING]
        if len(strings) == len(names) >= JOINED:
            lines = [*_getting("fields", layouts, variable, len(names)), *_joined("fields"), f"{target} = fields"]
        else:
            lines = [*_getting(target, layouts, variable, len(names)), *_strings(strings)]
        for (node, _), local in zip(wanted, names, strict=True):
            lines += self._check(node, local)
        return lines

    def _check(self, node: Typed, local: str) -> list[str]:
        match node.type:
            case t.STRING:
                return []
            case t.DOUBLE:
                convert = f"    {local} = float({local}) if type({local}) is int else unusual()"
                return [f"if type({local}) is not float and {local} is not None:", convert]
            case t.INTEGER | t.DATE:
                inside = f"type({local}) is not int or not -2147483648 <= {local} <= 2147483647"
                return [f"if {local} is not None and ({inside}):", "    unusual()"]
            case t.BIGINT | t.TIMESTAMP:
                inside = f"type({local}) is not int or {local} > 9223372036854775807"
                return [f"if {local} is not None and ({inside}):", "    unusual()"]
            case t.TIME:
                inside = f"type({local}) is not int or not 0 <= {local} < 86400000"
                return [f"if {local} is not None and ({inside}):", "    unusual()"]
            case t.BOOLEAN:
                return [f"if type({local}) is not bool and {local} is not None:", "    unusual()"]
            case t.Struct() if node not in self.whole and node in self.fields:
                return self._struct(node, node.type, local)
            case _:
                convert = self.emitter.share("convert", coercion(node.type))
                lines = [f"if {local} is not None:", f"    {local} = {convert}({local}, '$')"]
                return lines + self._fields_of_whole(node, local)

    def _struct(self, node: Typed, kind: t.Struct, local: str) -> list[str]:
        """A struct of which only fields are used: it is never built."""
        fields: list[tuple[Typed, str]] = [(Field(node, name, of), name) for name, of in kind.fields]
        wanted = [(each, name) for each, name in fields if self._is_wanted(each)]
        before = len(self.names)
        inside = self._object(local, wanted, local)
        made = list(self.names.values())[before:]
        return [
            f"if type({local}) is dict:",
            *(f"    {line}" for line in inside or ["pass"]),
            f"elif {local} is None:",
            f"    {' = '.join([*made, 'None'])}" if made else "    pass",
            "else:",
            "    unusual()",
        ]

    def _fields_of_whole(self, node: Typed, local: str) -> list[str]:
        """Fields that are used beside their whole struct, which is a dictionary with every field."""
        lines = []
        for name, of in node.type.fields if isinstance(node.type, t.Struct) else ():
            field = Field(node, name, of)
            if field in self.fields or field in self.whole:
                made = f"{self._name(field)} = None if {local} is None else {local}[{name!r}]"
                self.general.append(made)
                lines += [made, *self._fields_of_whole(field, self.names[field])]
        return lines


def _getting(target: str, layouts: str, variable: str, count: int) -> list[str]:
    """Take the fields: quickly when there can be no others, else by the order of the keys. See `codecs.layouts`."""
    if count == 1:
        return [f"{target} = {layouts}[tuple({variable})]({variable})"]
    quick = f"{layouts}.quick({variable}) if len({variable}) == {count} else {layouts}[tuple({variable})]({variable})"
    return ["try:", f"    {target} = {quick}", "except KeyError:", f"    {target} = {layouts}.learn({variable})"]


def _strings(names: list[str]) -> list[str]:
    if len(names) >= JOINED:
        return _joined(f"({', '.join(names)})")
    return [f"if type({name}) is not str and {name} is not None: unusual()" for name in names]


def _joined(names: str) -> list[str]:
    """One join is the quickest test that all are strings; with nulls among them the types decide."""
    return ["try:", f"    join({names})", "except TypeError:", f"    TEXTS.issuperset(map(type, {names})) or unusual()"]


def _can_fail(kind: t.Type) -> bool:
    """Whether some JSON value does not fit the type: any text fits a STRING."""
    return kind != t.STRING


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
