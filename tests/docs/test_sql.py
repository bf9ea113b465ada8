"""What docs/sql.md says that the embedded engine takes it takes, and what it does not take it refuses by name."""

from __future__ import annotations

import pytest

from streamguard.engine.analysis.changes import Changing, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import plan
from streamguard.engine.client.declared import metastore_after, read_files
from streamguard.engine.language import syntax
from streamguard.engine.language.parse import parse, parse_one
from streamguard.errors import StatementError
from streamguard.project import Project
from tests.docs.readme import ROOT, blocks

PAGE = ROOT / "docs" / "sql.md"
EXPRESSIONS = "".join(blocks(PAGE, "expressions")).splitlines()
REFUSED = "".join(blocks(PAGE, "refused")).splitlines()


def applied(text: str, metastore: Metastore) -> Metastore:
    """The metastore after the statements; queries that change nothing are planned."""
    for number, statement in enumerate(parse(text), start=len(metastore.queries)):
        if isinstance(statement, Changing):
            metastore = change(statement, metastore, number).metastore
        elif isinstance(statement, syntax.Query | syntax.Explain):
            assert str(plan(statement, metastore))
    return metastore


@pytest.fixture(scope="module")
def payments() -> Metastore:
    """The stream that the page's examples are about."""
    return applied(blocks(PAGE, "sql")[0], Metastore())


def test_every_statement_of_the_page_is_taken() -> None:
    metastore = Metastore()
    for block in blocks(PAGE, "sql"):
        metastore = applied(block, metastore)
    assert "PAYMENTS" in metastore.sources
    assert metastore.queries == {}, "the page ends with TERMINATE ALL"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_of_the_page_is_taken(expression: str, payments: Metastore) -> None:
    query = f"SELECT {expression} AS x FROM payments EMIT CHANGES;"  # noqa: S608  no database is near
    assert plan(parse_one(query), payments)


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_not_there_yet_is_refused_by_name(statement: str, payments: Metastore) -> None:
    with pytest.raises(StatementError, match=r"line 1, column \d+: .* is not supported yet by the embedded engine"):
        applied(statement, payments)


@pytest.mark.parametrize("pipeline", Project(ROOT).pipelines())
def test_every_shipped_statement_plans(pipeline: str) -> None:
    project = Project(ROOT)
    declared = read_files(project.statements(pipeline), project.pipeline(pipeline).variables)
    assert metastore_after(declared).queries
