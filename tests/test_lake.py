"""How a table that exists is compared with the one that `init/` wants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.model import Column, Table
from streamguard.project import ICEBERG_TYPES
from streamguard.stack.lake import Difference, _iceberg_type, compare

COLUMNS = st.lists(
    st.builds(Column, st.sampled_from("abcdef"), st.sampled_from(["int", "string"]), st.booleans()),
    unique_by=lambda column: column.name,
)
WANTED = Table("t", (Column("id", "string"), Column("amount", "double")))


@given(COLUMNS)
def test_a_table_equals_itself_in_another_order(columns: list[Column]) -> None:
    shuffled = sorted(columns, key=lambda column: column.name)
    assert compare(Table("t", tuple(columns)), shuffled) == Difference()


@given(COLUMNS, COLUMNS)
def test_every_difference_is_told_once(wanted: list[Column], existing: list[Column]) -> None:
    difference = compare(Table("t", tuple(wanted)), existing)
    told = [column.name for column in difference.missing] + list(difference.extra)
    told += [sentence.split()[0] for sentence in difference.conflicts]
    have = {column.name: column for column in existing}
    want = {column.name: column for column in wanted}
    assert sorted(told) == sorted(name for name in have | want if have.get(name) != want.get(name))


def test_a_missing_optional_column_can_be_added() -> None:
    assert compare(WANTED, [Column("id", "string")]).missing == (Column("amount", "double"),)


def test_another_type_is_a_conflict() -> None:
    difference = compare(WANTED, [Column("id", "long"), Column("amount", "double", required=True)])
    assert difference.conflicts == ("id is long, not string", "amount is double required, not double")


def test_an_optional_column_beyond_is_left_alone_and_a_required_one_is_a_conflict() -> None:
    difference = compare(WANTED, [*WANTED.columns, Column("x", "int"), Column("y", "int", required=True)])
    assert difference.extra == ("x",)
    assert difference.conflicts == ("y is required and not in init/",)


@pytest.mark.parametrize("name", ICEBERG_TYPES)
def test_every_type_that_init_takes_is_an_iceberg_type(name: str) -> None:
    assert str(_iceberg_type(name)) == name
