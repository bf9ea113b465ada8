"""The history of the schema, without a server; tests/stack/test_postgres.py runs it on one."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from streamguard.postgres import migrate
from streamguard.postgres.schema import METADATA

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def test_there_is_one_newest_revision_and_it_is_the_one_that_is_asked_for_first() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_every_table_has_a_primary_key_and_every_time_its_zone() -> None:
    for table in METADATA.tables.values():
        assert list(table.primary_key), table.name
        times = [column for column in table.columns if column.type.__class__.__name__ == "DateTime"]
        assert all(column.type.timezone for column in times), table.name  # type: ignore[attr-defined]
