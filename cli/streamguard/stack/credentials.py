"""The credentials of the local servers: generated at first start into a file of mode 0600, read by name.

The launcher reads this at every start of a server, so nothing but the standard library is imported here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FILE = "credentials.env"
S3_ACCESS_KEY = "STREAMGUARD_S3_ACCESS_KEY"
S3_SECRET_KEY = "STREAMGUARD_S3_SECRET_KEY"  # noqa: S105  a variable's name
MONGODB_URI = "STREAMGUARD_MONGODB_URI"
POSTGRES_URI = "STREAMGUARD_POSTGRES_URI"
OWN_POSTGRES_URI = "STREAMGUARD_OWN_POSTGRES_URI"
"""The user's own server, if the settings name one: for the services that `up` starts, which inherit no secret."""
_LINE = re.compile(r"(?P<name>\w+)='(?P<value>(?:[^'\\]|\\.)*)'$")
_HEADING = "# Credentials of the local servers, generated at first start. Keep this file to yourself.\n"


def read(folder: Path) -> dict[str, str]:
    """The credentials in `folder`; empty when there are none yet."""
    try:
        text = (folder / FILE).read_text()
    except FileNotFoundError:
        return {}
    found = (_LINE.match(line) for line in text.splitlines())
    return {match["name"]: re.sub(r"\\(.)", r"\1", match["value"]) for match in found if match}


def write(folder: Path, credentials: Mapping[str, str]) -> None:
    """Replace the file in one step; nobody else can ever read it, not even while it is written."""
    make_private(folder)
    lines = [f"{name}='{_quote(value)}'\n" for name, value in sorted(credentials.items())]
    part = folder / f".{FILE}.{os.getpid()}"
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with part.open("w") as file:
        file.write(_HEADING + "".join(lines))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)


def make_private(folder: Path) -> None:
    """Make a folder for this user only; whom PostgreSQL runs as may still pass through it, see `stack.postgres`."""
    folder.mkdir(parents=True, exist_ok=True)
    passed = (folder / "postgres").exists() and os.geteuid() == 0
    folder.chmod(0o710 if passed else 0o700)


def _quote(value: str) -> str:
    """As python-dotenv reads a value in single quotes."""
    if "\n" in value or "\r" in value:
        raise ValueError("a credential is one line")
    return value.replace("\\", "\\\\").replace("'", "\\'")
