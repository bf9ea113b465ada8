"""One form for what was written and for what a server shows of it."""

# ruff: noqa: E501  pairs of statements are read side by side

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from streamguard.engine.language import syntax as s
from streamguard.engine.language.canonical import MADE, Made, canonical, lines, without_injected
from streamguard.engine.language.formatter import formatted
from streamguard.engine.language.parse import parse
from streamguard.engine.language.tokens import substitute
from streamguard.errors import StatementError
from streamguard.project import variables_near

COLUMNS = {"A": ("ID", "X"), "B": ("ID", "Y")}


def made(text: str) -> Made:
    (statement,) = parse(text)
    assert isinstance(statement, MADE)
    return canonical(statement, COLUMNS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE STREAM o AS SELECT x, x + 1 FROM a;", "CREATE STREAM O AS SELECT A.X X, (A.X + 1) KSQL_COL_1\nFROM A A;"),
        ("CREATE STREAM o AS SELECT z.x FROM a z;", "CREATE OR REPLACE STREAM O AS SELECT x FROM a EMIT CHANGES;"),
        ("CREATE STREAM o AS SELECT z.* FROM a z;", "CREATE STREAM IF NOT EXISTS O AS SELECT * FROM a EMIT CHANGES;"),
        ("CREATE STREAM o AS SELECT d->e FROM a;", "CREATE STREAM O AS SELECT A.D->E E FROM A A;"),
        ("CREATE STREAM o AS SELECT * FROM a WHERE x NOT IN (1, 2);", "CREATE STREAM o AS SELECT * FROM a WHERE (NOT (A.X IN (1, 2)));"),
        ("CREATE STREAM o WITH (kafka_topic='O') AS SELECT * FROM a;", "CREATE STREAM o AS SELECT * FROM a;"),
        ("CREATE STREAM o WITH (format='json') AS SELECT * FROM a;", "CREATE STREAM o WITH (value_format='JSON', key_format='JSON') AS SELECT * FROM a;"),
        ("CREATE STREAM a (x VARCHAR) WITH (kafka_topic='a');", "CREATE STREAM `A` (X STRING) WITH (KEY_FORMAT='KAFKA', KAFKA_TOPIC='a');"),
        (
            "CREATE STREAM o AS SELECT a.id, x, y FROM a JOIN b WITHIN 1 HOUR ON a.id = b.id;",
            "CREATE STREAM O AS SELECT A.ID A_ID, A.X X, B.Y Y FROM A A INNER JOIN B B WITHIN 60 MINUTES ON ((A.ID = B.ID));",
        ),
    ],
)  # fmt: skip
def test_statements_that_say_the_same_are_the_same(one: str, other: str) -> None:
    assert made(one) == made(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE STREAM o AS SELECT x FROM a;", "CREATE STREAM o AS SELECT y FROM a;"),
        ("CREATE STREAM o AS SELECT x FROM a;", "CREATE TABLE o AS SELECT x FROM a;"),
        ("CREATE STREAM o AS SELECT x AS y FROM a;", "CREATE STREAM o AS SELECT x FROM a;"),
        ("CREATE STREAM o AS SELECT a.id FROM a JOIN b ON x = y;", "CREATE STREAM o AS SELECT b.id FROM a JOIN b ON x = y;"),
        ("CREATE STREAM o AS SELECT * FROM a;", "CREATE STREAM o WITH (kafka_topic='p') AS SELECT * FROM a;"),
    ],
)  # fmt: skip
def test_statements_that_say_something_else_are_not(one: str, other: str) -> None:
    assert made(one) != made(other)


def statements() -> Iterator[s.CreateAs | s.InsertInto]:
    """Every query of the shipped files and of the engine's own cases."""
    root = Path(__file__).parents[3]
    texts = [substitute(path.read_text(), variables_near(path)) for path in sorted(root.glob("ksql/*/*.sql"))]
    for path in sorted(root.glob("tests/engine/testing/cases/*.yml")):
        texts += [str(case["statements"]) for case in yaml.safe_load(path.read_text())]
    for text in texts:
        with suppress(StatementError):  # a case may be about what does not parse
            yield from (each for each in parse(text) if isinstance(each, s.CreateAs | s.InsertInto))


def test_ksqldbs_own_form_of_a_query_is_the_same_as_the_one_that_was_written() -> None:
    found = list(statements())
    assert len(found) > 50
    for statement in found:
        (shown,) = parse(formatted(statement) + ";")
        assert isinstance(shown, MADE)
        assert canonical(shown) == canonical(statement), statement.text


def test_what_a_server_adds_is_left_out_unless_it_was_said() -> None:
    shown = made("CREATE STREAM o WITH (partitions=4, replicas=1, wrap_single_value=false) AS SELECT * FROM a;")
    assert without_injected(shown, made("CREATE STREAM o WITH (partitions=2) AS SELECT * FROM a;")) == made(
        "CREATE STREAM o WITH (partitions=4, wrap_single_value=false) AS SELECT * FROM a;"
    )


def test_a_column_or_a_clause_has_a_line() -> None:
    text = (
        "CREATE TABLE o WITH (partitions=2) AS SELECT x, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 1 MINUTE) "
        "WHERE x > 1 AND y IS NULL AND z GROUP BY x HAVING COUNT(*) > 2 EMIT FINAL;"
    )
    assert lines(made(text)) == [
        "CREATE TABLE O",
        "WITH (",
        "  PARTITIONS = 2",
        ")",
        "AS",
        "SELECT",
        "  X,",
        "  COUNT(*) AS N",
        "FROM A",
        "WINDOW TUMBLING (SIZE 1 MINUTES)",
        "WHERE X > 1",
        "  AND Y IS NULL",
        "  AND Z",
        "GROUP BY X",
        "HAVING COUNT(*) > 2",
        "EMIT FINAL",
    ]
