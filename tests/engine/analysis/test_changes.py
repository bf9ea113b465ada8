"""What statements change, without Kafka."""

from __future__ import annotations

import pytest

from streamguard.engine.analysis.changes import CHANGING, Change, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.language.parse import parse
from streamguard.errors import AnalysisError, StatementError

EVENTS = "CREATE STREAM events (k STRING KEY, id INT) WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');"
COPY = "CREATE STREAM copy AS SELECT * FROM events;"


def after(*texts: str) -> tuple[Metastore, Change]:
    """The metastore after statements with the numbers 10, 11, …, and the last change."""
    metastore = Metastore()
    last: Change | None = None
    for number, statement in enumerate(parse("\n".join(texts)), start=10):
        assert isinstance(statement, CHANGING)
        last = change(statement, metastore, number)
        metastore = last.metastore
    assert last is not None
    return metastore, last


def test_a_querys_id_has_the_number_of_its_command() -> None:
    metastore, last = after(EVENTS, COPY, "INSERT INTO copy SELECT * FROM events;")
    assert list(metastore.queries) == ["CSAS_COPY_11", "INSERTQUERY_12"]
    assert (last.command_id, last.message) == ("stream/`COPY`/create", "Created query with ID INSERTQUERY_12")


def test_an_insert_may_name_its_query_once() -> None:
    insert = "INSERT INTO copy WITH (QUERY_ID='mine') SELECT * FROM events;"
    assert "MINE" in after(EVENTS, COPY, insert)[0].queries
    with pytest.raises(AnalysisError, match="Query ID 'MINE' already exists"):
        after(EVENTS, COPY, insert, insert)


def test_if_not_exists_changes_nothing_and_warns() -> None:
    metastore, last = after(EVENTS, EVENTS.replace("STREAM", "STREAM IF NOT EXISTS"))
    assert last.warning == "Cannot add stream `EVENTS`: A stream with the same name already exists."
    assert list(metastore.sources) == ["EVENTS"]


def test_a_second_stream_of_the_same_name_is_refused() -> None:
    with pytest.raises(AnalysisError, match="Cannot add stream 'EVENTS': A stream with the same name already exists"):
        after(EVENTS, EVENTS)


WIDER = EVENTS.replace("CREATE", "CREATE OR REPLACE").replace("id INT", "id INT, more STRING")
BIG = "CREATE OR REPLACE STREAM copy AS SELECT * FROM events WHERE id > 5;"
COUNTED = "CREATE {} TABLE counted AS SELECT k, {} FROM events GROUP BY k;"


def test_a_replaced_stream_has_the_new_columns_and_its_queries_keep_theirs() -> None:
    metastore, last = after(EVENTS, COPY, WIDER)
    assert [column.name for column in metastore.sources["EVENTS"].values] == ["ID", "MORE"]
    assert [column.name for column in metastore.queries["CSAS_COPY_11"].plan.source.values] == ["ID"]
    assert last.message == "Stream created"
    assert list(after(WIDER)[0].sources) == ["EVENTS"]  # there may be nothing to replace


