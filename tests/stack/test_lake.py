"""The lake of a pipeline in a real Iceberg catalog. Each test has a table bucket of its own beside the stack's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from streamguard.catalog import open_catalog
from streamguard.errors import CatalogError
from streamguard.model import Column, Lake, Table
from streamguard.settings import Settings
from streamguard.stack.lake import TableReport, seed_lake

WANTED = Lake(
    "shop", (Table("sales", (Column("id", "string"), Column("amount", "double"), Column("_offset", "long"))),)
)


@pytest.fixture
def own(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings with a warehouse that nobody else uses; its tables are dropped afterwards."""
    own = replace(settings, s3_warehouse=f"s3://lake-{abs(hash(request.node.name)) % 10**9}/")
    yield own
    catalog = open_catalog(own)
    for namespace in catalog.list_namespaces():
        for table in catalog.list_tables(namespace):
            catalog.drop_table(table)
        catalog.drop_namespace(namespace)


def altered(*columns: Column) -> Lake:
    return replace(WANTED, tables=(Table("sales", columns),))


def test_bucket_namespace_and_tables_are_created_and_the_second_time_nothing_changes(own: Settings) -> None:
    assert seed_lake(own, WANTED) == [TableReport("sales", "created")]
    before = open_catalog(own).load_table(("shop", "sales"))
    assert seed_lake(own, WANTED) == [TableReport("sales", "unchanged")]
    after = open_catalog(own).load_table(("shop", "sales"))
    assert after.metadata_location == before.metadata_location
    assert [(field.name, str(field.field_type)) for field in after.schema().fields] == [
        ("id", "string"),
        ("amount", "double"),
        ("_offset", "long"),
    ]


def test_a_new_optional_column_is_added_and_told(own: Settings) -> None:
    seed_lake(own, WANTED)
    wider = altered(*WANTED.tables[0].columns, Column("seen_at", "timestamptz"))
    assert seed_lake(own, wider) == [TableReport("sales", "columns added", added=("seen_at",))]
    assert seed_lake(own, WANTED) == [TableReport("sales", "unchanged", extra=("seen_at",))]


def test_a_table_of_another_type_is_refused_and_nothing_is_changed(own: Settings) -> None:
    seed_lake(own, WANTED)
    other = Lake(
        "shop", (*altered(Column("id", "long"), Column("new", "int")).tables, Table("more", WANTED.tables[0].columns))
    )
    with pytest.raises(CatalogError, match=r"shop\.sales differs from init/: id is string, not long"):
        seed_lake(own, other)
    assert [table for _, table in open_catalog(own).list_tables("shop")] == ["sales"]
    assert "new" not in open_catalog(own).load_table(("shop", "sales")).schema().column_names


def test_wrong_keys_are_one_sentence_without_the_keys(settings: Settings) -> None:
    wrong = replace(settings, s3_secret_key="geheim")
    with pytest.raises(CatalogError, match="refuses the keys: check STREAMGUARD_S3_ACCESS_KEY") as caught:
        open_catalog(wrong)
    assert "geheim" not in str(caught.value)
    with pytest.raises(CatalogError, match="refuses the keys"):
        seed_lake(wrong, WANTED)
