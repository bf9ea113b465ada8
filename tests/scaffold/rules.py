"""Answers of any kind: fields with names that SQL and YAML have meanings for, and rules about them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from streamguard.scaffold.answers import SINKS, Answers, Field

NAMES = [
    "amount",
    "account",
    "order",
    "select",
    "from",
    "where",
    "group",
    "table",
    "stream",
    "values",
    "value",
    "key",
    "timestamp",
    "time",
    "date",
    "on",
    "off",
    "yes",
    "no",
    "null",
    "true",
    "end",
    "case",
    "when",
    "not",
    "like",
    "in",
    "is",
    "between",
    "limit",
    "emit",
    "changes",
    "array",
    "map",
    "struct",
    "partition",
    "escape",
    "window",
    "sender",
    "kind",
    "record_key",
    "RECORD_KEY_",
    "index",
    "run",
    "source",
    "target",
    "topic",
    "Amount2",
    "n",
    "y",
    "N0",
    "with",
    "as",
    "and",
    "exists",
    "create",
    "interval",
]
TYPES = ("STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN")
TEXTS = st.one_of(
    st.sampled_from(["US", "x", "yes", "2026-01-31", "1", "", " ", "it's", "a: b", "{index}", "#", "€", "null"]),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="$"), max_size=6),
)
WHOLE = st.one_of(st.integers(-5, 1000), st.integers(-(2**31), 2**31 - 1))
DECIMAL = st.decimals(-100_000, 100_000, places=2, allow_nan=False, allow_infinity=False)


def columns() -> SearchStrategy[tuple[Field, ...]]:
    names = st.one_of(st.sampled_from(NAMES), st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}", fullmatch=True))
    fields = st.builds(Field, names, st.sampled_from(TYPES))
    return st.lists(fields, min_size=1, max_size=5, unique_by=lambda field: field.written).map(tuple)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def comparison(draw: st.DrawFn, fields: tuple[Field, ...]) -> str:
    field = draw(st.sampled_from(fields))
    column = field.column
    if draw(st.integers(0, 9)) == 0:
        return f"{column} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if field.type == "BOOLEAN":
        return draw(st.sampled_from([column, f"NOT {column}", f"{column} = TRUE"]))
    if field.type == "STRING":
        texts = [quoted(text) for text in draw(st.lists(TEXTS, min_size=2, max_size=2))]
        like = draw(st.sampled_from(["'A%'", "'%z'", "'_b'"]))
        choices = [f"{column} = {texts[0]}", f"{column} <> {texts[0]}", f"{column} IN ({', '.join(texts)})"]
        return draw(
            st.sampled_from([*choices, f"{column} LIKE {like}", f"UCASE({column}) = 'US'", f"LEN({column}) > 3"])
        )
    number = draw(st.one_of(WHOLE, DECIMAL) if field.type == "DOUBLE" else WHOLE)
    operator = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
    between = f"{column} BETWEEN {number} AND {number + 10}"
    return draw(st.sampled_from([f"{column} {operator} {number}", between, f"{column} * 2 {operator} {number}"]))


@st.composite
def answers(draw: st.DrawFn, pipeline: str) -> Answers:
    """Those of somebody who knows what is possible."""
    fields = draw(columns())
    rule = draw(comparison(fields))
    for joined in draw(st.lists(st.sampled_from(["AND", "OR", "AND NOT"]), max_size=2)):
        rule = f"({rule}) {joined} ({draw(comparison(fields))})"
    sinks = tuple(draw(st.lists(st.sampled_from(SINKS), unique=True)))
    topic = draw(st.sampled_from(["on", "null", "1e5", "shop.refunds", "a-b_c"]))
    return Answers(pipeline, f"{topic}-{pipeline}", fields, rule, sinks)
