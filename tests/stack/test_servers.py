"""The local servers themselves, really started."""

from __future__ import annotations

import psutil

from streamguard.stack.stack import Stack


def test_every_server_is_ready(stack: Stack) -> None:
    states = {row.name: row.state for row in stack.status()}
    assert {states[name] for name in ("kafka", "connect", "s3", "mongodb")} == {"ready"}


def test_every_listener_is_on_the_loopback(stack: Stack) -> None:
    pid = stack.supervisor.pid()
    assert pid is not None
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    listeners = [c.laddr.ip for p in processes for c in p.net_connections("all") if c.status == psutil.CONN_LISTEN]
    assert len(listeners) > 10
    assert set(listeners) == {"127.0.0.1"}
