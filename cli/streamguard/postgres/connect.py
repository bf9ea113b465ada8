"""Where a connection to PostgreSQL is opened, and where its errors become ours, without a secret or a value of a row.

A URI is whatever libpq takes: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with options behind a `?`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from streamguard.errors import PostgresError, PostgresUnavailable, ProjectError, SettingsError
from streamguard.settings import HERE

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

    from streamguard.model import Pipeline
    from streamguard.settings import Settings

    Configure = Callable[[psycopg.Connection[Any]], None]

DEFAULTS: Mapping[str, Any] = {
    "application_name": "streamguard",
    "connect_timeout": 5,  # seconds
    # A server that is gone without a word is noticed in about 15 s.
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
PLAIN = {
    "host": re.compile(r"@?[\w.:,/%-]*"),
    "hostaddr": re.compile(r"[\w.:,%-]*"),
    "port": re.compile(r"[\d,]*"),
    "dbname": re.compile(r"[^@:/]*"),
}
"""What is told about an address."""
EXTRA = ("psycopg", "psycopg_pool", "sqlalchemy", "alembic")
VARIABLE = "STREAMGUARD_POSTGRES_URI"
REFUSED = {
    "28P01": f"refuses the user of {VARIABLE}: check its name and password",
    "28000": f"refuses the user of {VARIABLE}: check its name and password, and the server's pg_hba.conf",
    "42501": f"refuses the user of {VARIABLE} what it wants to do: it needs the rights of the database's owner",
    "53300": "has no connection left: raise its max_connections, or end those that are open",
    "53100": "has no room left on its disk",
    "25006": f"can only be read: {VARIABLE} names a replica; name the primary server",
}
"""By SQLSTATE: what the server said, and what next."""
CLASSES_OF_DATA = ("22", "23", "54")
"""Of SQLSTATEs: a value that does not fit its column, breaks a constraint, or is too large for an index."""


def database_uri(settings: Settings, pipeline: Pipeline) -> str:
    """Where a pipeline's tables are: the server of the settings, with the pipeline's database unless the URI has one.

    Raises:
        ProjectError: the pipeline names no database.
        SettingsError: the setting is no URI.
    """
    if pipeline.postgres_database is None:
        raise ProjectError(
            f"init/{pipeline.name}.yml names no PostgreSQL database: write `postgres: {{database: {pipeline.name}}}`"
        )
    return in_database(settings.postgres_uri, pipeline.postgres_database)


def in_database(uri: str, database: str, *, instead: bool = False) -> str:
    """The URI with this database, unless it has one (`instead`: even then). Raises SettingsError."""
    parts = _parts(uri)
    if instead or "dbname" not in parts:
        parts["dbname"] = database
    return str(_psycopg().conninfo.make_conninfo(**parts))


def address(uri: str) -> str:
    """``HOST:PORT/DATABASE``, for a person; without user and password. Raises SettingsError."""
    parts = _parts(uri)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def connect(uri: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A connection. Raises PostgresUnavailable, PostgresError, SettingsError."""
    with needs_extra():
        import psycopg
    with postgres_errors(uri):
        return psycopg.connect(uri, autocommit=autocommit, **connection_defaults(uri))


def open_pool(
    uri: str, size: int, *, timeout: float = 5.0, configure: Configure | None = None
) -> ConnectionPool[psycopg.Connection[Any]]:
    """A pool of at most `size` connections, which are tested before they are lent; `timeout` in seconds.

    It is returned at once, also while no server answers: `pool.connection()` then raises psycopg_pool.PoolTimeout.
    """
    with needs_extra():
        from psycopg_pool import ConnectionPool
    return ConnectionPool(
        uri,
        min_size=1,
        max_size=size,
        timeout=timeout,
        reconnect_timeout=timeout,  # it tries again, less and less often; who asks later begins anew
        kwargs=connection_defaults(uri),
        configure=configure,
        check=ConnectionPool.check_connection,
        open=True,
    )


