"""Texts with values in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RuleError
from streamguard.services.decider.expressions.kinds import Context, facts_of
from streamguard.services.decider.expressions.template import template
from streamguard.services.decider.facts import NEW, Profile, Transaction
from tests.services.decider.expressions.trees import facts
from tests.services.decider.samples import PURCHASE, USUAL


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("", ""),
        ("nothing to fill in", "nothing to fill in"),
        ("{amount} {currency} is {amount / account.mean} times {account.mean}", "25.50 EUR is 1.27 times 20"),
        ("{country}", "DE"),
        ("at {time}, {traveller}", "at 2026-06-24T12:00:00Z, false"),
        ("{{{country}}}", "{DE}"),
        ("{'}'} and {\"{\"}", "} and {"),
        ("of {alerts.rules}", "of A, B"),
        ("{1e300}", "1e+300"),
        ("{time + 1e12}", "1001782302400000 ms"),
    ],
)
def test_values_stand_where_the_braces_are(written: str, becomes: str) -> None:
    assert template(written)(facts_of(PURCHASE, USUAL, Context(("A", "B")))) == becomes


def test_null_is_unknown_and_a_long_text_is_cut() -> None:
    fill = template("{account.mean} {merchant_id}")
    assert fill(facts_of(PURCHASE._replace(merchant_id="m" * 999), NEW, Context())) == f"unknown {'m' * 200}"


@pytest.mark.parametrize(
    ("written", "at", "says"),
    [
        ("costs {amuont}", 7, "did you mean amount?"),
        ("costs {amount", 6, "a { alone: write {{"),
        ("costs }", 6, "a } alone: write }}"),
        ("{}", 1, "there is no condition"),
        ("{amount + }", 10, "ends too early"),
    ],
)
def test_a_mistake_has_its_place_in_the_text(written: str, at: int, says: str) -> None:
    with pytest.raises(RuleError) as raised:
        template(written)
    assert says in str(raised.value)
    assert raised.value.at == at


@given(st.text("{}amount'\" account.mean", max_size=40), facts)
def test_any_text_is_a_template_or_a_mistake_in_a_place(text: str, of: tuple[Transaction, Profile, Context]) -> None:
    try:
        assert isinstance(template(text)(facts_of(*of)), str)
    except RuleError as exc:
        assert 0 <= exc.at <= len(text)
