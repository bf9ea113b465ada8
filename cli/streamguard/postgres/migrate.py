"""Bring a database to the schema of this version: at the start of the decider and of `up`, as often as one likes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamguard.errors import PostgresError, PostgresUnavailable
from streamguard.postgres.connect import (
    address,
    connect,
    connection_defaults,
    in_database,
    needs_extra,
    postgres_errors,
)

if TYPE_CHECKING:
    import psycopg

HEAD = "0002"
"""The newest revision in `migrations/`: asking for it takes a millisecond, importing Alembic half a second."""
LOCK = 0x53475F4D49475241
"""The advisory lock that one migration at a time holds: "SG_MIGRA"."""
MAINTENANCE = "postgres"
"""The database that every server has: from there another one is made."""


def migrate(uri: str) -> bool:
    """Make the database if there is none, and its tables and views as this version knows them; whether it changed.

    Several may call this at once. Raises PostgresUnavailable, PostgresError.
    """
    with needs_extra():
        import psycopg
    try:
        with postgres_errors(uri), psycopg.connect(uri, autocommit=True, **connection_defaults(uri)) as connection:
            if revision(connection) == HEAD:
                return False
            _require_utf8(connection, uri)
    except PostgresUnavailable:
        raise
    except PostgresError:
        if not _make_database(uri):
            raise
    with postgres_errors(uri):
        upgrade(uri)
    return True


def revision(connection: psycopg.Connection[Any]) -> str | None:
    """The revision of the schema in a database; None if there is no schema yet."""
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _make_database(uri: str) -> bool:
    """Make the database of a URI; False if it is there already, or can not be made for another reason."""
    import psycopg
    from psycopg import sql

    parts = psycopg.conninfo.conninfo_to_dict(uri)
    name = str(parts.get("dbname", ""))
    if name in ("", MAINTENANCE):
        return False
    try:
        with connect(in_database(uri, MAINTENANCE, instead=True), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return False
            encoding = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            connection.execute(encoding)
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return True  # another one has just made it
    except psycopg.errors.InsufficientPrivilege:
        raise PostgresError(
            f"PostgreSQL at {address(uri)} has no such database, and the user may not make it: CREATE DATABASE {name}"
        ) from None
    except (psycopg.Error, PostgresError):
        return False
    return True


def upgrade(uri: str, to: str = "head") -> None:
    """All steps up to a revision, in one transaction, under a lock."""
    with needs_extra():
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError
        from sqlalchemy import create_engine, text
        from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(uri), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError:
            raise PostgresError(
                f"PostgreSQL at {address(uri)} has the tables of a newer streamguard: install that, or name another "
                "database"
            ) from None


def _require_utf8(connection: psycopg.Connection[Any], uri: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise PostgresError(
            f"the database at {address(uri)} has the encoding {encoding}: make one with ENCODING 'UTF8' for streamguard"
        )
