"""Which texts statements write into a column, told from their literals."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.engine.client.declared import read_files
from streamguard.engine.client.literals import Texts, texts_written

SOURCE = "CREATE STREAM tx (id STRING KEY, rule STRING, amount DOUBLE) WITH (KAFKA_TOPIC='tx', VALUE_FORMAT='JSON');\n"


def written(tmp_path: Path, items: str, into: str = "CREATE STREAM out WITH (KAFKA_TOPIC='alerts') AS") -> Texts:
    """What a query that selects these items writes."""
    file = tmp_path / "01.sql"
    file.write_text(f"{SOURCE}{into}\nSELECT {items} FROM tx EMIT CHANGES;\n")
    return texts_written(read_files([file], {}), "alerts", "RULE")


@pytest.mark.parametrize(
    ("item", "known"),
    [
        ("'A' AS rule", {"A"}),
        ("id, 'it''s' AS `RULE`, 1 AS score", {"it's"}),
        (
            "CASE WHEN amount > 5 THEN 'A' WHEN amount > 3 THEN CAST('B' AS STRING) ELSE 'C' END AS rule",
            {"A", "B", "C"},
        ),
        ("CASE WHEN amount > 5 THEN 'A' END AS rule", {"A"}),
        ("CAST(NULL AS STRING) AS rule", set()),
        ("'A' AS `rule`", set()),
        ("id, amount", set()),
    ],
)
def test_a_literal_is_known(tmp_path: Path, item: str, known: set[str]) -> None:
    assert written(tmp_path, item) == Texts(frozenset(known))


@pytest.mark.parametrize(
    "item", ["rule", "*", "'A' + id AS rule", "CASE WHEN amount > 5 THEN 'A' ELSE rule END AS rule", "id AS rule"]
)
def test_of_anything_else_it_is_told_where_it_is(tmp_path: Path, item: str) -> None:
    assert written(tmp_path, item) == Texts(frozenset(), (f"{tmp_path}/01.sql, line 2",))


def test_other_topics_do_not_count_and_inserts_do(tmp_path: Path) -> None:
    assert written(tmp_path, "'A' AS rule", into="CREATE STREAM alerts WITH (KAFKA_TOPIC='other') AS") == Texts(
        frozenset()
    )
    assert written(tmp_path, "'A' AS rule", into="CREATE STREAM `alerts` AS") == Texts(frozenset("A"))
    target = "CREATE STREAM out (rule STRING) WITH (KAFKA_TOPIC='alerts', VALUE_FORMAT='JSON');\nINSERT INTO out"
    assert written(tmp_path, "'A' AS rule", into=target) == Texts(frozenset("A"))
