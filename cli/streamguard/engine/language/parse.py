"""Text to statements: the grammar of ksqlDB. What is built into the engine is a matter of later stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse_definition import Definitions
from streamguard.engine.language.parse_query import CLAUSE_WORDS
from streamguard.engine.language.parse_type import DEPTH
from streamguard.engine.language.places import Place, meant
from streamguard.engine.language.tokens import END, NAME, PATTERN, refuse_undefined, substitute, tokenize
from streamguard.engine.language.types import Type

SHOWN = ("STREAMS", "TABLES", "TOPICS", "QUERIES", "PROPERTIES", "VARIABLES", "FUNCTIONS", "TYPES", "CONNECTORS")
EXTENDED = ("STREAMS", "TABLES", "TOPICS", "QUERIES")


def parse(
    text: str,
    variables: Mapping[str, str] | None = None,
    types: Mapping[str, Type] | None = None,
    *,
    defined_in: str = "",
) -> list[s.Statement]:
    """Every statement of the text, in order; lines and columns are those of the text.

    `variables` and each DEFINE before a statement replace its ``${name}``; `types` and each CREATE TYPE before it are
    what names of types mean. With `defined_in`, words for a person, a variable that is not defined is refused in a
    string too: there it would stay as it is.

    Raises:
        ParseError: the first place that is not understood.
    """
    known = {name.upper(): value for name, value in (variables or {}).items()}
    named = dict(types or {})
    statements = []
    for start, piece in _pieces(text):
        line = text.count("\n", 0, start)
        column = start - (text.rfind("\n", 0, start) + 1)
        padded = "\n" * line + " " * column + piece
        if defined_in:
            refuse_undefined(padded, known, defined_in)
        padded = substitute(padded, known)
        statement = _parse_one(padded, named)
        if statement is None:
            continue
        statements.append(statement)
        _remember(statement, known, named)
    return statements


def parse_one(
    text: str, variables: Mapping[str, str] | None = None, types: Mapping[str, Type] | None = None
) -> s.Statement:
    """The only statement of the text."""
    statements = parse(text, variables, types)
    if len(statements) != 1:
        reader = Statements(text, tokenize(substitute(text, variables or {})))
        raise reader.refuse(f"expected one statement, found {len(statements)}", reader.token.place)
    return statements[0]


def _pieces(text: str) -> list[tuple[int, str]]:
    """The text cut after each semicolon that is not in a string, name or comment, with the offsets."""
    pieces = []
    start = at = 0
    while at < len(text):
        found = PATTERN.match(text, at)
        if found is not None and found[0] == ";":
            pieces.append((start, text[start : found.end()]))
            start = found.end()
        at = found.end() if found else at + 1
    return [*pieces, (start, text[start:])]


def _parse_one(text: str, types: Mapping[str, Type]) -> s.Statement | None:
    reader = Statements(text, tokenize(text), types)
    if reader.token.kind == END:
        return None
    if reader.accept(";"):
        return None
    first = reader.token.place
    statement = reader.statement()
    last = reader.last
    if not reader.accept(";") and reader.token.kind != END:
        raise reader.unexpected("expected ; or the end of the statement", known=CLAUSE_WORDS)
    _refuse_depth(reader, statement)
    return replace(statement, place=first.to(last), text=text[first.start : last.end])


def _remember(statement: s.Statement, variables: dict[str, str], types: dict[str, Type]) -> None:
    match statement:
        case s.Define(name=name, value=None):
            variables.pop(name.upper(), None)
        case s.Define(name=name, value=str(value)):
            variables[name.upper()] = value
        case s.CreateType() if not (statement.if_not_exists and statement.name in types):
            types[statement.name] = statement.type
        case s.DropType():
            types.pop(statement.name, None)


def _refuse_depth(reader: Statements, statement: s.Statement) -> None:
    """Refuse a tree that later stages could not walk; long chains of one operator are high trees too."""
    waiting: list[tuple[object, int, Place]] = [(statement, 0, statement.place)]
    while waiting:
        node, depth, place = waiting.pop()
        if isinstance(node, s.Node):
            place = node.place
            if depth > DEPTH:  # so that the printed form, with more parentheses, is not deeper than that
                raise reader.refuse(f"this expression is nested more than {DEPTH} deep", place)
            waiting += [(part, depth + 1, place) for part in vars(node).values()]
        elif isinstance(node, tuple):
            waiting += [(part, depth, place) for part in node]


class Statements(Definitions):
    """A reader that knows statements."""

    def statement(self) -> s.Statement:
        """Read one statement, without its semicolon."""
        readers: dict[str, Callable[[], s.Statement]] = {
            "CREATE": self.create,
            "INSERT": self.insert,
            "SELECT": lambda: s.Query(self.select()),
            "SHOW": self._show,
            "LIST": self._show,
            "DESCRIBE": self._describe,
            "EXPLAIN": self._explain,
            "TERMINATE": lambda: s.Terminate(self._query_id()),
            "PAUSE": lambda: s.Pause(self._query_id()),
            "RESUME": lambda: s.Resume(self._query_id()),
            "DROP": self.drop,
            "ALTER": self.alter,
            "ASSERT": self.assertion,
            "SET": self._set,
            "UNSET": self._unset,
            "DEFINE": self._define,
            "UNDEFINE": self._undefine,
            "PRINT": self._print,
            "RUN": self._run,
        }
        word = self.token.value if self.token.kind == NAME else ""
        if word in readers:
            return readers[word]()
        detail = f"Unknown statement '{self.token.text}'"
        close = meant(self.token.value, readers).removeprefix(" (did you mean ").removesuffix("?)")
        detail += f"\nDid you mean '{close}'?" if close and self.token.kind == NAME else ""
        raise self.unexpected("expected a statement", known=readers, detail=detail)

    def _show(self) -> s.Statement:
        self.take()
        everything = self.sees("ALL", "TOPICS") and self.accept("ALL")
        if self.accept("CONNECTOR"):
            self.expect("PLUGINS")
            return s.Show("CONNECTOR PLUGINS")
        for kind in ("SOURCE", "SINK"):
            if self.accept(kind):
                self.expect("CONNECTORS")
                return s.Show(f"{kind} CONNECTORS")
        what = self.one_of(*SHOWN)
        return s.Show(what, what in EXTENDED and self.accept("EXTENDED"), everything)

    def _describe(self) -> s.Statement:
        self.expect("DESCRIBE")
        for kind in ("STREAMS", "TABLES"):
            if self.accept(kind):
                return s.DescribeAll(kind, self.accept("EXTENDED"))
        for kind in ("FUNCTION", "CONNECTOR"):
            if self.sees(kind) and self.ahead().kind != END and self.ahead().text.upper() not in (";", "EXTENDED"):
                self.take()
                return s.DescribeOther(kind, self.name(f"the name of a {kind.lower()}"))
        place = self.token.place
        name = self.name("the name of a stream or table")
        return s.Describe(name, self.accept("EXTENDED"), name_place=place)

    def _explain(self) -> s.Statement:
        self.expect("EXPLAIN")
        if self.sees("SELECT") or self.sees("CREATE") or self.sees("INSERT"):
            start = self.token.place
            inner = self.statement()
            if not isinstance(inner, s.CreateAs | s.InsertInto | s.Query):
                raise self.refuse("EXPLAIN takes a statement with a query, or the id of one", start)
            place = start.to(self.last)
            return s.Explain(statement=replace(inner, place=place, text=self.text[place.start : place.end]))
        return s.Explain(query_id=self.name("a statement or the id of a query"))

    def _query_id(self) -> str | None:
        word = self.take().value
        if word == "TERMINATE" and self.sees("QUERY") and self.ahead().kind != END and self.ahead().text != ";":
            self.take()
        return None if self.accept("ALL") else self.name("the id of a query, or ALL")

    def _set(self) -> s.Statement:
        self.expect("SET")
        name = self.string("the name of a property in quotes")
        self.expect("=")
        return s.SetProperty(name, self.string("a value in quotes"))

    def _unset(self) -> s.Statement:
        self.expect("UNSET")
        return s.SetProperty(self.string("the name of a property in quotes"), None)

    def _define(self) -> s.Statement:
        self.expect("DEFINE")
        name = self.name("the name of a variable")
        self.expect("=")
        return s.Define(name, self.string("a value in quotes"))

    def _undefine(self) -> s.Statement:
        self.expect("UNDEFINE")
        return s.Define(self.name("the name of a variable"), None)

    def _print(self) -> s.Statement:
        self.expect("PRINT")
        topic = self.topic()
        from_beginning = self.accept("FROM", "BEGINNING")
        interval = None
        if self.accept("INTERVAL") or self.accept("SAMPLE"):
            interval = self.integer("INTERVAL")
        limit = self.integer("LIMIT") if self.accept("LIMIT") else None
        return s.PrintTopic(topic, from_beginning, interval, limit)

    def _run(self) -> s.Statement:
        self.expect("RUN", "SCRIPT")
        return s.RunScript(self.string("a path in quotes"))
