"""What is a bank transaction and what is refused, kind by kind: by the value alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.services.ingestor import route
from streamguard.services.transaction import parse
from tests.malformed import GOOD, KINDS, REFUSED, TRANSACTION, Kind


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_what_is_malformed_is_refused_with_its_code(kind: Kind) -> None:
    with pytest.raises(RecordRefused) as caught:
        route(kind.value(TRANSACTION))
    assert caught.value.code == kind.code


@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.name)
def test_what_is_only_odd_goes_on(kind: Kind) -> None:
    assert route(kind.value(TRANSACTION)) == "fraudulent-transactions"


def test_every_kind_has_a_name_and_a_record_of_its_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    records = {(kind.value(TRANSACTION), kind.key, kind.headers) for kind in KINDS}
    assert len(records) == len(KINDS)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_a_reason_never_says_what_is_in_a_field(kind: Kind) -> None:
    secret = json.loads(json.dumps(TRANSACTION).replace("the ", "SECRET").replace("run-1", "SECRET"))
    with pytest.raises(RecordRefused) as caught:
        route(kind.value(secret))
    assert "SECRET" not in str(caught.value)


NAMES = st.sampled_from(['"', "\\", '\\"', "a", "note", "amount", "é", ":", '":'])
EXTRAS = st.recursive(
    st.none() | st.integers(0, 3) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(extra=EXTRAS, plain=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_no_field_of_others_is_taken_for_a_repeated_one(extra: Any, plain: bool, indent: int | None) -> None:
    document = {**TRANSACTION, "extra": extra}
    assert parse(json.dumps(document, ensure_ascii=plain, indent=indent).encode()) == document


@given(extra=EXTRAS, name=NAMES, first=EXTRAS, second=EXTRAS, depth=st.integers(0, 2))
def test_a_repeated_field_is_found_at_every_depth(extra: Any, name: str, first: Any, second: Any, depth: int) -> None:
    repeated = f"{{{json.dumps(name)}: {json.dumps(first)}, {json.dumps(name)}: {json.dumps(second)}}}"
    note = '{"x": [' * depth + repeated + "]}" * depth
    value = json.dumps({**TRANSACTION, "extra": extra})[:-1] + f', "notes": {note}}}'
    with pytest.raises(RecordRefused) as caught:
        parse(value.encode())
    assert caught.value.code == "E_DUPLICATE"
