"""What heal logs of a task that failed, on a real worker that tells a secret in its trace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from streamguard.settings import inherited_environment
from tests.stack.loops import wait_until
from tests.stack.test_connect_secrets import WORD, Planted, found_in, fresh, planted, trace_of

__all__ = ["fresh", "planted"]  # fixtures


def test_heal_logs_why_a_task_failed_without_the_secret_in_it(planted: Planted) -> None:
    raw = f"{planted.url}/connectors/{planted.foreign}/status"
    wait_until(lambda: WORD in trace_of(raw), "the trace of the task has the secret", 30)
    words = ["-vvv", "--project", str(planted.fleet.root), "connectors", "heal", planted.foreign, "--interval", "0.2"]
    healing = subprocess.Popen(
        [sys.executable, "-m", "streamguard", *words],
        env={**inherited_environment(), **planted.fleet.settings.environment(), "STREAMGUARD_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert healing.stderr is not None
    lines: list[str] = []
    end = time.monotonic() + 30
    while time.monotonic() < end and not any("cause" in line for line in lines):
        lines.append(healing.stderr.readline())
    healing.send_signal(signal.SIGTERM)
    out, err = healing.communicate(timeout=20)
    assert any("cause" in json.loads(line) for line in lines if line.startswith("{"))
    assert found_in(out + err + "".join(lines)) == []
