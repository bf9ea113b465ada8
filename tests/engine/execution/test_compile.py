"""Plans to Python functions: the same values as the plain meaning, one decoding a record, one function a source."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamguard.engine.analysis.grouping import Output
from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.plan import QueryPlan, plan
from streamguard.engine.analysis.typed import Constant, Operation, Read, Typed
from streamguard.engine.codecs.json import shown
from streamguard.engine.execution.compile import compile_source
from streamguard.engine.execution.emit import FAILURES
from streamguard.engine.execution.topology import Record
from streamguard.engine.language import types as t
from streamguard.engine.language.parse import parse_one
from streamguard.kafka.partitioner import placing
from tests.engine import naive
from tests.engine.records import Written, applied, run

COLUMNS = {"S": t.STRING, "U": t.STRING, "I": t.INTEGER, "J": t.INTEGER, "B": t.BIGINT, "D": t.DOUBLE, "T": t.BOOLEAN}
SOURCE = Source("I", "i", (), tuple(Column(name, kind) for name, kind in COLUMNS.items()))
VALUES: dict[t.Type, st.SearchStrategy[Any]] = {
    t.STRING: st.sampled_from(["", "a", "ab", "1", " -7 ", "1.5", "true", "ä%"]),
    t.INTEGER: st.sampled_from([0, 1, -1, 7, 2**31 - 1, -(2**31)]),
    t.BIGINT: st.sampled_from([0, 1, -3, 2**63 - 1, -(2**63)]),
    t.DOUBLE: st.sampled_from([0.0, 1.5, -2.25, 1e7, 1e-4, 1e300]),
    t.BOOLEAN: st.booleans(),
}
ROWS = st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in COLUMNS.items()})


def leaves(kind: t.Type) -> st.SearchStrategy[Typed]:
    reads = [Read(name, other, is_key=False) for name, other in COLUMNS.items() if other == kind]
    constants = st.builds(Constant, st.none() | VALUES[kind], st.just(kind))
    return st.sampled_from(reads) | constants


@st.composite
def expressions(draw: st.DrawFn, kind: t.Type, depth: int = 3) -> Typed:
    """An expression of that type, such as the analysis makes."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(leaves(kind))

    def of(other: t.Type) -> Typed:
        return draw(expressions(other, depth - 1))

    def operation(name: str, *arguments: Typed, detail: str = "") -> Typed:
        return Operation(name, arguments, kind, detail)

    common = draw(st.sampled_from(["case", "as value", "cast", "own"]))
    if common == "case":
        return operation("case", of(t.BOOLEAN), of(kind), of(t.BOOLEAN), of(kind), of(kind))
    if common == "as value":
        return operation("as value", of(kind))
    if common == "cast" and kind != t.BOOLEAN:
        other = draw(st.sampled_from([each for each in VALUES if each not in (kind, t.BOOLEAN)]))
        return operation("cast", of(other))
    if kind == t.STRING:
        return operation("concat", of(t.STRING), of(t.STRING))
    if kind != t.BOOLEAN:
        if draw(st.booleans()):
            return operation("negate", of(kind))
        return operation("arithmetic", of(kind), of(kind), detail=draw(st.sampled_from("+-*/%")))
    return condition(draw, of, operation)


def condition(draw: st.DrawFn, of: Callable[[t.Type], Typed], operation: Callable[..., Typed]) -> Typed:
    """A BOOLEAN operation."""
    other = draw(st.sampled_from(list(VALUES)))
    match draw(st.sampled_from(["compare", "logic", "not", "is null", "distinct", "in", "like"])):
        case "compare":
            return operation(
                "compare", of(other), of(other), detail=draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
            )
        case "logic":
            return operation("logic", of(t.BOOLEAN), of(t.BOOLEAN), detail=draw(st.sampled_from(["AND", "OR"])))
        case "not":
            return operation("not", of(t.BOOLEAN))
        case "is null":
            return operation("is null", of(other), detail=draw(st.sampled_from(["", "NOT"])))
        case "distinct":
            return operation("distinct", of(other), of(other), detail=draw(st.sampled_from(["", "NOT"])))
        case "in":
            return operation("in", of(other), of(other), of(other))
    return operation("like", of(t.STRING), of(t.STRING))


