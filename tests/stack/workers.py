"""A second Connect worker beside that of the stack, in the same cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamguard.stack import probes
from streamguard.stack.stack import Stack
from tests.stack.loops import wait_until
from tests.stack.service import random_port
from tests.stack.supervised import Supervised

START = 60.0


@dataclass
class Worker:
    """A worker process of our own."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def second_worker(stack: Stack, folder: Path) -> Iterator[Worker]:
    """A worker that has joined the stack's cluster; its config and log are in `folder`."""
    worker = start_worker(stack, folder, random_port())
    try:
        wait_until(lambda: not probes.connect_worker(worker.url), f"a second worker is ready, see {worker.log}", START)
        yield worker
    finally:
        worker.kill()


def start_worker(stack: Stack, folder: Path, port: int, loggers: Sequence[str] = (), **changes: str) -> Worker:
    """Start one like that of the stack, on another port; it ends with this process.

    `loggers` are heard from INFO on. `changes`: properties that it has in place of the stack's, `_` for the dots of
    their names.
    """
    plan = Supervised(stack, "connect").plan
    own = folder / f"connect-{port}.properties"
    theirs = str(stack.settings.connect_port)
    lines = Path(plan["argv"][-1]).read_text().splitlines(keepends=True)
    moved = (line.replace(theirs, str(port)) if line.startswith(("listeners=", "rest.")) else line for line in lines)
    others = {name.replace("_", "."): value for name, value in changes.items()}
    kept = [line for line in moved if line.partition("=")[0] not in others]
    own.write_text("".join([*kept, *(f"{name}={value}\n" for name, value in others.items())]))
    path = folder / f"connect-{port}.json"
    argv = [_heard(word, loggers, folder) for word in plan["argv"][:-1]]
    path.write_text(json.dumps({**plan, "argv": [*argv, str(own)], "parent": os.getpid()}))
    log = folder / f"connect-{port}.log"
    with log.open("ab") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamguard.stack.launch", str(path)], stdout=target, stderr=subprocess.STDOUT
        )
    return Worker(f"http://127.0.0.1:{port}", log, process)


def _heard(word: str, loggers: Sequence[str], folder: Path) -> str:
    """The argument that names the levels of the log, with more of them; any other as it is."""
    option, _, path = word.partition("=")
    if option != "-Dlog4j2.configurationFile" or not loggers:
        return word
    more = "".join(f'<Logger name="{name}" level="INFO"/>' for name in loggers)
    own = folder / "log4j2.xml"
    own.write_text(Path(path).read_text().replace("</Loggers>", f"{more}</Loggers>"))
    return f"{option}={own}"
