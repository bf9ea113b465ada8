"""One start: programs in parallel, each when what it needs is ready, each watched until it is ready itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from streamguard.errors import StackError
from streamguard.stack import logs
from streamguard.stack.places import Places
from streamguard.stack.programs import Program
from streamguard.stack.supervisor import Supervisor

READY_SECONDS = 120.0  # a server that is not ready after that long is given up
PAUSE = 0.1  # seconds between two looks at a server
LOG_LINES = 12


@dataclass(frozen=True)
class Progress:
    """`state` is waiting, preparing, starting, ready, failed, stopping or stopped; `seconds` since its beginning."""

    name: str
    state: str
    seconds: float
    detail: str = ""


OnProgress = Callable[[Progress], None]


class GivenUp(StackError):
    """Something else failed; this is not worth finishing."""


def ignore(progress: Progress) -> None:
    """No display."""


class Starting:
    """`run` once."""

    def __init__(
        self,
        supervisor: Supervisor,
        places: Places,
        programs: Mapping[str, Program],
        preparations: Mapping[str, Callable[[], None]],
        on_progress: OnProgress,
        *,
        cancel: threading.Event,
    ) -> None:
        self._supervisor = supervisor
        self._places = places
        self._programs = programs
        self._preparations = preparations
        self._on_progress = on_progress
        self._ready: dict[str, threading.Event] = {}
        self._cancel = cancel
        self._failed = threading.Event()
        self._seconds: dict[str, float] = {}

    def run(self, wanted: Sequence[str], down: Sequence[str]) -> dict[str, float]:
        """Start those of `wanted` that are `down`, wait for all: the seconds of each.

        The first error ends it, and so does `cancel`, with `GivenUp`.
        """
        self._ready = {name: threading.Event() for name in wanted}
        with ThreadPoolExecutor(max(1, len(wanted))) as pool:
            try:
                jobs = [pool.submit(self._one, name, name in down) for name in wanted]
                wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                self._failed.set()
            errors = [error for error in (job.exception() for job in jobs if job.done()) if error]
        if errors:
            raise next((error for error in errors if not isinstance(error, GivenUp)), errors[0])
        return self._seconds

    def is_ready(self, name: str) -> bool:
        """Whether the program has become ready so far."""
        return name in self._ready and self._ready[name].is_set()

    def _one(self, name: str, is_down: bool) -> None:
        program = self._programs[name]
        for other in program.needs:
            self._await(name, other)
        start = time.monotonic()
        try:
            if is_down:
                if name in self._preparations:
                    self._say(name, "preparing", start)
                    self._preparations[name]()
                self._require_hope()
                self._say(name, "starting", start)
                self._supervisor.start_program(name)
            self._watch(program, start)
        except BaseException as exc:
            if self._is_given_up:  # by Ctrl-C, or because another one failed: this one did nothing wrong
                self._say(name, "stopped", start)
            else:
                self._say(name, "failed", start, str(exc).partition("\n")[0])
            raise
        self._seconds[name] = time.monotonic() - start if is_down else 0.0
        self._say(name, "ready", start)
        self._ready[name].set()

    def _await(self, name: str, other: str) -> None:
        """Until `other` is ready, when it is being started as well."""
        if other in self._ready:
            self._say(name, "waiting", time.monotonic(), f"for {other}")
            while not self._ready[other].wait(PAUSE):
                self._require_hope()

    def _watch(self, program: Program, start: float) -> None:
        """Until it is ready; an error as soon as it has died."""
        probe = program.probe or (lambda: "")
        while True:
            process = self._supervisor.processes().get(program.name)
            if process is None or not process.is_up:
                raise StackError(self._obituary(program.name, "ended while it was starting"))
            seen = probe()
            if seen == "" and process.state in ("RUNNING", "STARTING"):
                return
            self._require_hope()
            if time.monotonic() - start > READY_SECONDS:
                raise StackError(self._obituary(program.name, f"is not ready after {READY_SECONDS:g} s ({seen})"))
            time.sleep(PAUSE)

    @property
    def _is_given_up(self) -> bool:
        return self._failed.is_set() or self._cancel.is_set()

    def _require_hope(self) -> None:
        if self._is_given_up:
            raise GivenUp

    def _obituary(self, name: str, what: str) -> str:
        log = self._places.log(name)
        end = "".join(f"\n    {line}" for line in logs.tail(log, LOG_LINES))
        return f"{name} {what}; the end of {log}:{end or ' it is empty'}"

    def _say(self, name: str, state: str, start: float, detail: str = "") -> None:
        self._on_progress(Progress(name, state, time.monotonic() - start, detail))