def meant(node: Typed, row: dict[str, Any]) -> Any:
    try:
        return naive.value(node, row)
    except FAILURES:
        return None


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(data=st.data(), kind=st.sampled_from(list(VALUES)), row=ROWS)
def test_a_compiled_expression_has_the_plain_meaning(data: st.DataObject, kind: t.Type, row: dict[str, Any]) -> None:
    column = data.draw(expressions(kind))
    where = data.draw(st.none() | expressions(t.BOOLEAN))
    plan = QueryPlan(SOURCE, where, (), (Output("X", column), Output("AGAIN", column)), None)
    rows: list[list[Any]] = []
    compile_source({"Q": plan})([Record(orjson.dumps(row))], rows.append, lambda *_: None)
    expected = [] if where is not None and not meant(where, row) else [meant(column, row)]
    assert [orjson.dumps(each) for each in rows] == [orjson.dumps([shown(each)] * 2) for each in expected]


ORDERS = """
CREATE STREAM i (k STRING KEY, a STRING, s STRUCT<b STRING, c INT>) WITH (kafka_topic='i', value_format='JSON');
CREATE STREAM o AS SELECT k, a, s->b AS b FROM i WHERE a IS NOT NULL;
CREATE STREAM p AS SELECT k, a + '!' AS a, s->c AS c FROM i WHERE a IS NOT NULL;
CREATE STREAM q WITH (kafka_topic='o') AS SELECT a AS k, s->b AS b FROM i PARTITION BY a;
"""


def test_queries_over_one_source_are_one_function_that_decodes_once() -> None:
    metastore = applied(ORDERS)
    function = compile_source({query.id: query.plan for query in metastore.queries.values()})
    source = str(function.source)  # type: ignore[attr-defined]
    assert source.count("loads(raw)") == 1
    assert source.count("['C']") == 1


def test_a_push_query_may_partition_and_shows_the_key_first() -> None:
    metastore = applied(ORDERS)
    made = plan(parse_one("SELECT * FROM i PARTITION BY s->c + 1 EMIT CHANGES;"), metastore)
    assert isinstance(made, QueryPlan)
    rows: list[list[Any]] = []
    compile_source({"Q": made})([Record(b'{"a":"x","s":{"b":"y","c":1}}', b"k")], rows.append, lambda *_: None)
    assert [column.name for column in made.columns] == ["KSQL_COL_0", "A", "S", "K"]
    assert rows == [[2, "x", {"B": "y", "C": 1}, "k"]]


WINDOWED = """
CREATE STREAM i (k STRING KEY, a INT) WITH (kafka_topic='i', value_format='JSON');
CREATE TABLE counted AS SELECT k, COUNT(*) AS n FROM i WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY k;
CREATE TABLE met AS SELECT k, COUNT(*) AS n FROM i WINDOW SESSION (1 SECOND) GROUP BY k;
CREATE TABLE kept AS SELECT k, COUNT(*) AS n FROM i GROUP BY k;
"""


@pytest.mark.parametrize("count", [5, 3])
def test_all_windows_of_a_key_go_where_the_key_goes(count: int) -> None:
    """A topic with as many partitions as the source's has them where the source has the key."""
    metastore = applied(WINDOWED)
    placed: list[tuple[str, int | None]] = []
    run_source = compile_source(
        {query.id: query.plan for query in metastore.queries.values()},
        None,
        {"i": 3, "COUNTED": count, "MET": count, "KEPT": count},
    )

    def produce(topic: str, *, partition: int | None = None, **_: object) -> None:
        placed.append((topic, partition))

    records = [Record(b'{"a":1}', b"key", time, in_partition=2) for time in (0, 1500, 60_000)]
    run_source(records, produce, lambda *_: None)
    expected = 2 if count == 3 else placing(5)(b"key")
    assert {(topic, partition) for topic, partition in placed} == {
        ("COUNTED", expected),
        ("MET", expected),
        ("KEPT", None),  # its key is the whole key: the producer does that
    }


