"""Records of the card pipeline are taken for what they are, or refused with a code; nothing is guessed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.services.decider.rows import AMOUNT_LIMIT, alert_of, milliseconds_of, transaction_of
from tests.services.decider.purchases import ALERT, PURCHASE, alert, purchase
from tests.services.decider.samples import NOON
from tests.services.decider.samples import PURCHASE as TRANSACTION

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def code_of(value: bytes | None) -> str:
    with pytest.raises(RecordRefused) as caught:
        transaction_of(value)
    return caught.value.code


def test_a_transaction_is_taken_whatever_else_is_in_it() -> None:
    assert transaction_of(purchase()) == TRANSACTION
    assert transaction_of(purchase(note={"by": ["x", 1]}, merchant_category="caf\u00e9 \u200f")).merchant_category


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("E_EMPTY", None),
        ("E_JSON", b""),
        ("E_JSON", b'{"amount": NaN}'),
        ("E_JSON", purchase(country="X").replace(b'"X"', rb'"\ud800"')),
        ("E_SCHEMA", b"[1]"),
        ("E_SCHEMA", b"{}"),
        ("E_SCHEMA", purchase(amount="25.5")),
        ("E_SCHEMA", purchase(amount=True)),
        ("E_SCHEMA", purchase(country="")),
        ("E_SCHEMA", purchase(country=None)),
        ("E_SCHEMA", purchase(user_id=7)),
        ("E_DUPLICATE", purchase()[:-1] + b', "amount": 1}'),
        ("E_DUPLICATE", purchase()[:-1] + b', "note": {"a": 1, "a": 1}}'),
        ("E_RANGE", purchase(amount=-0.01)),
        ("E_RANGE", purchase(amount=AMOUNT_LIMIT)),
        ("E_RANGE", purchase(amount=10**30)),
        ("E_JSON", purchase(amount=10**400)),
        ("E_RANGE", purchase(transaction_id="t" * 257)),
        ("E_TEXT", purchase(merchant_id="m\0")),
        ("E_TEXT", purchase(merchant_id="m\t1")),
        ("E_DATE", purchase(timestamp="yesterday")),
        ("E_DATE", purchase(timestamp="2026-06-24T12:00:00")),
        ("E_DATE", purchase(timestamp="2026-02-30T12:00:00Z")),
        ("E_DATE", purchase(timestamp="2026-06-24T24:00:00Z")),
        ("E_DATE", purchase(timestamp="2026-W26-3T12:00:00Z")),
        ("E_DATE", purchase(timestamp="0001-01-01T00:00:00+01:00")),
        ("E_DATE", purchase(timestamp="9999-12-31T23:59:59-01:00")),
    ],
)
def test_what_is_no_transaction_is_refused_with_a_code(code: str, value: bytes | None) -> None:
    assert code_of(value) == code


def test_a_reason_never_says_what_is_in_a_field() -> None:
    for name in PURCHASE:
        with pytest.raises(RecordRefused) as caught:
            transaction_of(purchase(**{name: "SECRET\0", "amount": "SECRET"}))
        assert "SECRET" not in str(caught.value)


@given(st.data())
def test_any_value_in_any_field_is_taken_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PURCHASE)))
    value = json.dumps({**PURCHASE, name: data.draw(ANYTHING)}).encode()
    try:
        taken = transaction_of(value)
    except RecordRefused:
        return
    assert 0 <= taken.amount < AMOUNT_LIMIT
    assert all(text and "\0" not in text for text in taken[:7])


@given(st.binary(max_size=100), st.binary(max_size=10))
def test_no_bytes_crash_it(value: bytes, key: bytes) -> None:
    for take in (transaction_of, lambda junk: alert_of(junk, key)):
        with pytest.raises(RecordRefused):
            take(value)


@given(st.decimals(0, AMOUNT_LIMIT - 1, places=4))
def test_an_amount_of_four_decimals_is_kept_to_the_last(amount: Decimal) -> None:
    taken = transaction_of(purchase(amount="%").replace(b'"%"', f"{amount:f}".encode())).amount
    assert Decimal(repr(taken)) == amount


def test_more_decimals_than_any_currency_has_are_rounded() -> None:
    assert transaction_of(purchase(amount=0.1 + 0.2)).amount == 0.3
    assert transaction_of(purchase(amount=1e-9)).amount == 0


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_an_instant_is_its_milliseconds(time: Any) -> None:
    text = time.isoformat()
    try:
        found = milliseconds_of(text)
    except RecordRefused:
        assert time.tzinfo is None or len(text) > len("2026-06-24T12:00:00.000000+00:00") or time.year in (1, 9999)
        return
    assert found == time.timestamp() * 1000 // 1 or abs(found - time.timestamp() * 1000) < 1


@pytest.mark.parametrize("text", ["2026-06-24T12:00:00Z", "2026-06-24T14:00:00.0009+02:00", "2026-06-24T12:00+0000"])
def test_every_form_that_other_readers_of_the_topic_know_is_taken(text: str) -> None:
    assert milliseconds_of(text) == NOON


def test_an_alert_is_taken_as_ksqldb_writes_it() -> None:
    key, value = alert(TRANSACTION_IDS=["t-1", "t-2", "t-1"], WINDOW_START=None, AMOUNT=None)
    row = alert_of(value, key)
    assert row.transaction_ids == ("t-1", "t-2")
    assert (row.window_start, row.amount, row.event_time) == (None, None, NOON + 1_000)
    assert row.alert == (ALERT["ALERT_ID"], "VELOCITY", ALERT["REASON"], 2, "BLOCK")


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("E_SCHEMA", {"RULE": None}),
        ("E_SCHEMA", {"ACTION_REQUIRED": "ASK"}),
        ("E_SCHEMA", {"SCORE": 1.5}),
        ("E_SCHEMA", {"TRANSACTION_IDS": None}),
        ("E_SCHEMA", {"TRANSACTION_IDS": ["t", None]}),
        ("E_RANGE", {"SCORE": 2**31}),
        ("E_RANGE", {"TX_COUNT": 2**63}),
        ("E_RANGE", {"EVENT_TIME": 10**15}),
        ("E_RANGE", {"TRANSACTION_IDS": [str(number) for number in range(1001)]}),
        ("E_TEXT", {"REASON": "a\nb"}),
    ],
)
def test_what_is_no_alert_is_refused_with_a_code(code: str, changes: dict[str, Any]) -> None:
    key, value = alert(**changes)
    with pytest.raises(RecordRefused) as caught:
        alert_of(value, key)
    assert caught.value.code == code


@pytest.mark.parametrize("key", [None, b"", b"VELOCITY"])
def test_an_alert_under_another_key_is_refused_since_its_last_version_would_not_be_known(key: bytes | None) -> None:
    with pytest.raises(RecordRefused) as caught:
        alert_of(alert()[1], key)
    assert caught.value.code == "E_KEY"
