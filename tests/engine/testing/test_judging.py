"""Cases that users write beside their statements: how they are read, run and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.engine.testing.case_files import case_files, read_cases
from streamguard.engine.testing.cases import Case, Given, Script, judge
from streamguard.engine.testing.differences import Wanted, Written, differences
from streamguard.errors import ProjectError

SQL = """
CREATE STREAM tx (card STRING KEY, amount DOUBLE) WITH (kafka_topic='tx', value_format='JSON');
CREATE STREAM big AS SELECT card, amount FROM tx WHERE amount > ${most} EMIT CHANGES;
CREATE STREAM bigger AS SELECT card, amount * 2 AS twice FROM big EMIT CHANGES;
CREATE TABLE spend AS SELECT card, SUM(amount) AS total FROM tx
  WINDOW TUMBLING (SIZE 30 SECONDS) GROUP BY card EMIT CHANGES;
"""


def case(sql: str = SQL, **more: object) -> Case:
    fields = {"name": "x", "scripts": (Script("x.sql", sql),), "variables": {"most": "10"}, **more}
    return Case(**fields)  # type: ignore[arg-type]


PAID = Given("tx", "c1", {"amount": 12.5}, time=1000)


def test_records_go_through_all_queries_and_on_to_those_that_read_what_they_write() -> None:
    outputs = {
        "BIG": (Wanted("c1", {"AMOUNT": 12.5}, time=1000),),
        "BIGGER": (Wanted("c1", {"TWICE": 25}),),
        "SPEND": (Wanted("c1", {"TOTAL": 12.5}, window=(0, 30_000)),),
    }
    assert judge(case(inputs=(PAID,), outputs=outputs)) == []


def test_what_is_not_as_expected_is_told_field_by_field() -> None:
    outputs = {"BIG": (Wanted("c2", {"AMOUNT": 13, "CARD": "c1"}, time=5),)}
    [told] = judge(case(inputs=(PAID,), outputs=outputs))
    assert told.splitlines() == [
        'BIG, record 1: the key is "c1", not "c2"; the time is 1000, not 5; AMOUNT is 12.5, not 13; there is no CARD',
        '  - {"key": "c2", "time": 5, "value": {"AMOUNT": 13, "CARD": "c1"}}',
        '  + {"key": "c1", "time": 1000, "value": {"AMOUNT": 12.5}}',
    ]


def test_only_the_fields_that_are_named_count_when_some_are_given() -> None:
    sql = """CREATE STREAM s (a INT, b INT) WITH (kafka_topic='s', value_format='JSON');
    CREATE STREAM o AS SELECT * FROM s;"""
    given = (Given("s", None, {"a": 1, "b": 2}),)
    assert judge(case(sql, inputs=given, outputs={"O": (Wanted(None, {"B": 2}, some=True),)})) == []
    assert "A is not expected" in judge(case(sql, inputs=given, outputs={"O": (Wanted(None, {"B": 2}),)}))[0]


def test_records_that_are_missing_and_records_too_many_are_told_where_they_stand() -> None:
    one, two, three = (Written("k", {"A": number}, 0) for number in (1, 2, 3))
    wanted = [Wanted("k", {"A": number}) for number in (1, 2, 3)]
    assert differences("t", wanted, [one, two, three]) == []
    assert differences("t", wanted, [one, three]) == ['t: missing after 1 records\n  - {"key": "k", "value": {"A": 2}}']
    [told] = differences("t", wanted[::2], [one, two, three])
    assert told.startswith("t: record 2 is not expected\n  + ")


def test_a_topic_that_must_stay_empty_may_not_be_written() -> None:
    assert "BIG: record 1 is not expected" in judge(case(inputs=(PAID,), outputs={"BIG": ()}))[0]


def test_the_processing_log_is_a_part_of_the_outcome() -> None:
    given = (Given("tx", "c1", raw="{"),)
    assert len(judge(case(inputs=given))) == 2
    assert judge(case(inputs=given, errors=("CSAS_BIG", "CTAS_SPEND"))) == []
    assert judge(case(errors=("nothing",))) == ["the processing log has no 'nothing'"]


def test_a_refusal_can_be_what_is_expected() -> None:
    wrong = "CREATE STREAM o AS\n  SELECT amont FROM tx;"
    scripts = (Script("a.sql", SQL), Script("b.sql", wrong))
    [told] = judge(case(scripts=scripts))
    assert told.startswith("refused: b.sql, line 2, column 10: ")
    assert judge(case(scripts=scripts, error="b.sql, line 2, column 10")) == []
    assert judge(case(scripts=scripts, error="another"))[0].startswith("the refusal is another one: ")
    assert judge(case(error="refused")) == ["all statements were taken, none was refused with 'refused'"]


def test_inserted_values_are_records_too() -> None:
    insert = Script("y.sql", "INSERT INTO tx (card, amount) VALUES ('c9', 99.5);")
    assert judge(case(scripts=(Script("x.sql", SQL), insert), outputs={"BIG": (Wanted("c9", {"AMOUNT": 99.5}),)})) == []


def test_delimited_and_plain_formats_take_text_or_columns() -> None:
    sql = """CREATE STREAM s (k BIGINT KEY, a INT, b STRING) WITH (kafka_topic='s', value_format='DELIMITED');
    CREATE STREAM o WITH (value_format='KAFKA') AS SELECT k, b FROM s;"""
    given = (Given("s", 7, "1,x"), Given("s", 8, {"a": 2, "b": "y"}))
    wanted = (Wanted(7, {"B": "x"}), Wanted(8, {"B": "y"}))
    assert judge(case(sql, inputs=given, outputs={"O": wanted})) == []
    assert judge(case(sql, inputs=given, outputs={"s": (Wanted(7, "1,x"), Wanted(8, "2,y"))})) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Given("SPENT", None, {}), r"no stream or table has the topic SPENT \(did you mean SPEND\?\)"),
        (Given("SPEND", "c1", {}), "a key of SPEND has a window"),
    ],
)
def test_a_record_that_nothing_can_read_is_a_mistake_of_the_case(given: Given, told: str) -> None:
    with pytest.raises(ProjectError, match=told):
        judge(case(inputs=(given,)))


def test_a_file_is_about_the_statements_beside_it(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON');")
    (tmp_path / "2.sql").write_text("CREATE STREAM o AS SELECT a + ${n} AS b FROM s;")
    (tmp_path / "a.test.yml").write_text(
        """
