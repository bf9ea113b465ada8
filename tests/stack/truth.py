"""Does `status` tell the truth all along? It is asked once and again, and compared with what the nemesis knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Self

from streamguard import pipeline
from streamguard.stack.stack import Row
from tests.stack.nemesis import Fault, Nemesis

SLOWEST = 3.0
"""Seconds that `status` may take."""
PAUSE = 0.5
DEPENDS_ON = {
    "connect": ("kafka", "mongodb", "s3"),
    "ksql": ("kafka",),
    "ingestor": ("kafka",),
    "processor": ("kafka",),
}
"""Without whom a program is not ready, either; Connect's row tells which connectors do not run."""


class Truth:
    """Asks in a thread of its own. `lies` are sentences; `asked` says how often."""

    def __init__(self, nemesis: Nemesis) -> None:
        self.lies: list[str] = []
        self.asked = 0
        self.slowest = 0.0
        self._nemesis = nemesis
        self._suspects: set[str] = set()
        self._resting = {row.name for row in nemesis.stack.status() if row.state == "stopped"}
        """What somebody stopped before: nobody expects it to run."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="truth", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                rows = {row.name: row for row in pipeline.status(self._nemesis.stack)}
            except Exception as exc:  # noqa: BLE001  whatever it is, it is no answer
                self.lies.append(f"status failed: {exc}")
                return
            ended = time.monotonic()
            self.asked += 1
            self.slowest = max(self.slowest, ended - began)
            self._stop.wait(PAUSE)
            self._judge(rows, began, ended)  # by now the nemesis knows what died at that moment

    def _judge(self, rows: Mapping[str, Row], began: float, ended: float) -> None:
        faults = list(self._nemesis.faults)
        for row in rows.values():
            if row.state == "ready":
                self.lies += [
                    f"{row.name} is shown as ready: {fault}" for fault in faults if _is_away(fault, row, began, ended)
                ]
        unready = {
            row.name
            for row in rows.values()
            if row.state != "ready" and row.name not in self._resting and _is_well(row.name, faults, began, ended)
        }
        # Once may be a moment in which the machine had no time for an answer.
        self.lies += [
            f"{self._nemesis.clock(began):.1f} s: {name} is shown as {rows[name].state}: {rows[name].detail}"
            for name in unready & self._suspects
        ]
        self._suspects = unready


def _is_away(fault: Fault, row: Row, began: float, ended: float) -> bool:
    """Whether the process of the row was killed before it was asked, or frozen all the while."""
    if fault.pid != row.pid or fault.began > began:
        return False
    return 0 < fault.ended <= began if fault.kills else fault.ended == 0 or fault.ended >= ended


def _is_well(name: str, faults: list[Fault], began: float, ended: float) -> bool:
    """Whether nothing that concerns the program was under way, from a second before it was asked."""
    concerned = {name, *DEPENDS_ON.get(name, ())}
    return not any(
        fault.program in concerned
        and fault.began < ended + PAUSE
        and (fault.returned == 0 or fault.returned > began - 1)
        for fault in faults
    )