def test_results_come_in_the_order_of_the_queries() -> None:
    written = run(applied(ORDERS), "i", [Record(b'{"a":"x","s":{"b":"y","c":1}}', b"k", 5)])
    assert [(topic, record.raw_key, record.time) for topic, record in written.records] == [
        ("O", b"k", 5),
        ("P", b"k", 5),
        ("o", b"x", 5),
    ]
    assert written.values("P") == [{"A": "x!", "C": 1}]


def test_headers_go_with_each_result() -> None:
    headers = [("trace", b"1")]
    written = run(applied(ORDERS), "i", [Record(b'{"a":"x"}', b"k", with_headers=headers)])
    assert [record.with_headers for _, record in written.records] == [headers] * 3


def test_streams_with_different_columns_over_one_topic_are_all_fed() -> None:
    metastore = applied("""
        CREATE STREAM i (a INT) WITH (kafka_topic='t', value_format='JSON');
        CREATE STREAM j (b STRING) WITH (kafka_topic='t', value_format='JSON');
        CREATE STREAM o AS SELECT a FROM i;
        CREATE STREAM p AS SELECT b FROM j;
    """)
    written = run(metastore, "t", [Record(b'{"a":1,"b":2}')])
    assert written.values("O") == [{"A": 1}]
    assert written.values("P") == [{"B": "2"}]


def test_queries_over_different_topics_are_not_compiled_together() -> None:
    metastore = applied("""
        CREATE STREAM i (a INT) WITH (kafka_topic='t', value_format='JSON');
        CREATE STREAM o AS SELECT a FROM i;
        CREATE STREAM p AS SELECT a FROM o;
    """)
    with pytest.raises(ValueError, match="different topics"):
        compile_source({query.id: query.plan for query in metastore.queries.values()})


def test_an_undecodable_record_is_reported_for_every_query_and_the_next_one_goes_on() -> None:
    written = run(applied(ORDERS), "i", [Record(b"{"), Record(b'{"a":"x"}')])
    assert [query for query, _ in written.errors] == ["CSAS_O_0", "CSAS_P_1", "CSAS_Q_2"]
    assert len(written.records) == 3


def test_an_error_names_no_data() -> None:
    metastore = applied("""
        CREATE STREAM i (a STRING, d DOUBLE) WITH (kafka_topic='t', value_format='JSON');
        CREATE STREAM o AS SELECT CAST(a AS INT) AS n FROM i;
    """)
    written = run(metastore, "t", [Record(b'{"a":"SECRET"}'), Record(b'{"d":"SECRET"}'), Record(b"SECRET")])
    assert len(written.errors) == 3
    assert "SECRET" not in repr(written.errors)


