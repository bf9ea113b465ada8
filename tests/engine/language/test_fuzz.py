"""Whatever is sent as a statement gives a result or a clean refusal, no traceback and no hang, and prints as it is."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import pytest
import yaml

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import plan
from streamguard.engine.execution.inserts import insert
from streamguard.engine.execution.topology import Topology
from streamguard.engine.language import printing
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse, parse_one
from streamguard.errors import StatementError
from tests.engine.records import applied
from tests.engine.sentences import SOURCES, damaged, sentence

ROOT = Path(__file__).parents[3]
FEW, MANY = 300, 100_000
LONGEST = 5  # seconds of computing for one text; most take a millisecond


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """What is damaged: the statements that are shipped and those of the engine's own cases."""
    shipped = [path.read_text() for path in sorted((ROOT / "ksql").rglob("*.sql"))]
    cases = [
        case
        for path in sorted((ROOT / "tests/engine/testing/cases").glob("*.yml"))
        for case in yaml.safe_load(path.read_text())
    ]
    return shipped + [case["statements"] for case in cases]


@pytest.fixture(scope="module")
def metastore() -> Metastore:
    """What the sentences are about."""
    return applied(SOURCES)


@pytest.fixture(scope="module")
def count(request: pytest.FixtureRequest) -> int:
    """How many texts are tried."""
    return (MANY if request.config.getoption("--soak") else FEW) // 2


@pytest.mark.timeout(1800)
def test_a_damaged_statement_gives_a_result_or_a_clean_refusal(
    texts: list[str], metastore: Metastore, count: int
) -> None:
    outcomes = Counter(tried(damaged(Random(seed), texts), metastore, seed) for seed in range(count))
    assert outcomes["refused by the parser"] > count // 4, outcomes
    assert outcomes["planned"] + outcomes["refused"] > count // 100, outcomes


@pytest.mark.timeout(1800)
def test_a_sentence_of_the_grammar_gives_a_result_or_a_clean_refusal(metastore: Metastore, count: int) -> None:
    outcomes = Counter(tried(sentence(Random(seed)), metastore, seed) for seed in range(count))
    assert outcomes["planned"] > count // 20, outcomes
    assert outcomes["refused"] > count // 20, outcomes


def tried(text: str, metastore: Metastore, seed: int) -> str:
    """What came of the text; the place of an error is one of the text."""
    with reported(text, seed):
        try:
            statements = parse(text)
        except StatementError as refusal:
            assert 1 <= refusal.line <= text.count("\n") + 1
            assert refusal.column >= 1
            assert refusal.reason
            return "refused by the parser"
        for statement in statements:
            printed = printing.statement(statement)
            again = parse_one(printed)
            assert again == statement
            assert printing.statement(again) == printed
        return planned(statements, metastore)


def planned(statements: list[s.Statement], metastore: Metastore) -> str:
    """Statements are carried out one after the other; queries are compiled too."""
    outcome = "without a plan"
    for number, statement in enumerate(statements):
        try:
            if isinstance(statement, s.InsertValues):
                insert(statement, metastore, {}, now=0)
            elif isinstance(statement, CHANGING):
                made = change(statement, metastore, number)
                metastore = made.metastore
                if made.query is not None:
                    Topology({made.query.id: made.query.plan})
                outcome = "planned"
            elif isinstance(statement, s.Query):
                assert str(plan(statement, metastore))
                outcome = "planned"
        except StatementError as refusal:
            assert str(refusal)
            return "refused"
    return outcome


@contextmanager
def reported(text: str, seed: int) -> Iterator[None]:
    """Whatever goes wrong, or takes too long, is told with the text that it happened with."""

    def too_long(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {LONGEST} s")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        yield
    except Exception as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\n{text[:2000]!r}") from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
