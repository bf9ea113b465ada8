"""A check and its verdict; all run at the same time, and none is waited for longer than the others.

ok       as it should be
warn     works, and somebody should look at it
fail     the pipeline can not work, or not as promised
unknown  nobody can tell from here; the row says how to find out
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from streamguard.connect.secrecy.secrets import redact
from streamguard.errors import (
    CatalogError,
    ConnectUnavailable,
    KafkaError,
    KsqlUnavailable,
    StackError,
    StreamguardError,
)

State = Literal["ok", "warn", "fail", "unknown"]
SECONDS = 15.0
"""Longest wait for a check."""
Work = Callable[[], Iterable["Check"]]
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Check:
    """What was looked at, the verdict, what is there, and what to do; nothing of it is a secret."""

    what: str
    state: State
    found: str
    next: str = ""

    def document(self) -> dict[str, str]:
        """As a row of the listing."""
        return {"state": self.state, "what": self.what, "found": redact(self.found), "next": redact(self.next)}


def examine(jobs: Mapping[str, Work], report: Report, *, seconds: float = SECONDS) -> list[Check]:
    """Run all jobs at once; what each found, in the order of the jobs. One that does not end in time is unknown.

    `report` hears how many have ended, of how many.
    """
    runs = {name: _Run(work) for name, work in jobs.items()}
    end = time.monotonic() + seconds
    left = list(runs.values())
    report(0, len(runs))
    while left and time.monotonic() < end:
        left[0].ended.wait(min(0.1, max(0.0, end - time.monotonic())))
        before, left = len(left), [run for run in left if not run.ended.is_set()]
        if len(left) != before:
            report(len(runs) - len(left), len(runs))
    return [check for name, run in runs.items() for check in run.verdict(name, seconds)]


def failed(checks: Sequence[Check]) -> bool:
    """Whether something does not work."""
    return any(check.state == "fail" for check in checks)


class _Run:
    """A job in a thread of its own, which nobody waits for at the end: a client that hangs ends with the process."""

    def __init__(self, work: Work) -> None:
        self.ended = threading.Event()
        self._work = work
        self._found: list[Check] = []
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="check", daemon=True).start()

    def _run(self) -> None:
        try:
            for check in self._work():
                self._found.append(check)
        except Exception as exc:  # noqa: BLE001  told by `verdict`
            self._error = exc
        finally:
            self.ended.set()

    def verdict(self, name: str, seconds: float) -> list[Check]:
        found = list(self._found)
        if not self.ended.is_set():
            return [*found, Check(name, "unknown", f"no answer within {seconds:.0f} s", "run it again")]
        match self._error:
            case None:
                return found
            case StreamguardError() as exc:
                return [*found, Check(name, "fail", *halves(exc))]
            case exc:
                kind = type(exc).__name__
                return [*found, Check(name, "unknown", f"the check itself failed: {kind}", "`streamguard status`")]


def halves(exc: StreamguardError) -> tuple[str, str]:
    """What is wrong and what to do, of an error that says both; else all of it, and nothing."""
    said = str(exc).partition("\n")[0]
    if isinstance(exc, ConnectUnavailable) and ": no answer in time" in said:
        return said, ""
    if isinstance(exc, CatalogError) and " does not answer: " not in said:
        return said, ""  # what the catalog says, and no advice
    if not isinstance(exc, KafkaError | ConnectUnavailable | KsqlUnavailable | StackError | CatalogError):
        return said, ""
    told, mark, advice = said.partition(": ") if ": " in said else said.partition("; ")
    return (told, advice) if mark else (said, "")