def test_doubles_are_written_with_javas_digits() -> None:
    metastore = applied("""
        CREATE STREAM i (d DOUBLE, l ARRAY<DOUBLE>) WITH (kafka_topic='t', value_format='JSON');
        CREATE STREAM o AS SELECT d, l FROM i;
    """)
    written = Written()
    raw = [b'{"d":1e7,"l":[1e10]}', b'{"d":5,"l":[0.0001]}', b'{"d":-0.0}']
    plans = {query.id: query.plan for query in metastore.queries.values()}
    compile_source(plans)([Record(each) for each in raw], written.produce, written.on_error)
    assert [record.raw_value for _, record in written.records] == [
        b'{"D":1.0E7,"L":[1.0E10]}',
        b'{"D":5.0,"L":[1.0E-4]}',
        b'{"D":-0.0,"L":null}',
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "A", "s", "S", "x", "aA"]),
            st.none()
            | st.integers(-(2**63), 2**63 - 1)
            | st.floats(allow_nan=False)
            | st.text(max_size=3)
            | st.booleans()
            | st.lists(st.integers(0, 9), max_size=2)
            | st.dictionaries(
                st.sampled_from(["b", "B", "c", "C"]), st.none() | st.text(max_size=2) | st.integers(0, 9)
            ),
        ),
        max_size=4,
    )
)
def test_the_quick_way_and_the_complete_way_agree_on_any_json(rows: list[dict[str, Any]]) -> None:
    """Fields of a struct are taken out one by one, or from the whole struct when a query wants that too."""
    quick = run(applied(ORDERS), "i", [Record(orjson.dumps(row)) for row in rows])
    whole = ORDERS.replace("s->c AS c FROM", "s->c AS c, s FROM")
    slow = run(applied(whole), "i", [Record(orjson.dumps(row)) for row in rows])
    assert [record.raw_value for record in quick.to("o")] == [record.raw_value for record in slow.to("o")]
    assert quick.errors == slow.errors


ANYTHING = """
CREATE STREAM i (k STRUCT<a STRING, b INT> KEY, s STRING, n INT, b BIGINT, d DOUBLE, t BOOLEAN, o STRUCT<s STRING>,
  l ARRAY<STRING>, m MAP<STRING, STRING>) WITH (kafka_topic='i', key_format='JSON', value_format='JSON');
CREATE STREAM o AS SELECT k, s, n, b, d, t, o, l, m, n / n AS q, CAST(s AS INT) AS w, CAST(s AS DOUBLE) AS x FROM i;
CREATE STREAM p WITH (key_format='KAFKA') AS SELECT s, d FROM i PARTITION BY s;
"""
REASON = re.compile(
    r"the (value|key) is not JSON|the (value|key) is nested too deeply"
    r"|Can't convert type\. sourceType: \w+, requiredType: [A-Z]+, path: \$(\.[A-Za-z]+|\[\d+\])*"
    r"|Q: division by zero|Q: integer division or modulo by zero"
    r"|W: a text is not a whole number of 32 bits|X: a text is not a number"
)
NUMBERS = ["0", "-0.0", "1.5", "1e400", "1e99999999999999999999", "9" * 30, "9" * 5000]
TEXTS = ['"hunter2"', '" 7 "', '"1e5d"', r'"\ud800"', r'"\udc00x"', r'"\ud83d\ude00"']
WORDS = st.sampled_from([*NUMBERS, *TEXTS, "true", "null", "NaN", "hunter2", '"\\"', "\ufeff", "[" * 950 + "]" * 950])
JSONISH = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: f"[{','.join(found)}]")
        | st.lists(
            st.tuples(st.sampled_from("skabndtolmSKABNDTOLM") | WORDS.map(lambda w: w.strip('"')[:9]), inner),
            max_size=6,
        ).map(lambda found: "{" + ",".join(f'"{name}":{each}' for name, each in found) + "}")
    ),
    max_leaves=12,
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@example(value=rb'{"S":"\ud800"}', key=None)
@example(value=rb'{"S":{"A":1e99999999999999999999}}', key=None)
@example(value=b'{"S":' + b"[" * 950 + b"]" * 950 + b"}", key=rb'{"A":"\udfff"}')
@given(value=st.none() | JSONISH | st.binary(max_size=20), key=st.none() | JSONISH | st.binary(max_size=20))
def test_no_record_stops_a_query_and_no_reason_holds_its_data(value: bytes | None, key: bytes | None) -> None:
    written = run(applied(ANYTHING), "i", [Record(value, key)])
    for _, record in written.records:
        assert record.raw_value is None or orjson.loads(record.raw_value)
    for _, reason in written.errors:
        assert REASON.fullmatch(reason), reason