variables: {n: 1}
cases:
  - {name: one, inputs: [{topic: s, value: {a: 1}}], outputs: [{topic: O, value: {B: 2}}]}
  - {name: two, variables: {n: 5}, inputs: [{topic: s, value: {a: 1}}], outputs: [{topic: O, value: {B: 6}}]}
  - {name: three, sql: CREATE STREAM p AS SELECT z FROM o;, error: "a.test.yml: three, line 1, column 27"}
"""
    )
    assert case_files([tmp_path, tmp_path / "a.test.yml"]) == [tmp_path / "a.test.yml"]
    cases = read_cases(tmp_path / "a.test.yml")
    assert [each.name for each in cases] == ["one", "two", "three"]
    assert [judge(each) for each in cases] == [[], [], []]


COUNTS = """
sql: |
  CREATE STREAM s (k STRING KEY, a STRING) WITH (kafka_topic='s', value_format='JSON');
  CREATE TABLE counts AS SELECT k, COUNT(*) AS n, LATEST_BY_OFFSET(a) AS a FROM s GROUP BY k;
cases:
  - name: the last of each key
    inputs:
      - {topic: s, key: y, value: {a: "number {n}"}, repeat: 12}
      - {topic: s, key: "x{n}", value: {a: [2]}, repeat: 2}
    latest:
      - {topic: COUNTS, key: x2, value: {N: 1, A: "[2]"}}
      - {topic: COUNTS, key: y, value: {N: WANTED, A: number 12}}
      - {topic: COUNTS, key: x1, fields: {N: 1}}
"""


def test_the_last_record_of_each_key_counts_where_a_case_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.test.yml"
    path.write_text(COUNTS.replace("WANTED", "12"))
    assert [judge(each) for each in read_cases(path)] == [[]]
    path.write_text(COUNTS.replace("WANTED", "11"))
    [[difference]] = [judge(each) for each in read_cases(path)]
    assert difference.startswith("COUNTS, record 3: N is 12, not 11\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases: [{name: x, empty: [t], latest: [{topic: t, key: k}]}]", "x: t has all its records under `outputs`"),
        ("cases: [{nam: x}]", r"line 1: cases.0: unknown key nam \(did you mean name\?\)|line 1: unknown key nam"),
        ("cases: [{name: x, inputs: [{topic: t, value: 2026-01-31}]}]", "2026-01-31 is a date in YAML: quote it"),
        ("statements: none.sql\ncases: [{name: x}]", "none.sql can not be read"),
        ("cases: [{name: x, outputs: [{topic: t, value: {}, fields: {}}]}]", "not both"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.test.yml"
    path.write_text(text)
    with pytest.raises(ProjectError, match=told):
        read_cases(path)


@pytest.mark.parametrize("path", case_files([Path(__file__).parents[3] / "ksql"]), ids=lambda path: path.name)
def test_the_shipped_cases_pass(path: Path) -> None:
    assert {each.name: judge(each) for each in read_cases(path)} == {each.name: [] for each in read_cases(path)}
