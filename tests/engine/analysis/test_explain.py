"""What EXPLAIN prints, word for word: `plans/*.txt` hold statements, a line of dashes, and the text.

A change of the text is made on purpose: `python -m tests.engine.analysis.test_explain` writes the files anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.engine.analysis.explain import duration
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import SourcePlan, plan
from streamguard.engine.language.parse import parse

PLANS = sorted((Path(__file__).parent / "plans").glob("*.txt"))
LINE = "\n" + "-" * 40 + "\n"


def explained(text: str) -> str:
    """The plan of the last statement, against those before it."""
    metastore = Metastore()
    *earlier, last = parse(text)
    for statement in earlier:
        made = plan(statement, metastore)
        source = made.source if isinstance(made, SourcePlan) else made.sink
        assert source is not None
        metastore = metastore.with_source(source)
    return f"{plan(last, metastore)}\n"


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_text_of_a_plan_is_always_the_same(path: Path) -> None:
    statements, _, expected = path.read_text().partition(LINE)
    assert explained(statements) == expected


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (1, "1 ms"),
        (1500, "1,500 ms"),
        (60_000, "1 minute"),
        (172_800_000, "2 days"),
        (90_000, "90 seconds"),
    ],
)
def test_a_duration_is_told_in_the_largest_unit_that_divides_it(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


if __name__ == "__main__":
    for each in PLANS:
        given = each.read_text().partition(LINE)[0]
        each.write_text(given + LINE + explained(given))
