"""Expressions as they are read: what binds to what, what is refused and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RuleError
from streamguard.services.decider.expressions.nodes import Node
from streamguard.services.decider.expressions.parse import parse
from tests.services.decider.expressions.trees import any_trees


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            "amount > 10 * account.mean and account.count >= 5",
            "(amount > (10 * account.mean)) and (account.count >= 5)",
        ),
        ("a or b and c", "a or (b and c)"),
        ("not a and b", "(not a) and b"),
        ("not a == b", "not (a == b)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("-a * b % c", "((-a) * b) % c"),
        ("a not in [1, 2] or b", "(a not in [1, 2]) or b"),
        ("a + b is not null and c", "((a + b) is not null) and c"),
        ("f(a, b + 1) < 2", "(f(a, (b + 1))) < 2"),
        ("\"it's\" == 'it''s'", "'it''s' == 'it''s'"),
        ("amount>=1_000", "amount >= 1000"),
        ("amount == 1e3", "amount == 1000"),
    ],
)
def test_operators_bind_as_in_sql(written: str, meant: str) -> None:
    assert parse(written) == parse(meant)


def test_it_prints_no_more_parentheses_than_it_needs() -> None:
    assert str(parse("((a) and ((b or (c))))")) == "a and (b or c)"
    assert str(parse('not ((a == "x"))')) == "not a == 'x'"


@given(any_trees())
def test_a_tree_that_is_printed_and_read_is_the_same(tree: Node) -> None:
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("written", "at", "says"),
    [
        ("", 0, "there is no condition"),
        ("amount >", 8, "ends too early: here should be a value"),
        ("amount = 3", 7, "unexpected '=': write =="),
        ("a <> b", 2, "write !="),
        ("a && b", 2, "write and"),
        ("a AND b", 2, "write and, in small letters"),
        ("1 < a < 5", 6, "join them with and"),
        ("a == null", 5, "null is compared with is"),
        ("a is 5", 5, "is asks only for null"),
        ("a == 'x", 5, "end the text with another '"),
        ("a == \u201cx\u201d", 5, "put texts into"),
        ("(a or b", 7, "a closing )"),
        ("a or b)", 6, "unexpected ')'"),
        ("amount > 10,000", 11, "write numbers like 10000"),
        ("amount > .5", 9, "write 0.5"),
        ("amount > 5m", 9, "no number"),
        ("amount > 1e999", 9, "too large"),
        ("a b", 2, "an operator"),
        ("a not b", 6, "in after not"),
        ("__import__('os').system", 16, "unexpected '.'"),
        ("{amount}", 0, "a list is written in [ ]"),
        ("x" * 4001, 4000, "too many"),
    ],
)
def test_a_mistake_has_a_place_and_a_fix(written: str, at: int, says: str) -> None:
    with pytest.raises(RuleError) as raised:
        parse(written)
    assert says in str(raised.value)
    assert raised.value.at == at


@pytest.mark.parametrize(
    "written",
    ["(" * 1999 + "a", "not " * 999 + "a", "-" * 3000 + "1", "a" + " + a" * 900, "[" * 3000, "f(" * 1500],
)
def test_what_is_nested_too_deeply_is_refused(written: str) -> None:
    with pytest.raises(RuleError, match="nested more than 50 deep"):
        parse(written)


@given(st.text(max_size=60) | st.text("amount><=!()[]'\"+-*/%.,0123 andorti\n", max_size=60))
def test_any_text_is_an_expression_or_a_mistake_in_a_place(text: str) -> None:
    try:
        parse(text)
    except RuleError as exc:
        assert 0 <= exc.at <= len(text)
