"""A second Connect worker beside that of the stack, in the same cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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


def start_worker(stack: Stack, folder: Path, port: int) -> Worker:
    """Start one like that of the stack, on another port; it ends with this process."""
    plan = Supervised(stack, "connect").plan
    own = folder / f"connect-{port}.properties"
    theirs = str(stack.settings.connect_port)
    lines = Path(plan["argv"][-1]).read_text().splitlines(keepends=True)
    moved = (line.replace(theirs, str(port)) if line.startswith(("listeners=", "rest.")) else line for line in lines)
    own.write_text("".join(moved))
    path = folder / f"connect-{port}.json"
    path.write_text(json.dumps({**plan, "argv": [*plan["argv"][:-1], str(own)], "parent": os.getpid()}))
    log = folder / f"connect-{port}.log"
    with log.open("wb") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamguard.stack.launch", str(path)], stdout=target, stderr=subprocess.STDOUT
        )
    return Worker(f"http://127.0.0.1:{port}", log, process)
