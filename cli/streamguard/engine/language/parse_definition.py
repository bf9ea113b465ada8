"""Statements that make, change, insert into, assert and drop sources, types and connectors."""

from __future__ import annotations

from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse_query import Queries
from streamguard.engine.language.tokens import DECIMAL, DOUBLE, INTEGER, NAME, QUOTED, STRING

KINDS = ("STREAM", "TABLE")


class Definitions(Queries):
    """A reader that knows statements which define something."""

    def create(self) -> s.Statement:
        """Read a CREATE statement."""
        self.expect("CREATE")
        if self.accept("TYPE"):
            return self._create_type()
        if self.sees("SINK", "CONNECTOR") or self.sees("SOURCE", "CONNECTOR"):
            return self._create_connector()
        or_replace = self.accept("OR", "REPLACE")
        is_source = self.accept("SOURCE")
        known = KINDS if or_replace or is_source else (*KINDS, "TYPE", "SOURCE", "SINK", "OR")
        if not (self.sees("STREAM") or self.sees("TABLE")):
            raise self.unexpected("expected STREAM or TABLE", known=known)
        kind = self.take().value
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        name = self.name(f"the name of the {kind.lower()}")
        columns = self.columns(kind) if self.sees("(") else ()
        properties = self.properties() if self.accept("WITH") else ()
        if not is_source and not columns and self.accept("AS"):
            if not self.sees("SELECT"):
                raise self.unexpected("expected SELECT", known=["SELECT"])
            return s.CreateAs(kind, name, self.select(), properties, or_replace, if_not_exists)
        if self.sees("AS", "SELECT"):
            raise self.unexpected("a SOURCE has no query" if is_source else "columns come from the query after AS")
        return s.CreateSource(kind, name, columns, properties, or_replace, if_not_exists, is_source)

    def columns(self, kind: str) -> tuple[s.Column, ...]:
        """Read declared columns in parentheses; `kind` says which sort of key they may have."""
        self.expect("(")
        columns = []
        while True:
            columns.append(self._column(kind))
            if self.ends_list():
                return tuple(columns)

    def _column(self, kind: str) -> s.Column:
        place = self.token.place
        name = self.name("the name of a column")
        of = self.type()
        is_primary = self.accept("PRIMARY")
        if is_primary:
            self.expect("KEY")
        if is_primary or self.accept("KEY"):
            if is_primary != (kind == "TABLE"):
                wrong, right = ("KEY", "PRIMARY KEY") if kind == "TABLE" else ("PRIMARY KEY", "KEY")
                reason = f"Column `{name}` is a '{wrong}' column: please use '{right}' for {kind.lower()}s."
                raise self.invalid(reason, place, f"Line: {place.line}, Col: {place.column}: {reason}")
            return s.Column(name, of, True, is_primary, place=place.to(self.last))
        if self.accept("HEADERS"):
            return s.Column(name, of, header="", place=place.to(self.last))
        if self.accept("HEADER"):
            self.expect("(")
            header = self.string("the key of a header in quotes")
            self.expect(")")
            if not header:
                raise self.refuse("HEADER('') names no header: write HEADERS for all of them", place)
            return s.Column(name, of, header=header, place=place.to(self.last))
        return s.Column(name, of, place=place.to(self.last))

    def properties(self, *, kept: bool = False) -> tuple[s.Property, ...]:
        """Read what is after WITH; names become upper case unless they are to be `kept` where quoted."""
        self.expect("(")
        properties: list[s.Property] = []
        while not self.accept(")"):
            if properties:
                self.expect(",")
            place = self.token.place
            quoted = self.token.kind in (STRING, QUOTED)
            plain = self.token.kind == STRING and self.token.value
            name = self.take().value if plain else self.name("the name of a property")
            self.expect("=")
            value = self._property_value()
            properties.append(s.Property(name if kept and quoted else name.upper(), value, place=place.to(self.last)))
            if not self.sees(",") and not self.sees(")"):
                self.expect(")")
        return tuple(properties)

    def _property_value(self) -> bool | int | float | str:
        negative = self.accept("-")
        token = self.token
        if token.kind == INTEGER:
            return int(self.take().value) * (-1 if negative else 1)
        if token.kind in (DECIMAL, DOUBLE):
            return self.double(self.take().value, token.place) * (-1 if negative else 1)
        if not negative and token.kind == STRING:
            return self.take().value
        if not negative and (self.sees("TRUE") or self.sees("FALSE")):
            return self.take().value == "TRUE"
        raise self.unexpected("expected a string, a number, TRUE or FALSE")

    def _create_type(self) -> s.Statement:
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        name = self.name("the name of the type")
        self.expect("AS")
        return s.CreateType(name, self.type(), if_not_exists)

    def _create_connector(self) -> s.Statement:
        kind = self.take().value
        self.expect("CONNECTOR")
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        name = self.name("the name of the connector")
        self.expect("WITH")
        return s.CreateConnector(kind, name, self.properties(kept=True), if_not_exists)

    def insert(self) -> s.Statement:
        """Read an INSERT statement."""
        self.expect("INSERT", "INTO")
        place = self.token.place
        target = self.name("the name of a stream or table")
        columns = self._names() if self.sees("(") else None
        if columns is not None or self.sees("VALUES"):
            self.expect("VALUES")
            return s.InsertValues(target, columns, self._values(), target_place=place)
        properties = self.properties() if self.accept("WITH") else ()
        if not self.sees("SELECT"):
            raise self.unexpected("expected VALUES or SELECT", known=["VALUES", "SELECT", "WITH"])
        return s.InsertInto(target, self.select(), properties, target_place=place)

    def _names(self) -> tuple[str, ...]:
        self.expect("(")
        names = []
        while True:
            names.append(self.name("the name of a column"))
            if self.ends_list():
                return tuple(names)

    def _values(self) -> tuple[s.Expression, ...]:
        self.expect("(")
        values: list[s.Expression] = []
        while not self.accept(")"):
            if values:
                self.expect(",")
            values.append(self.value())
            if not self.sees(",") and not self.sees(")"):
                self.expect(")")
        return tuple(values)

    def drop(self) -> s.Statement:
        """Read a DROP statement."""
        self.expect("DROP")
        kind = self.one_of(*KINDS, "TYPE", "CONNECTOR")
        if_exists = self.accept("IF", "EXISTS")
        place = self.token.place
        name = self.name(f"the name of a {kind.lower()}")
        if kind == "TYPE":
            return s.DropType(name, if_exists)
        if kind == "CONNECTOR":
            return s.DropConnector(name, if_exists)
        return s.Drop(kind, name, if_exists, self.accept("DELETE", "TOPIC"), name_place=place)

    def alter(self) -> s.Statement:
        """Read an ALTER statement."""
        self.expect("ALTER")
        kind = self.one_of(*KINDS, "SYSTEM")
        if kind == "SYSTEM":
            name = self.string("the name of a property in quotes")
            self.expect("=")
            return s.AlterSystem(name, self.string("a value in quotes"))
        place = self.token.place
        name = self.name(f"the name of a {kind.lower()}")
        columns = [self._added()]
        while self.accept(","):
            columns.append(self._added())
        return s.Alter(kind, name, tuple(columns), name_place=place)

    def _added(self) -> s.Column:
        self.expect("ADD")
        if self.token.kind == NAME and self.sees("COLUMN") and self.ahead().kind in (NAME, QUOTED):
            after = self.ahead(2)  # a column may be called COLUMN: ADD COLUMN INT
            if after.kind in (NAME, QUOTED) or after.text in ("<", "<>", "("):
                self.take()
        place = self.token.place
        name = self.name("the name of a column")
        return s.Column(name, self.type(), place=place.to(self.last))

    def assertion(self) -> s.Statement:
        """Read an ASSERT statement; those about records and sources are for ksqlDB's own test tool."""
        self.expect("ASSERT")
        exists = not self.accept("NOT", "EXISTS")
        if not (self.sees("TOPIC") or self.sees("SCHEMA")):
            raise self.unexpected("expected TOPIC or SCHEMA", known=["TOPIC", "SCHEMA"])
        if self.take().value == "TOPIC":
            topic = self.topic()
            properties = self.properties() if self.accept("WITH") else ()
            return s.AssertTopic(topic, properties, exists, self._timeout())
        subject = self.topic() if self.accept("SUBJECT") else None
        number = self.integer("ID") if self.accept("ID") else None
        if subject is None and number is None:
            raise self.unexpected("expected SUBJECT or ID", known=["SUBJECT", "ID"])
        return s.AssertSchema(subject, number, exists, self._timeout())

    def topic(self) -> str:
        """Read the name of a topic or subject: its case stays, with quotes or without."""
        token = self.token
        if token.kind == STRING and token.value:
            return self.take().value
        self.name("a name, or a string")
        return token.value if token.kind == QUOTED else token.text

    def _timeout(self) -> int | None:
        return self.duration("TIMEOUT") if self.accept("TIMEOUT") else None