def is_outage(exc: Exception) -> bool:
    """May the same statement succeed later, or once somebody has mended the server? False: it is the data's fault."""
    psycopg = _psycopg()
    if isinstance(exc, psycopg.Error):
        return (exc.sqlstate or "")[:2] not in CLASSES_OF_DATA
    from psycopg_pool import PoolTimeout

    return isinstance(exc, PoolTimeout)


@contextmanager
def postgres_errors(uri: str) -> Iterator[None]:
    """Turn what psycopg raises into one sentence. The original may quote the URI, or a value: it is not kept."""
    psycopg = _psycopg()
    from psycopg_pool import PoolTimeout

    try:
        yield
    except psycopg.Error as exc:
        raise explain(exc, uri) from None
    except PoolTimeout:
        raise PostgresUnavailable(_no_answer(uri)) from None


def explain(exc: psycopg.Error, uri: str) -> PostgresError:
    """One sentence about an error of psycopg, without a secret or a value of a row."""
    state, psycopg = exc.sqlstate or "", _psycopg()
    lost = isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError)
    if lost and (state == "" or state[:2] in ("08", "57")):
        refused = next((code for code in ("28P01", "3D000") if _says(exc, code)), "")
        if refused == "":
            return PostgresUnavailable(_no_answer(uri))
        state = refused
    if state == "3D000":
        return PostgresError(
            f"PostgreSQL at {address(uri)} has no such database: `streamguard up` makes it on the local server; "
            "elsewhere whoever runs it does"
        )
    said = REFUSED.get(state)
    if said is None:
        # Of a class 42 the words name tables and columns, of others they may hold a value.
        words = exc.diag.message_primary if state.startswith("42") else type(exc).__name__
        said = f"refuses: {words} (SQLSTATE {state or 'unknown'})"
    return PostgresError(f"PostgreSQL at {address(uri)} {said}")


@contextmanager
def needs_extra() -> Iterator[None]:
    """Around an import of what comes with the extra `postgres`."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise _missing(exc.name) from exc


def require_extra() -> None:
    """PostgresError if what comes with the extra `postgres` is not installed; nothing is imported."""
    missing = next((name for name in EXTRA if find_spec(name) is None), None)
    if missing is not None:
        raise _missing(missing)


def _missing(package: str | None) -> PostgresError:
    return PostgresError(f"PostgreSQL needs the package {package}: pip install 'streamguard[postgres]'")


def _says(exc: Exception, sqlstate: str) -> bool:
    """psycopg gives no SQLSTATE for what is refused while connecting, but for the text."""
    words = {"28P01": "authentication failed", "3D000": "does not exist"}[sqlstate]
    return words in str(exc)


def _no_answer(uri: str) -> str:
    here = _parts(uri).get("host", "localhost") in HERE
    advice = f"is the stack up (streamguard status), and {VARIABLE} right?" if here else f"is {VARIABLE} right?"
    return f"PostgreSQL does not answer at {address(uri)}: {advice}"


def _psycopg() -> Any:
    with needs_extra():
        import psycopg
    return psycopg


def connection_defaults(uri: str) -> dict[str, Any]:
    """The defaults for what the URI does not say."""
    given = _parts(uri)
    return {name: value for name, value in DEFAULTS.items() if name not in given}


def _parts(uri: str) -> dict[str, Any]:
    psycopg = _psycopg()
    parts: dict[str, Any] | None
    try:
        parts = dict(psycopg.conninfo.conninfo_to_dict(uri))
    except psycopg.ProgrammingError:
        parts = None
    # A password with an @ or a / in clear ends where it should not, and the rest of it is taken for an address.
    if parts is None or not all(pattern.fullmatch(str(parts.get(name, ""))) for name, pattern in PLAIN.items()):
        raise SettingsError(
            f"{VARIABLE} is no PostgreSQL URI: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters "
            "of the password as in a URL (@ is %40)"
        )
    return parts
