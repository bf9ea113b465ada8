"""Records a second, by what a consumer group commits."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import NoReturn

from streamguard.errors import KafkaError
from streamguard.kafka.positions import Positions
from streamguard.settings import Settings, inherited_environment

PAUSE = 0.02
Process = subprocess.Popen[bytes]


def rate(
    settings: Settings, group: str, topic: str, records: int, *, after: int = 0, process: Process | None = None
) -> float:
    """Between the first commit of a group after it had `after` records, and that with which it has `records` more.

    `process` is who commits: should it end before, so does the benchmark.
    """
    positions = Positions(settings)
    first: tuple[float, int] | None = None
    while True:
        ended = process is not None and process.poll() is not None
        done, now = _committed(positions, group, topic) - after, time.monotonic()
        if done > 0 and first is None:
            first = now, done
        if first is not None and done >= records:
            return (done - first[1]) / (now - first[0])
        if ended:
            give_up(process)
        time.sleep(PAUSE)


def give_up(process: Process | None) -> NoReturn:
    """End the benchmark, since who is measured has ended before it was done: what it had to say is above."""
    code = None if process is None else process.returncode
    sys.exit(f"what is measured has ended with code {code} before it was done")


def rate_of_yardstick(settings: Settings, module: str, group: str, topic: str, records: int) -> float:
    """That of a hand-written loop, which runs as a process of its own."""
    command = [sys.executable, "-m", module, settings.kafka_bootstrap, group, str(records)]
    with subprocess.Popen(command, env=inherited_environment()) as process:
        try:
            return rate(settings, group, topic, records, process=process)
        finally:
            process.terminate()


def _committed(positions: Positions, group: str, topic: str) -> int:
    try:
        offsets = positions.committed([group])[group]
    except KafkaError:  # a broker that has just started still looks for what groups have committed
        return 0
    return sum(offset for (name, _), offset in offsets.items() if name == topic)