def test_a_replaced_query_keeps_its_id_and_its_pause() -> None:
    metastore, last = after(EVENTS, COPY, "PAUSE CSAS_COPY_11;", BIG)
    assert list(metastore.queries) == ["CSAS_COPY_11"]
    assert (last.query_id, last.query and last.query.paused) == ("CSAS_COPY_11", True)
    assert "WHERE" in metastore.queries["CSAS_COPY_11"].statement
    assert list(after(EVENTS, COPY, "TERMINATE ALL;", BIG)[0].queries) == ["CSAS_COPY_13"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            [WIDER.replace("OR REPLACE ", ""), EVENTS.replace("CREATE", "CREATE OR REPLACE")],
            "Cannot upgrade data source: DataSource '`EVENTS`' has schema = `K` STRING KEY, `ID` INTEGER, `MORE` "
            "STRING which is not upgradeable to `K` STRING KEY, `ID` INTEGER. (The following columns are changed, "
            "missing or reordered: [`MORE` STRING])",
        ),
        (
            [EVENTS, WIDER.replace("'events'", "'others'").replace("k STRING", "k INT")],
            "has topic = events which is not upgradeable to others\n\tAND DataSource '`EVENTS`' has schema = `K` "
            "STRING KEY, `ID` INTEGER which is not upgradeable to `K` INTEGER KEY, `ID` INTEGER, `MORE` STRING. (Key "
            "columns must be identical. The following key columns are changed, missing or reordered: [`K` STRING KEY])",
        ),
        (
            [EVENTS, COPY, "INSERT INTO copy SELECT * FROM events;", BIG],
            "REPLACE for sink `COPY` is not supported because there are multiple queries writing into it: "
            "[CSAS_COPY_11, INSERTQUERY_12]",
        ),
        (
            [EVENTS, COUNTED.format("", "COUNT(*) AS n"), COUNTED.format("OR REPLACE", "COUNT(*) AS n, SUM(id) AS s")],
            "Query is not upgradeable: its aggregations can not change",
        ),
        ([EVENTS, "ALTER STREAM event ADD COLUMN x INT;"], "Source EVENT does not exist. (did you mean EVENTS?)"),
        ([EVENTS, "ALTER TABLE events ADD COLUMN x INT;"], "data source type is STREAM, but statement was ALTER TABLE"),
        ([EVENTS, COPY, "ALTER STREAM copy ADD COLUMN x INT;"], "not supported for CREATE ... AS statements."),
        (
            [EVENTS, "ALTER STREAM events ADD COLUMN id INT;"],
            "Cannot add column `ID` to schema. A column with the same",
        ),
        ([EVENTS, "ALTER STREAM events ADD COLUMN rowtime INT;"], "'ROWTIME' is a reserved column name."),
        ([EVENTS, COPY, "PAUSE CSAS_COPY_1;"], "Unknown queryId: CSAS_COPY_1 (did you mean CSAS_COPY_11?)"),
    ],
)
def test_what_can_not_be_replaced_altered_or_paused(texts: list[str], message: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        after(*texts)
    assert message in str(refused.value)


def test_altering_adds_columns_behind_the_others() -> None:
    metastore, last = after(EVENTS, "ALTER STREAM events ADD COLUMN a INT, ADD b STRUCT<c STRING>;")
    assert [column.name for column in metastore.sources["EVENTS"].values] == ["ID", "A", "B"]
    assert (last.command_id, last.message) == ("stream/EVENTS/alter", "Stream EVENTS altered.")


def test_pause_and_resume_hold_and_let_go() -> None:
    metastore, last = after(EVENTS, COPY, "PAUSE ALL;")
    assert ([query.paused for query in metastore.queries.values()], last.message) == ([True], "Query paused.")
    assert last.command_id == "pause/ALL/execute"
    metastore, last = after(EVENTS, COPY, "PAUSE ALL;", "RESUME CSAS_COPY_11;")
    assert not metastore.queries["CSAS_COPY_11"].paused
    assert (last.command_id, last.message, last.query_id) == (
        "resume/CSAS_COPY_11/execute",
        "Query resumed.",
        "CSAS_COPY_11",
    )


def test_a_stream_goes_with_the_query_that_made_it() -> None:
    metastore, last = after(EVENTS, COPY, "DROP STREAM copy;")
    assert (list(metastore.sources), dict(metastore.queries)) == (["EVENTS"], {})
    assert last.message == "Source `COPY` (topic: COPY) was dropped."
    assert last.command_id == "stream/COPY/drop"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([EVENTS, COPY, "DROP STREAM events;"], "streams and/or tables read from this source: [COPY]"),
        (
            [EVENTS, COPY, "INSERT INTO copy SELECT * FROM events;", "TERMINATE CSAS_COPY_11;", "DROP STREAM events;"],
            "queries read from this source: [INSERTQUERY_12]",
        ),
        (
            [EVENTS, COPY, "INSERT INTO copy SELECT * FROM events;", "DROP STREAM copy;"],
            "queries write into this source: [INSERTQUERY_12]",
        ),
        ([EVENTS, "DROP STREAM event;"], "Stream EVENT does not exist. (did you mean EVENTS?)"),
        ([EVENTS, "DROP TABLE events;"], "Incompatible data source type is STREAM"),
        ([EVENTS, COPY, "TERMINATE CSAS_COPY_12;"], "Unknown queryId: CSAS_COPY_12 (did you mean CSAS_COPY_11?)"),
    ],
)
def test_what_can_not_be_dropped_or_terminated(texts: list[str], message: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        after(*texts)
    assert message in str(refused.value)


def test_drop_if_exists_and_terminate() -> None:
    assert after(EVENTS, "DROP STREAM IF EXISTS nothing;")[1].warning == "Source `NOTHING` does not exist."
    metastore, last = after(EVENTS, COPY, "TERMINATE CSAS_COPY_11;")
    assert (dict(metastore.queries), last.command_id) == ({}, "terminate/CSAS_COPY_11/execute")
    assert dict(after(EVENTS, COPY, "TERMINATE ALL;")[0].queries) == {}


def test_a_type_has_a_name_until_it_is_dropped() -> None:
    types = "CREATE TYPE place AS STRUCT<city STRING>; CREATE TYPE person AS STRUCT<home PLACE, n INT>;"
    metastore, last = after(types, "CREATE STREAM s (p PERSON) WITH (kafka_topic='s', value_format='JSON');")
    assert list(metastore.types) == ["PLACE", "PERSON"]
    assert str(metastore.sources["S"].values[0].type) == "STRUCT<`HOME` STRUCT<`CITY` STRING>, `N` INTEGER>"
    assert last.command_id == "stream/`S`/create"
    assert after(types, "DROP TYPE place;", "DROP TYPE IF EXISTS place;")[1].warning == "Type PLACE does not exist."
    for text, told in [
        ("CREATE TYPE place AS INT;", "Cannot register custom type 'PLACE' since it is already registered with type: "),
        ("DROP TYPE plce;", r"Type PLCE does not exist. \(did you mean PLACE\?\)"),
        ("DROP TYPE place; CREATE STREAM t (p PLACE) WITH (kafka_topic='t');", "Cannot resolve unknown type: PLACE"),
    ]:
        with pytest.raises(StatementError, match=told):
            after(types, text)
