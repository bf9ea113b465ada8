"""Whatever a server has, applying brings it in line with the files, and then there is nothing left to plan."""

# ruff: noqa: E501  statements and refusals are read as they are

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.engine.client.applying import carry_out, plan_files
from streamguard.engine.client.comparing import in_short
from streamguard.engine.client.planning import Wishes, counts, has_changes
from tests.engine.client.served import Served

CHOICES = (
    (
        "CREATE STREAM a (k STRING KEY, x INT, y STRING) WITH (kafka_topic='a', value_format='JSON');",
        "CREATE STREAM IF NOT EXISTS a (k STRING KEY, x INT, y STRING, z INT) WITH (kafka_topic='a', value_format='JSON');",
        "CREATE STREAM a (k STRING KEY, x BIGINT, y STRING) WITH (kafka_topic='a2', value_format='JSON');",
    ),
    (
        "",
        "CREATE STREAM b AS SELECT k, x, y FROM a;",
        "CREATE STREAM b AS SELECT * FROM a WHERE x > 1;",
        "CREATE STREAM b WITH (kafka_topic='bb') AS SELECT k, x FROM a;",
        "CREATE STREAM b AS SELECT y, x FROM a PARTITION BY y;",
    ),
    (
        "",
        "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;",
        "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM a WHERE x > 2 GROUP BY k;",
        "CREATE TABLE c AS SELECT y, SUM(x) AS n FROM a WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY y EMIT CHANGES;",
    ),
    (
        "",
        "CREATE STREAM d (k STRING KEY, x BIGINT) WITH (kafka_topic='d', value_format='JSON');"
        "INSERT INTO d SELECT k, CAST(x AS BIGINT) AS x FROM a;",
        "CREATE STREAM d (k STRING KEY, x BIGINT) WITH (kafka_topic='d', value_format='JSON');"
        "INSERT INTO d SELECT k, CAST(x AS BIGINT) AS x FROM a WHERE x < 7;",
    ),
)  # fmt: skip
FILES = st.tuples(*(st.sampled_from(each) for each in CHOICES))
ALL = Wishes(recreate=True, prune=True)


def apply(server: Served, path: Path) -> None:
    planned = plan_files(server, [path], {}, ALL)
    planned.raise_refused()
    list(carry_out(server, planned))


def shown(server: Served) -> object:
    """What a server has, without what only its history decides: numbers of queries, letters of statements."""
    sources = {
        name: (each.kind, each.topic, each.columns, each.key_format, each.window)
        for name, each in server.metastore.sources.items()
    }
    plans = [
        (each.sink, each.plan.where, each.plan.keys, each.plan.values) for each in server.metastore.queries.values()
    ]
    return sources, sorted(map(str, plans))


@pytest.mark.slow
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "ksqldb"])
@settings(max_examples=25, deadline=None)
@given(states=st.lists(FILES, min_size=1, max_size=3))
def test_a_plan_is_empty_after_it_was_applied_whatever_was_there_before(
    ours: bool, states: list[tuple[str, ...]]
) -> None:
    server, fresh = Served(ours=ours), Served(ours=ours)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sql"
        for texts in states:
            path.write_text("\n".join(texts))
            apply(server, path)
            planned = plan_files(server, [path], {}, ALL)
            assert not has_changes(planned.changes), [str(each) for each in planned.changes]
        apply(fresh, path)
    assert shown(server) == shown(fresh)


def test_counts_are_told_in_the_order_of_what_they_do() -> None:
    assert counts([]) == "no statements"


def test_a_refusal_is_told_without_the_schemas_that_the_difference_shows() -> None:
    told = (
        "DataSource '`B`' has topic = B which is not upgradeable to z\n\tAND DataSource '`B`' has schema = `K` STRING KEY "
        "which is not upgradeable to `K` INTEGER KEY. (Key columns must be identical. The following key columns are "
        "changed, missing or reordered: [`K` STRING KEY])"
    )
    assert in_short(told) == (
        "CREATE OR REPLACE can not change its topic and schema (Key columns must be identical. The following key columns "
        "are changed, missing or reordered: [`K` STRING KEY])"
    )
    assert in_short("its windows\ncan not change") == "its windows can not change"
