"""The nemesis: kills and freezes what the bank pipeline runs on, while records flow, and measures how it comes back.

A fault counts only if it hits something: a loop with records in its hands, one at the point that was named, a server
that somebody waits for. Everything has come back from a fault when whatever was waiting at its end is committed, and
whoever was hit says that it is ready.

The loops are hit in tracks of their own, all at the same time; the servers one after the other. So what hits a loop may
fall into an outage of Kafka: seconds count from the end of the last cause.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random

from streamguard.connect.deploying.report import trouble
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, KafkaError
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.phase import Phase
from streamguard.kafka.positions import Positions
from streamguard.model import Place
from streamguard.stack.stack import Stack
from tests.stack.loops import phase_of
from tests.stack.supervised import Supervised, lives

LIMIT = 30.0
"""Seconds within which everything comes back, without a person."""
PATIENCE = 90.0
"""Seconds after which this test gives up waiting."""
STAY = 5.0
"""Seconds for which a stranger stays in a group at most, or stays away. From a victim that joined at the same moment as
it, because a broker died, nothing is revoked before it leaves."""
AIM, GLANCE, LOOK = 0.0005, 0.02, 0.2
"""Seconds between two looks at the phase of a loop, at a process, and at Kafka."""
BATCH_POINTS = ("after_poll", "after_begin", "before_offsets", "after_offsets", "during_commit", "after_commit")
RECORD_POINTS = ("mid_produce",)
STOP_POINT, REVOKE_POINT = "on_stop", "on_revoke"
"""Passed at a SIGTERM, and when somebody else joins the group."""
TIMES = ((2, 4), (100, 300))
"""The how manieth batch of a process, or record, it does not survive."""


@dataclass(frozen=True)
class Victim:
    """A program of the stack with a read-process-write loop."""

    program: str
    group: str
    topic: str
    points: tuple[str, ...] = (*BATCH_POINTS, *RECORD_POINTS, STOP_POINT, REVOKE_POINT)
    """All but ``dead_letter``: no record is refused here; tests/stack/test_failpoint.py is about that one."""


@dataclass(frozen=True)
class Sink:
    """A connector."""

    name: str
    topic: str
    server: str

    @property
    def group(self) -> str:
        return f"connect-{self.name}"


Reader = Victim | Sink

LOOPS = (
    Victim("ingestor", "sg.bank.ingestor", "bank-transactions"),
    Victim("processor", "sg.bank.processor", "unidentified-transactions", (*Victim.points, "after_ask")),
    Victim("ksql", "sg.ksql.default.fraudulent-transactions", "fraudulent-transactions"),
)
SINKS = (
    Sink("transactions-mongodb-sink", "fraudulent-transactions-result", "mongodb"),
    Sink("users-mongodb-sink", "users", "mongodb"),
    Sink("transactions-s3-sink", "fraudulent-transactions-result", "s3"),
    Sink("users-s3-sink", "users", "s3"),
)


@dataclass(frozen=True)
class Plan:
    """How often what is hit; every point of every loop is hit once besides, or, `shared`, of one loop that has it."""

    kills: int
    """Of each loop, at random."""
    worker_kills: int
    broker_kills: int
    freeze: float
    """Seconds for which S3 and MongoDB are frozen, once each."""
    pause: float
    """Seconds between two faults of one track, at most."""
    shared: bool = False


@dataclass
class Fault:
    """What happened to a program. Times are those of `time.monotonic`."""

    what: str
    program: str
    pid: int
    began: float
    kills: bool = True
    ended: float = 0.0
    returned: float = 0.0
    seconds: float = 0.0
    """From the end of the last cause until everything had come back."""


@dataclass
class Nemesis:
    """`run` once. `faults` grows meanwhile, and may be read by other threads."""

    stack: Stack
    seed: int
    loops: Sequence[Victim] = LOOPS
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._programs = {name: Supervised(self.stack, name) for name in self.stack.programs}
        self._local = threading.local()
        self._connect = ConnectClient(self.stack.settings.connect_url, deadline=0, read_timeout=5)
        self._failed = threading.Event()
        self._started = time.monotonic()

    def run(self, plan: Plan) -> None:
        """Until everything has come back from everything; an AssertionError if something does not."""
        with ThreadPoolExecutor(len(self.loops) + 1) as pool:
            tracks = [pool.submit(self._hit_loop, victim, plan) for victim in self.loops]
            tracks.append(pool.submit(self._hit_servers, plan))
            try:
                wait(tracks, return_when=FIRST_EXCEPTION)
            finally:
                if any(track.done() and track.exception() for track in tracks):
                    self._failed.set()
        for track in sorted(tracks, key=lambda track: isinstance(track.exception(), _Abandoned)):
            track.result()

    def clock(self, moment: float) -> float:
        """Seconds from the beginning, as they are printed with each fault."""
        return moment - self._started

    def table(self) -> str:
        """A line for each kind of fault: how often, and how long everything took to come back from it."""
        kinds: dict[str, list[float]] = {}
        for fault in self.faults:
            kinds.setdefault(f"{fault.program}: {fault.what}", []).append(fault.seconds)
        lines = [
            f"{kind:<40}{len(times):>4}{statistics.median(times):>10.1f}{max(times):>8.1f}"
            for kind, times in sorted(kinds.items())
        ]
        return "\n".join([f"{'fault':<40}{'hits':>4}{'median s':>10}{'max s':>8}", *lines])

    # ---- loops

    def _hit_loop(self, victim: Victim, plan: Plan) -> None:
        """Every point and as many kills at random as planned, in an order by the seed.

        A point is given to a process at its launch, so the plan of a program always holds the point of the next one.
        """
        chance = Random(f"{self.seed} {victim.program}")
        hits = [*(self._share(victim) if plan.shared else victim.points), *[""] * plan.kills]
        chance.shuffle(hits)
        pid, open_faults = self._process(victim.program), list[Fault]()
        if hits[0]:
            hits.insert(0, "")  # the process that runs has no point
        try:
            for hit, following in zip(hits, [*hits[1:], ""], strict=True):
                self._give_point(victim, following, chance)
                if self._await_return(open_faults, [victim], pid):
                    open_faults = []
                    time.sleep(chance.uniform(0, plan.pause))
                open_faults.append(self._hit(victim, pid, hit))
                pid = self._process(victim.program, pid)
            self._give_point(victim, "", chance)
            assert self._await_return(open_faults, [victim], pid)
        finally:
            self._give_point(victim, "", chance)

    def _share(self, victim: Victim) -> list[str]:
        """The points of one loop, when each falls to one of the loops that have it."""
        having = {point: [loop for loop in self.loops if point in loop.points] for point in victim.points}
        turns = enumerate(having.items(), start=self.seed)
        return [point for turn, (point, loops) in turns if loops[turn % len(loops)] == victim]

    def _hit(self, victim: Victim, pid: int, point: str) -> Fault:
        if point == STOP_POINT:
            return self._stop(victim, pid)
        if point == REVOKE_POINT:
            return self._revoke(victim, pid)
        if point:
            return self._await_death(victim, pid, point)
        self._await(lambda: self._phase(victim) > Phase.IDLE, f"{victim.program} has something to do", AIM)
        return self._kill(victim.program, pid)

    def _await_death(self, victim: Victim, pid: int, point: str) -> Fault:
        self._await(lambda: not lives(pid), f"{victim.program} kills itself {point}", GLANCE)
        return self._record(point, victim.program, pid)

    def _stop(self, victim: Victim, pid: int) -> Fault:
        """SIGTERM, and it kills itself in the middle of its end."""
        fault = self._record(STOP_POINT, victim.program, pid, ended=False)
        program = self._programs[victim.program]
        code = program.stop()
        assert code == -1, f"{victim.program} ended with {code}, and did not kill itself {STOP_POINT}"
        program.start()
        fault.ended = time.monotonic()
        return fault

    def _revoke(self, victim: Victim, pid: int) -> Fault:
        """A stranger comes, and goes: either revokes. Neither does while the victim has no partitions, since a broker
        died: then it comes again."""
        end = time.monotonic() + PATIENCE
        fault: Fault | None = None
        while fault is None:
            assert time.monotonic() < end, (
                f"waited {PATIENCE:g} s in vain until {victim.program} kills itself on_revoke"
            )
            with self._stranger(victim):
                fault = self._noticed_death(victim, pid)
            fault = fault or self._noticed_death(victim, pid)
        fault.ended = time.monotonic()
        return fault

    def _noticed_death(self, victim: Victim, pid: int) -> Fault | None:
        """Recorded at once, if it comes while a stranger stays, or stays away: others judge by what is recorded."""
        died = self._until(lambda: not lives(pid), STAY)
        return self._record(REVOKE_POINT, victim.program, pid) if died else None

    @contextmanager
    def _stranger(self, victim: Victim) -> Iterator[None]:
        """A consumer joins the group of the victim, takes partitions, reads nothing, and leaves."""
        consumer = clients.consumer(self.stack.settings, victim.group)
        consumer.subscribe([victim.topic], on_assign=lambda consumer, partitions: consumer.pause(partitions))
        served = threading.Event()

        def serve() -> None:
            while not served.is_set():
                consumer.poll(LOOK)
            consumer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            served.set()
            thread.join()

    def _give_point(self, victim: Victim, point: str, chance: Random) -> None:
        """The next process of the program kills itself there, after some batches or records."""
        times = "" if point in ("", STOP_POINT, REVOKE_POINT) else chance.randint(*TIMES[point in RECORD_POINTS])
        self._programs[victim.program].fail_at(f"{point}:{times}".strip(":"))

    def _process(self, program: str, former: int = 0) -> int:
        """The process of a program; the one that follows a former one."""
        found = 0

        def launched() -> bool:
            nonlocal found
            found = self._programs[program].successor(former)
            return found != 0

        self._await(launched, f"{program} is started", GLANCE)
        return found

    def _phase(self, victim: Victim) -> Phase:
        return phase_of(self.stack.settings, victim.group)

    # ---- servers

    def _hit_servers(self, plan: Plan) -> None:
        chance = Random(f"{self.seed} servers")
        hits: list[Callable[[], Fault]] = [
            *[self._kill_worker] * plan.worker_kills,
            *[self._kill_broker] * plan.broker_kills,
            partial(self._freeze, "s3", plan.freeze),
            partial(self._freeze, "mongodb", plan.freeze),
        ]
        chance.shuffle(hits)
        for hit in hits:
            time.sleep(chance.uniform(0, plan.pause))
            fault = hit()
            depending = [sink for sink in SINKS if fault.program in (sink.server, "connect", "kafka")]
            readers: list[Reader] = [*depending, *(self.loops if fault.program == "kafka" else ())]
            assert self._await_return([fault], readers, 0)

    def _kill_worker(self) -> Fault:
        self._await(lambda: self._lags(SINKS), "a sink has something to do", LOOK)
        return self._kill("connect", self._process("connect"))

    def _kill_broker(self) -> Fault:
        def busy() -> bool:
            return any(self._phase(victim) >= Phase.IN_TRANSACTION for victim in self.loops)

        self._await(busy, "a loop is in a transaction", AIM)
        return self._kill("kafka", self._process("kafka"))

    def _freeze(self, server: str, seconds: float) -> Fault:
        """Its connections stay open, and nobody answers."""
        sinks = [sink for sink in SINKS if sink.server == server]
        self._await(lambda: self._lags(sinks), "a sink has something to do", LOOK)
        pid = self._process(server)
        fault = self._record(f"frozen {seconds:g} s", server, pid, ended=False)
        fault.kills = False
        os.kill(pid, signal.SIGSTOP)
        try:
            self._failed.wait(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        fault.ended = time.monotonic()
        return fault

    # ---- what all have in common

    def _kill(self, program: str, pid: int) -> Fault:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self._record("SIGKILL", program, pid)

    def _record(self, what: str, program: str, pid: int, *, ended: bool = True) -> Fault:
        now = time.monotonic()
        fault = Fault(what, program, pid, began=now, ended=now if ended else 0.0)
        print(f"{self.clock(now):7.1f} s  {program}: {what}", flush=True)
        self.faults.append(fault)
        return fault

    def _await_return(self, faults: Sequence[Fault], readers: Sequence[Reader], pid: int) -> bool:
        """Whether everything came back from the faults; not if the process `pid` ended before."""
        if not faults:
            return True
        program = faults[-1].program
        marks = self._marks(readers)

        def missing() -> str:
            return self._unread(marks) or self._unwell(program, readers)

        self._await_nothing(missing, f"{program}, {faults[-1].what}", pid)
        if pid and not lives(pid):
            return False
        now = time.monotonic()
        causes = [fault.ended for fault in self.faults if fault.program in (program, "kafka") and fault.ended]
        for fault in faults:
            fault.returned, fault.seconds = now, now - max(fault.ended, *causes)
        return True

    @property
    def _positions(self) -> Positions:
        """Of this thread."""
        found: Positions | None = getattr(self._local, "positions", None)
        if found is None:
            found = self._local.positions = Positions(self.stack.settings)
        return found

    def _marks(self, readers: Sequence[Reader]) -> dict[str, dict[Place, int]]:
        """What each reader must have read: what is committed now."""
        found: dict[str, dict[Place, int]] = {}

        def look() -> bool:
            with suppress(KafkaError):
                ends = self._positions.ends(self._places({reader.topic for reader in readers}), committed=True)
                for reader in readers:
                    found[reader.group] = {place: end for place, end in ends.items() if place[0] == reader.topic}
            return bool(found)

        self._await(look, "Kafka answers", LOOK)
        return found

    def _unread(self, marks: Mapping[str, Mapping[Place, int]]) -> str:
        """Who has not read what it must have read."""
        try:
            committed = self._positions.committed(marks)
        except KafkaError as exc:
            return str(exc)
        return ", ".join(
            f"{group} at {committed[group].get(at, 0)} of {end} in {at[0]}/{at[1]}"
            for group, ends in marks.items()
            for at, end in ends.items()
            if committed[group].get(at, 0) < end
        )

    def _lags(self, readers: Sequence[Reader]) -> bool:
        return bool(self._unread(self._marks(readers)))

    def _places(self, topics: Collection[str]) -> list[Place]:
        return self._positions.places(sorted(topics))

    def _unwell(self, program: str, readers: Sequence[Reader]) -> str:
        """What the program misses, or which connectors do not run."""
        probe = self.stack.programs[program].probe
        if probe is not None and (said := probe()):
            return said
        if not any(isinstance(reader, Sink) for reader in readers):
            return ""
        try:
            return trouble(self._connect.connectors())
        except ConnectError as exc:
            return str(exc)

    def _await_nothing(self, missing: Callable[[], str], what: str, pid: int) -> None:
        """Until nothing is missing, or the process `pid` has ended."""
        end = time.monotonic() + PATIENCE
        while (said := missing()) and not (pid and not lives(pid)):
            if self._failed.is_set():
                raise _Abandoned(what)
            assert time.monotonic() < end, f"{PATIENCE:g} s after {what}: {said}"
            time.sleep(LOOK)

    def _await(self, condition: Callable[[], bool], what: str, pause: float) -> None:
        assert self._until(condition, PATIENCE, pause, what), f"waited {PATIENCE:g} s in vain until {what}"

    def _until(self, condition: Callable[[], bool], seconds: float, pause: float = GLANCE, what: str = "") -> bool:
        """Whether it came true within so many seconds."""
        end = time.monotonic() + seconds
        while not (true := condition()) and time.monotonic() < end:
            if self._failed.is_set():
                raise _Abandoned(what)
            time.sleep(pause)
        return true


class _Abandoned(Exception):
    """Something else failed."""
