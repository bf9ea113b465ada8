"""SecantusDB's server as the stack starts it."""

from __future__ import annotations

import time
from pathlib import Path

from streamguard.settings import LOOPBACK
from streamguard.stack.ports import free_ports
from streamguard.stack.secantusd import Server


def test_it_ends_without_waiting_for_the_thread_that_accepts_connections(tmp_path: Path) -> None:
    server = Server(host=LOOPBACK, port=free_ports(1)[0], storage_path=str(tmp_path))
    server.start()
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 1.5
