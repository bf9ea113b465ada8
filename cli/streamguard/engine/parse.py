"""Text to statements. What ksqlDB has and this engine does not yet is recognised and refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from streamguard.engine import syntax as s
from streamguard.engine.parse_expression import DEPTH, Expressions
from streamguard.engine.places import Place
from streamguard.engine.tokens import DECIMAL, DOUBLE, END, INTEGER, NAME, PATTERN, STRING, substitute, tokenize

SHOWN = ("STREAMS", "TABLES", "TOPICS", "QUERIES", "PROPERTIES", "VARIABLES")
NOT_YET = ("ALTER", "ASSERT", "PAUSE", "PRINT", "RESUME", "RUN")
JOINS = ("CROSS", "FULL", "INNER", "JOIN", "LEFT", "OUTER", "RIGHT")
CLAUSE_WORDS = ("EMIT", "GROUP", "HAVING", "LIMIT", "PARTITION", "WHERE", "WINDOW", "WITHIN", *JOINS)


def parse(text: str, variables: Mapping[str, str] | None = None) -> list[s.Statement]:
    """Every statement of the text, in order; lines and columns are those of the text.

    `variables` and each DEFINE before a statement replace its ``${name}``.

    Raises:
        ParseError: the first place that is not understood.
    """
    known = {name.upper(): value for name, value in (variables or {}).items()}
    statements = []
    for start, piece in _pieces(text):
        line = text.count("\n", 0, start)
        column = start - (text.rfind("\n", 0, start) + 1)
        padded = "\n" * line + " " * column + substitute(piece, known)
        statement = _parse_one(padded)
        if statement is None:
            continue
        statements.append(statement)
        if isinstance(statement, s.Define):
            if statement.value is None:
                known.pop(statement.name, None)
            else:
                known[statement.name] = statement.value
    return statements


def parse_one(text: str, variables: Mapping[str, str] | None = None) -> s.Statement:
    """The only statement of the text."""
    statements = parse(text, variables)
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


def _parse_one(text: str) -> s.Statement | None:
    reader = Statements(text, tokenize(text))
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


def _refuse_depth(reader: Statements, statement: s.Statement) -> None:
    """Refuse a tree that later stages could not walk; long chains of one operator are high trees too."""
    waiting: list[tuple[object, int, Place]] = [(statement, 0, statement.place)]
    while waiting:
        node, depth, place = waiting.pop()
        if isinstance(node, s.Node):
            place = node.place
            if depth > DEPTH + 4:
                raise reader.refuse(f"this expression is nested more than {DEPTH} deep", place)
            waiting += [(part, depth + 1, place) for part in vars(node).values()]
        elif isinstance(node, tuple):
            waiting += [(part, depth, place) for part in node]


class Statements(Expressions):
    """A reader that knows statements."""

    def statement(self) -> s.Statement:
        """Read one statement, without its semicolon."""
        readers: dict[str, Callable[[], s.Statement]] = {
            "CREATE": self._create,
            "INSERT": self._insert,
            "SELECT": lambda: s.Query(self._select()),
            "SHOW": self._show,
            "LIST": self._show,
            "DESCRIBE": self._describe,
            "EXPLAIN": self._explain,
            "TERMINATE": self._terminate,
            "DROP": self._drop,
            "SET": self._set,
            "UNSET": self._unset,
            "DEFINE": self._define,
            "UNDEFINE": self._undefine,
        }
        word = self.token.value if self.token.kind == NAME else ""
        if word in readers:
            return readers[word]()
        if word in NOT_YET:
            raise self.unsupported("RUN SCRIPT" if word == "RUN" else word)
        raise self.unexpected("expected a statement", known=[*readers, *NOT_YET])

    def _create(self) -> s.Statement:
        self.expect("CREATE")
        or_replace = self.accept("OR", "REPLACE")
        if self.sees("SOURCE", "STREAM") or self.sees("SOURCE", "TABLE"):
            raise self.unsupported("CREATE SOURCE STREAM or TABLE")
        for word in ("TABLE", "TYPE", "CONNECTOR", "SOURCE", "SINK"):
            if self.sees(word):
                raise self.unsupported(f"CREATE {word}")
        if not self.accept("STREAM"):
            raise self.unexpected("expected STREAM", known=["STREAM", "TABLE"])
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        name = self.name("the name of the stream")
        columns = self._columns() if self.sees("(") else ()
        properties = self._with()
        if self.accept("AS"):
            if columns:
                raise self.refuse("CREATE STREAM AS SELECT takes its columns from the query", self.last)
            return s.CreateAs("STREAM", name, self._select(), properties, or_replace, if_not_exists)
        return s.CreateSource("STREAM", name, columns, properties, or_replace, if_not_exists)

    def _columns(self) -> tuple[s.Column, ...]:
        self.expect("(")
        columns = []
        while True:
            place = self.token.place
            name = self.name("the name of a column")
            kind = self.type()
            if self.sees("HEADER") or self.sees("HEADERS"):
                raise self.unsupported("a HEADERS column")
            if self.sees("PRIMARY", "KEY"):
                raise self.refuse("a stream has a KEY column; PRIMARY KEY is for tables", self.token.place)
            columns.append(s.Column(name, kind, self.accept("KEY"), place=place.to(self.last)))
            if not self.accept(","):
                self.expect(")")
                return tuple(columns)

    def _with(self) -> tuple[s.Property, ...]:
        if not self.accept("WITH"):
            return ()
        self.expect("(")
        properties: list[s.Property] = []
        while not self.sees(")"):
            place = self.token.place
            name = (
                self.take().value.upper() if self.token.kind == STRING else self.name("the name of a property").upper()
            )
            self.expect("=")
            properties.append(s.Property(name, self._property_value(), place=place.to(self.last)))
            if not self.accept(","):
                break
        self.expect(")")
        return tuple(properties)

    def _property_value(self) -> bool | int | float | str:
        negative = self.accept("-")
        token = self.token
        if token.kind == INTEGER:
            return int(self.take().value) * (-1 if negative else 1)
        if token.kind in (DECIMAL, DOUBLE):
            return float(self.take().value) * (-1 if negative else 1)
        if not negative and token.kind == STRING:
            return self.take().value
        if not negative and (self.sees("TRUE") or self.sees("FALSE")):
            return self.take().value == "TRUE"
        raise self.unexpected("expected a string, a number, TRUE or FALSE")

    def _insert(self) -> s.Statement:
        self.expect("INSERT", "INTO")
        place = self.token.place
        target = self.name("the name of a stream")
        if self.sees("(") or self.sees("VALUES"):
            raise self.unsupported("INSERT INTO … VALUES")
        properties = self._with()
        return s.InsertInto(target, self._select(), properties, target_place=place)

    def _select(self) -> s.Select:
        start = self.token.place
        self.expect("SELECT")
        if self.sees("DISTINCT"):
            raise self.unsupported("SELECT DISTINCT")
        items = [self._item()]
        while self.accept(","):
            items.append(self._item())
        self.expect("FROM")
        place = self.token.place
        source = self.name("the name of a stream")
        alias = None
        if self.accept("AS") or self.token.kind == "quoted" or (self.token.kind == NAME and not self._clause()):
            alias = self.name("an alias")
        self._refuse_clause("WITHIN", *JOINS, ",")
        self._refuse_clause("WINDOW")
        where = self.expression() if self.accept("WHERE") else None
        self._refuse_clause("GROUP")
        partition = self._partition() if self.accept("PARTITION", "BY") else None
        self._refuse_clause("GROUP", "HAVING")
        emit_changes = self._emit()
        limit = self.integer("a number of rows") if self.accept("LIMIT") else None
        return s.Select(
            tuple(items),
            source,
            alias,
            where,
            partition,
            emit_changes,
            limit,
            source_place=place,
            place=start.to(self.last),
        )

    def _clause(self) -> bool:
        return self.token.value in CLAUSE_WORDS

    def _refuse_clause(self, *words: str) -> None:
        for word in words:
            if self.sees(word):
                named = {"GROUP": "GROUP BY", ",": "a second source after FROM"}
                raise self.unsupported("JOIN" if word in (*JOINS, "WITHIN") else named.get(word, word))

    def _item(self) -> s.Item | s.Star:
        start = self.token.place
        if self.accept("*"):
            return s.Star(place=start)
        if self.tokens[min(self.index + 1, len(self.tokens) - 1)].value == ".":
            after = self.tokens[min(self.index + 2, len(self.tokens) - 1)]
            if after.value == "*" and after.kind == "symbol":
                source = self.name("the name of a source")
                self.expect(".", "*")
                return s.Star(source, place=start.to(self.last))
        expression = self.expression()
        alias = self.name("an alias") if self.accept("AS") or self._implicit_alias() else None
        return s.Item(expression, alias, place=start.to(self.last))

    def _implicit_alias(self) -> bool:
        return self.token.kind == "quoted" or (self.token.kind == NAME and not self.sees("FROM"))

    def _partition(self) -> tuple[s.Expression, ...]:
        if self.sees("(", ")"):
            raise self.refuse("PARTITION BY requires at least one expression", self.token.place)
        keys = [self.expression()]
        while self.accept(","):
            keys.append(self.expression())
        return tuple(keys)

    def _emit(self) -> bool:
        if not self.accept("EMIT"):
            return False
        if self.sees("FINAL"):
            raise self.unsupported("EMIT FINAL")
        self.expect("CHANGES")
        return True

    def _show(self) -> s.Statement:
        self.take()
        everything = self.accept("ALL")
        what = self.token.value
        if self.token.kind != NAME or what not in SHOWN:
            if what in ("FUNCTIONS", "TYPES", "CONNECTORS", "CONNECTOR"):
                raise self.unsupported(f"SHOW {what}")
            raise self.unexpected(f"expected one of {', '.join(SHOWN)}", known=SHOWN)
        self.take()
        return s.Show(what, self.accept("EXTENDED"), everything)

    def _describe(self) -> s.Statement:
        self.expect("DESCRIBE")
        if self.sees("FUNCTION") or self.sees("CONNECTOR"):
            following = self.tokens[min(self.index + 1, len(self.tokens) - 1)]
            if following.kind != END and following.value not in (";", "EXTENDED"):
                raise self.unsupported(f"DESCRIBE {self.token.value}")
        place = self.token.place
        name = self.name("the name of a stream or table")
        return s.Describe(name, self.accept("EXTENDED"), name_place=place)

    def _explain(self) -> s.Statement:
        self.expect("EXPLAIN")
        if self.sees("ANALYZE"):
            raise self.unsupported("EXPLAIN ANALYZE")
        if self.sees("SELECT") or self.sees("CREATE") or self.sees("INSERT"):
            start = self.token.place
            inner = self.statement()
            if not isinstance(inner, s.CreateAs | s.InsertInto | s.Query):
                raise self.refuse("EXPLAIN takes a statement with a query, or the id of one", start)
            place = start.to(self.last)
            return s.Explain(statement=replace(inner, place=place, text=self.text[place.start : place.end]))
        return s.Explain(query_id=self.name("a statement or the id of a query"))

    def _terminate(self) -> s.Statement:
        self.expect("TERMINATE")
        self.accept("QUERY")
        if self.accept("ALL"):
            return s.Terminate(None)
        return s.Terminate(self.name("the id of a query, or ALL"))

    def _drop(self) -> s.Statement:
        self.expect("DROP")
        for word in ("TYPE", "CONNECTOR"):
            if self.sees(word):
                raise self.unsupported(f"DROP {word}")
        if not (self.sees("STREAM") or self.sees("TABLE")):
            raise self.unexpected("expected STREAM or TABLE", known=["STREAM", "TABLE"])
        kind = self.take().value
        if_exists = self.accept("IF", "EXISTS")
        place = self.token.place
        name = self.name(f"the name of a {kind.lower()}")
        return s.Drop(kind, name, if_exists, self.accept("DELETE", "TOPIC"), name_place=place)

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
