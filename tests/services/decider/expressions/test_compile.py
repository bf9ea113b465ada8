"""Conditions as they are decided: kinds, nulls, and agreement with a second way to work them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RuleError
from streamguard.services.decider.expressions.compile import compiled, condition
from streamguard.services.decider.expressions.kinds import Context, Facts, Kind, facts_of
from streamguard.services.decider.expressions.nodes import Node
from streamguard.services.decider.facts import NEW, Profile, Transaction
from tests.services.decider.expressions.trees import any_trees, conditions, facts, worth
from tests.services.decider.samples import PURCHASE, USUAL

USUALLY = facts_of(PURCHASE, USUAL, Context(("VELOCITY",), 5))
AT_FIRST = facts_of(PURCHASE, NEW, Context())


@pytest.mark.parametrize(
    "written",
    [
        "amount > account.mean and account.count >= 5",
        "amount == 25.5 and account.max == 45 and account.total == 200",
        "country in ['DE', 'FR'] and country not in ['GB']",
        "country == account.last_country",
        "'VELOCITY' in alerts.rules and alerts.count == 1 and alerts.score == 5",
        "lower(country) == 'de' and upper('de') == country and length(country) == 2",
        "starts_with(merchant_id, 'm-') and ends_with(merchant_id, '1') and contains(merchant_id, '-')",
        "hour(time) == 12 and weekday(time) == 3",
        "hour(time, 'Asia/Kolkata') == 17 and weekday(time, 'Pacific/Kiritimati') == 4",
        "time - account.last_time == 3600 and time - account.last_time == hours(1)",
        "time + minutes(5) > time and time - days(1) < account.last_time",
        "time >= time('2026-06-24') and time < time('2026-06-24T14:00:01+02:00')",
        "min(3, 1, 2) == 1 and max(3, amount) == 25.5 and abs(-2) == 2 and round(2.5) == 3",
        "7 % 4 == 3 and -7 % 4 == -3 and 1 / 4 == 0.25",
        "not traveller and traveller == false",
        "coalesce(account.mean, 0) == 20 and account.mean is not null",
    ],
)
def test_a_condition_is_true(written: str) -> None:
    assert condition(written)(USUALLY) is True


@pytest.mark.parametrize(
    "written",
    [
        "amount > account.mean",
        "amount < account.mean",
        "account.mean == account.mean",
        "account.last_country != country",
        "account.last_country in [country]",
        "account.last_country not in ['DE']",
        "starts_with(account.last_country, '')",
        "amount / 0 == amount / 0",
        "amount % 0 < 1 or amount % 0 >= 1",
        "1e308 * 10 > 1",
        "1e308 + 1e308 > 1",
        "time + 1e300 > time",
        "hour(account.last_time) < 24",
        "hour(time + 1e12, 'Europe/Berlin') < 24",
        "account.mean is not null",
        "days(1e308) > 0",
        "-account.mean < 1",
    ],
)
def test_a_comparison_with_null_is_false(written: str) -> None:
    assert condition(written)(AT_FIRST) is False


@given(conditions(), facts)
def test_every_condition_is_what_the_reference_says_and_never_raises(
    node: Node, of: tuple[Transaction, Profile, Context]
) -> None:
    assert condition(str(node))(facts_of(*of)) is worth(node, of)


@given(any_trees(), facts)
def test_a_tree_of_any_shape_is_refused_when_it_is_read_or_has_a_value_of_its_kind(
    node: Node, of: tuple[Transaction, Profile, Context]
) -> None:
    try:
        piece = compiled(node)
    except RuleError:
        return
    value = piece.run(facts_of(*of))
    assert value is not None or piece.can_be_null
    types: dict[Kind, type | tuple[type, ...]] = {
        Kind.NUMBER: (int, float),
        Kind.TEXT: str,
        Kind.BOOLEAN: bool,
        Kind.TIME: int,
    }
    assert value is None or isinstance(value, types.get(piece.kind, object))


WORDS = ("amount", "account.mean", "(", ")", "not", "-", ">", "in", "[", "]", "'x'", "3", "and", "time", ",", "lower")


@given(st.lists(st.sampled_from((*WORDS, "null", "is", "+", "%"))))
def test_words_in_any_order_are_a_condition_or_a_mistake(words: list[str]) -> None:
    try:
        assert condition(" ".join(words))(USUALLY) in (True, False)
    except RuleError as exc:
        assert str(exc)


@pytest.mark.parametrize(
    ("written", "at", "says"),
    [
        ("acount.mean > 1", 0, "no name acount.mean (did you mean account.mean?)"),
        ("Amount > 1", 0, "write amount, in small letters"),
        ("country == DE", 11, "no name DE"),
        ("lowr(country) == 'de'", 0, "no function lowr (did you mean lower?)"),
        ("lower == 'de'", 0, "lower is a function: write lower(text)"),
        ("lower(amount) == 'de'", 6, "takes a text here, and this is a number"),
        ("lower() == 'de'", 0, "lower() has 0 arguments"),
        ("amount", 0, "a condition is true or false, and this is a number"),
        ("amount and traveller", 0, "each side of and"),
        ("not amount > 1 or not amount", 22, "true or false"),
        ("amount > 'x'", 7, "a number > a text compares nothing"),
        ("time > '2026-01-01'", 5, "write time('…')"),
        ("country < 'F'", 8, "only == and != compare it"),
        ("country in 'DE'", 11, "right of in stands a list"),
        ("amount in ['DE']", 7, "a number is never in a list of texts"),
        ("country in []", 11, "the list is empty"),
        ("country in ['DE', 1]", 18, "a list has values of a kind"),
        ("alerts.rules == alerts.rules", 13, "lists are not compared"),
        ("['DE'] == 1", 0, "a list stands only right of in"),
        ("country + 'x' == 'y'", 8, "can not be computed"),
        ("-country == 'x'", 1, "- takes a number"),
        ("amount is null", 0, "amount is never null"),
        ("coalesce(account.mean, 'x') == 1", 23, "two of a kind"),
        ("time > time('soon')", 12, "'soon' is no time"),
        ("time > time('2026-01-01T10:00:00')", 12, "has no zone: write 2026-01-01T10:00:00Z"),
        ("time > time(country)", 12, "written out"),
        ("hour(time, 'Europe/Berln') > 1", 11, "did you mean Europe/Berlin?"),
        ("hour(time, country) > 1", 11, "written out"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_and_a_fix(written: str, at: int, says: str) -> None:
    with pytest.raises(RuleError) as raised:
        condition(written)
    assert says in str(raised.value)
    assert raised.value.at == at


def test_a_name_means_the_fact_that_the_page_says() -> None:
    facts: Facts = USUALLY
    assert condition("account_id == 'a-1' and card_hash == 'c-1' and user_id == 'u-1'")(facts) is True
    assert condition("transaction_id == 't-1' and merchant_category == 'grocery' and currency == 'EUR'")(facts) is True
