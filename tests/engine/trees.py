"""Random syntax trees for hypothesis, such as the parser can make."""

from __future__ import annotations

from hypothesis import strategies as st

from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t

NAMES = st.sampled_from(
    ["A", "AMOUNT", "lower", "SELECT", "END", "WITH SPACE", "back`tick", "_X", "A@B", "EMIT", "1R"]
) | st.text(min_size=1, max_size=6)
PARAMETERS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)
PLAIN_NAMES = st.sampled_from(["A", "B_1", "FORMAT_TIMESTAMP", "LEN"])
TEXTS = st.text(max_size=8) | st.sampled_from(["it's", "''", "--no comment", "${", "a\nb", "日本", "/*"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
LITERALS = st.builds(
    s.Literal, st.none() | st.booleans() | WHOLE | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
)
DECIMALS = st.builds(s.DecimalLiteral, st.from_regex(r"-?[0-9]{1,5}\.[0-9]{1,3}", fullmatch=True))
SCALARS = st.sampled_from([t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES, t.DATE, t.TIME, t.TIMESTAMP])


def _types(inner: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    fields = st.lists(st.tuples(NAMES, inner), max_size=3, unique_by=lambda field: field[0]).map(tuple)
    return st.builds(t.Array, inner) | st.builds(t.Map, inner, inner) | st.builds(t.Struct, fields)


TYPES: st.SearchStrategy[t.Type] = st.recursive(SCALARS | st.just(t.Decimal(5, 2)), _types, max_leaves=4)


def _sign_of_other(operator: str, operand: s.Expression) -> s.Expression:
    """A minus in front of a plain number is a part of the number."""
    number = isinstance(operand, s.DecimalLiteral) or (
        isinstance(operand, s.Literal)
        and isinstance(operand.value, int | float)
        and not isinstance(operand.value, bool)
    )
    return s.Unary("NOT" if number else operator, operand)


def _expressions(inner: st.SearchStrategy[s.Expression]) -> st.SearchStrategy[s.Expression]:
    operators = st.sampled_from(["OR", "AND", "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"])
    branches = st.lists(st.tuples(inner, inner), min_size=1, max_size=2).map(tuple)
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(s.FieldOf, inner, NAMES),
        st.builds(_sign_of_other, st.sampled_from(["-", "+", "NOT"]), inner),
        st.builds(s.Binary, operators, inner, inner),
        st.builds(s.IsNull, inner, st.booleans()),
        st.builds(s.IsDistinct, inner, inner, st.booleans()),
        st.builds(s.Between, inner, inner, inner, st.booleans()),
        st.builds(s.In, inner, several, st.booleans()),
        st.builds(s.Like, inner, inner, st.none() | TEXTS, st.booleans()),
        st.builds(s.Case, st.none() | inner, branches, st.none() | inner),
        st.builds(s.Cast, inner, TYPES),
        st.builds(s.Call, PLAIN_NAMES, several),
        st.builds(s.Call, st.just("COUNT"), st.just(())),
        st.builds(s.Call, PLAIN_NAMES, st.tuples(inner, st.builds(s.Lambda, PARAMETERS, inner))),
        st.builds(s.Subscript, inner, inner),
        st.builds(s.ArrayOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(s.MapOf, st.lists(st.tuples(inner, inner), max_size=2).map(tuple)),
        st.builds(s.StructOf, st.dictionaries(NAMES, inner, max_size=2).map(lambda fields: tuple(fields.items()))),
        st.builds(s.AtTimeZone, inner, TEXTS),
    )


EXPRESSIONS: st.SearchStrategy[s.Expression] = st.recursive(
    LITERALS | DECIMALS | st.builds(s.Name, NAMES, st.none() | NAMES), _expressions, max_leaves=12
)
ITEMS = (
    st.builds(s.Item, EXPRESSIONS, st.none() | NAMES)
    | st.builds(s.Star, st.none() | NAMES)
    | st.builds(s.StructStar, EXPRESSIONS)
)
TIMES = st.integers(0, 10**10) | st.sampled_from([1000, 60_000, 86_400_000])
WINDOWS = st.one_of(
    st.builds(
        s.Window, st.sampled_from(["TUMBLING", "SESSION"]), TIMES, st.none(), st.none() | TIMES, st.none() | TIMES
    ),
    st.builds(s.Window, st.just("HOPPING"), TIMES, TIMES, st.none() | TIMES, st.none() | TIMES),
)
JOINS = st.builds(
    s.Join,
    st.sampled_from(["INNER", "LEFT", "RIGHT", "OUTER"]),
    NAMES,
    st.none() | NAMES,
    EXPRESSIONS,
    st.none() | st.builds(s.Within, TIMES, TIMES, st.none() | TIMES),
)
KEYS = st.none() | st.lists(EXPRESSIONS, max_size=2).map(tuple)
EMITTED = st.sampled_from([(True, False), (False, True), (False, False)])


@st.composite
def _selects(draw: st.DrawFn) -> s.Select:
    emit_changes, final = draw(EMITTED)
    return s.Select(
        draw(st.lists(ITEMS, min_size=1, max_size=3).map(tuple)),
        draw(NAMES),
        draw(st.none() | NAMES),
        where=draw(st.none() | EXPRESSIONS),
        partition=draw(KEYS),
        emit_changes=emit_changes,
        limit=draw(st.none() | st.integers(-5, 10**6)),
        group=draw(KEYS),
        window=draw(st.none() | WINDOWS),
        having=draw(st.none() | EXPRESSIONS),
        joins=draw(st.lists(JOINS, max_size=2).map(tuple)),
        final=final,
    )


SELECTS = _selects()
PROPERTY = st.builds(
    s.Property,
    st.sampled_from(["KAFKA_TOPIC", "SELECT", "x y"]).map(str.upper),
    TEXTS | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False),
)
PROPERTIES = st.lists(PROPERTY, max_size=2).map(tuple)
PLAIN_COLUMNS = st.lists(st.builds(s.Column, NAMES, TYPES), min_size=1, max_size=3).map(tuple)
HEADERS = st.builds(s.Column, NAMES, TYPES, header=st.sampled_from(["", "h", "it's"]))
KINDS = st.sampled_from(["STREAM", "TABLE"])
TOPICS = TEXTS.map(lambda text: text or "t")


@st.composite
def _sources(draw: st.DrawFn) -> s.CreateSource:
    kind = draw(KINDS)
    key = st.builds(s.Column, NAMES, TYPES, st.just(True), st.just(kind == "TABLE"))
    columns = draw(st.lists(st.builds(s.Column, NAMES, TYPES) | key | HEADERS, max_size=3).map(tuple))
    return s.CreateSource(
        kind, draw(NAMES), columns, draw(PROPERTIES), draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    )


VALUES = st.lists(EXPRESSIONS, max_size=3).map(tuple)
STATEMENTS: st.SearchStrategy[s.Statement] = st.one_of(
    _sources(),
    st.builds(s.CreateAs, KINDS, NAMES, SELECTS, PROPERTIES, st.booleans(), st.booleans()),
    st.builds(s.InsertValues, NAMES, st.none() | st.lists(NAMES, min_size=1, max_size=2).map(tuple), VALUES),
    st.builds(s.CreateType, NAMES, TYPES, st.booleans()),
    st.builds(s.DropType, NAMES, st.booleans()),
    st.builds(s.CreateConnector, st.sampled_from(["SOURCE", "SINK"]), NAMES, st.tuples(PROPERTY), st.booleans()),
    st.builds(s.DropConnector, NAMES, st.booleans()),
    st.builds(s.Alter, KINDS, NAMES, PLAIN_COLUMNS),
    st.builds(s.AlterSystem, TEXTS, TEXTS),
    st.builds(s.AssertTopic, TOPICS, PROPERTIES, st.booleans(), st.none() | TIMES),
    st.builds(s.AssertSchema, TOPICS, st.none() | st.integers(0, 100), st.booleans(), st.none() | TIMES),
    st.builds(s.RunScript, TEXTS),
    st.builds(s.PrintTopic, TOPICS, st.booleans(), st.none() | st.integers(1, 9), st.none() | st.integers(1, 9)),
    st.builds(s.Pause, st.none() | NAMES),
    st.builds(s.Resume, st.none() | NAMES),
    st.builds(s.DescribeAll, st.sampled_from(["STREAMS", "TABLES"]), st.booleans()),
    st.builds(s.DescribeOther, st.sampled_from(["FUNCTION", "CONNECTOR"]), NAMES),
    st.builds(s.InsertInto, NAMES, SELECTS, PROPERTIES),
    st.builds(s.Query, SELECTS),
    st.builds(s.Explain, st.builds(s.Query, SELECTS)),
    st.builds(s.Explain, st.none(), st.sampled_from(["CSAS_A_1", "x"])),
    st.builds(s.Show, st.sampled_from(["STREAMS", "TABLES", "TOPICS", "QUERIES"]), st.booleans()),
    st.builds(s.Describe, NAMES | st.sampled_from(["FUNCTION", "STREAMS"]), st.booleans()),
    st.builds(s.Terminate, st.none() | NAMES),
    st.builds(s.Drop, st.sampled_from(["STREAM", "TABLE"]), NAMES, st.booleans(), st.booleans()),
    st.builds(s.SetProperty, TEXTS, st.none() | TEXTS),
    st.builds(s.Define, NAMES, st.none() | TEXTS),
)
