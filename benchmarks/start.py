"""Seconds until `streamguard --help` has printed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RUNS = 20


def measure(runs: int = RUNS) -> list[float]:
    """Wall-clock seconds of each run, after one that is not counted."""
    command = [str(Path(sys.executable).parent / "streamguard"), "--help"]
    found = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - start)
    return found[1:]


def table(seconds: list[float]) -> str:
    """As Markdown."""
    return f"`streamguard --help`: median {median(seconds) * 1000:.0f} ms of {len(seconds)} runs"
