"""SELECT … FROM … JOIN … WINDOW … WHERE … GROUP BY … PARTITION BY … HAVING … EMIT … LIMIT …"""

from __future__ import annotations

from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse_expression import Expressions
from streamguard.engine.language.places import Place
from streamguard.engine.language.tokens import END, INTEGER, NAME, QUOTED

JOINS = ("FULL", "INNER", "JOIN", "LEFT", "OUTER", "RIGHT")
CLAUSES = ("WINDOW", "WHERE", "GROUP", "PARTITION", "HAVING", "EMIT", "LIMIT")
CLAUSE_WORDS = (*CLAUSES, "WITHIN", "ON", "CROSS", *JOINS)
OPENING, CLOSING = ("(", "["), (")", "]")
WINDOWS = ("TUMBLING", "HOPPING", "SESSION")
UNITS = {"MILLISECOND": 1, "SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
LONGEST_TIME = 2**63 - 1  # milliseconds


class Queries(Expressions):
    """A reader that knows queries."""

    def select(self) -> s.Select:
        """Read a query."""
        start = self.token.place
        self.expect("SELECT")
        items = [self._item()]
        while self.accept(","):
            items.append(self._item())
        self.expect("FROM")
        source, alias, place = self._source()
        joins: list[s.Join] = []
        while self.token.kind == NAME and self.token.value in JOINS:
            joins.append(self._join())
        window = self._window() if self.accept("WINDOW") else None
        where = self.expression() if self.accept("WHERE") else None
        group = self._keys() if self.accept("GROUP", "BY") else None
        partition = self._keys() if self.accept("PARTITION", "BY") else None
        having = self.expression() if self.accept("HAVING") else None
        emit = self.one_of("CHANGES", "FINAL") if self.accept("EMIT") else ""
        limit = self.integer("LIMIT") if self.accept("LIMIT") else None
        return s.Select(
            tuple(items),
            source,
            alias,
            where,
            partition,
            emit == "CHANGES",
            limit,
            group,
            window,
            having,
            tuple(joins),
            emit == "FINAL",
            source_place=place,
            place=start.to(self.last),
        )

    def _item(self) -> s.Item | s.Star | s.StructStar:
        start = self.token.place
        if self.accept("*"):
            return s.Star(place=start)
        if self.ahead().text == "." and self.ahead(2).text == "*":
            source = self.name("the name of a source")
            self.expect(".", "*")
            return s.Star(source, place=start.to(self.last))
        begin = self.index
        expression = self.expression()
        if self.sees("->", "*"):
            return self._struct_star(begin, start)
        alias = self.name("an alias") if self.accept("AS") or self._sees_alias() else None
        return s.Item(expression, alias, place=start.to(self.last))

    def _struct_star(self, begin: int, start: Place) -> s.StructStar:
        """Read the expression again: ``a + b->*`` is none."""
        end, self.index = self.index, begin
        struct = self.primary()
        if self.index != end:
            raise self.unexpected("expected ->*")
        self.expect("->", "*")
        return s.StructStar(struct, place=start.to(self.last))

    def _sees_alias(self) -> bool:
        return self.token.kind == QUOTED or (self.token.kind == NAME and not self.sees("FROM"))

    def _source(self) -> tuple[str, str | None, Place]:
        place = self.token.place
        name = self.name("the name of a stream or table")
        if self.sees("("):
            raise self.unexpected(f"{name} can not be called here: a source is the name of a stream or table")
        plain = self.token.kind == NAME and self.token.value not in CLAUSE_WORDS
        if self.accept("AS") or self.token.kind == QUOTED or plain:
            return name, self.name("an alias"), place
        return name, None, place

    def _join(self) -> s.Join:
        start = self.token.place
        kind = "INNER"
        if not self.sees("JOIN"):
            kind = self.one_of("INNER", "LEFT", "RIGHT", "FULL").replace("FULL", "OUTER")
            if kind != "INNER":
                self.accept("OUTER")
        self.expect("JOIN")
        source, alias, place = self._source()
        within = self._within() if self.accept("WITHIN") else None
        self.expect("ON")
        condition = self.expression()
        return s.Join(kind, source, alias, condition, within, source_place=place, place=start.to(self.last))

    def _within(self) -> s.Within:
        start = self.last
        if self.accept("("):
            before = self.duration("WITHIN")
            self.expect(",")
            after = self.duration("WITHIN")
            self.expect(")")
        else:
            before = after = self.duration("WITHIN")
        grace = self.duration("GRACE PERIOD") if self.accept("GRACE", "PERIOD") else None
        return s.Within(before, after, grace, place=start.to(self.last))

    def _window(self) -> s.Window:
        if self.token.kind == NAME and self.ahead().value in WINDOWS and self.ahead(2).text == "(":
            self.name("the name of a window")
        start = self.token.place
        kind = self.one_of(*WINDOWS)
        self.expect("(")
        if kind != "SESSION":
            self.expect("SIZE")
        size = self.duration(kind)
        advance = retention = grace = None
        if kind == "HOPPING":
            self.expect(",", "ADVANCE", "BY")
            advance = self.duration("ADVANCE BY")
        if self.accept(",", "RETENTION"):
            retention = self.duration("RETENTION")
        if self.accept(",", "GRACE", "PERIOD"):
            grace = self.duration("GRACE PERIOD")
        if self.sees(","):
            self.take()
            raise self.unexpected("expected RETENTION, then GRACE PERIOD", known=["RETENTION", "GRACE", "ADVANCE"])
        self.expect(")")
        return s.Window(kind, size, advance, retention, grace, place=start.to(self.last))

    def duration(self, clause: str) -> int:
        """Read ``5 MINUTES``, in milliseconds."""
        start = self.token.place
        large = self.token.kind == INTEGER  # larger than what `integer` takes
        number = int(self.take().value) if large else self.integer(clause)
        token = self.token
        unit = token.value.removesuffix("S") if token.kind == NAME else ""
        if unit not in UNITS or token.value not in (unit, f"{unit}S"):
            raise self.unexpected("expected a unit of time", known=[f"{unit}S" for unit in UNITS])
        self.take()
        if not 0 <= number * UNITS[unit] <= LONGEST_TIME:
            raise self.refuse(f"{clause} can not be {number} {token.value}", start.to(self.last))
        return number * UNITS[unit]

    def _keys(self) -> tuple[s.Expression, ...]:
        """What is after GROUP BY and PARTITION BY: values, all in one pair of parentheses or not."""
        if self._sees_list():
            self.expect("(")
            made: list[s.Expression] = []
            while not self.accept(")"):
                made.append(self.value())
                if self.ends_list():
                    break
            return tuple(made)
        keys = [self.value()]
        while self.accept(","):
            keys.append(self.value())
        return tuple(keys)

    def _sees_list(self) -> bool:
        """Whether parentheses with several values, or none, begin here and go on to the end of the clause."""
        if not self.sees("("):
            return False
        depth, several = 0, self.sees("(", ")")
        for offset in range(len(self.tokens) - self.index):
            text = self.ahead(offset).text
            depth += (text in OPENING) - (text in CLOSING)
            several = several or (depth == 1 and text == ",")
            if depth == 0:
                after = self.ahead(offset + 1)
                return several and (after.kind == END or after.text == ";" or after.value in CLAUSES)
        return False
