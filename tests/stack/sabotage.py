"""One verification of a pipeline in which a promise is broken: what the verifier finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.connect.deploying.report import trouble
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import WaitTimedOut
from streamguard.stack.stack import Stack
from streamguard.verify.entries import Fault
from streamguard.verify.verification import Verification
from tests.stack.bank import Bank, summary_of
from tests.stack.loops import wait_until
from tests.stack.supervised import Supervised, lives

REPOSITORY = Path(__file__).parents[2]
QUIET = 15.0
"""Seconds that a verification waits: some of these pipelines never get quiet."""
RECORDS = ("--rate", "1000", "--count", "3000", "--fraudulent-share", "20", "--unidentified-share", "30")


@dataclass(frozen=True)
class Case:
    """A build of tests/sabotage in the place of a program, and the faults as one of which it must be caught.

    The program, or `killed`, kills itself at `point`; what is started after that is honest. The server `without` is
    away while the records are written. With `config` it is no program but a connector, or the worker, with that in its
    config.
    """

    build: str
    program: str
    caught_as: tuple[Fault, ...]
    point: str = ""
    killed: str = ""
    without: str = ""
    config: Mapping[str, str] | None = None

    @property
    def victim(self) -> str:
        return self.killed or self.program


WORKER = "connect"
UNCOMMITTED = {"consumer.isolation.level": "read_uncommitted"}
"""A consumer's default, and so a worker's."""
RANDOM_IDS = {
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.BsonOidStrategy",
    "document.id.strategy.overwrite.existing": "true",
}
"""The sink's own default: every delivery makes another document."""

CASES = (
    Case("auto_commit", "ingestor", (Fault.LOST, Fault.REPEATED), point="after_poll:9"),
    Case("offsets_after", "ingestor", (Fault.REPEATED,), point="after_commit:5"),
    Case("offsets_before", "ingestor", (Fault.LOST,), point="after_begin:5"),
    Case("random_transactional_id", "ingestor", (Fault.LOST,), point="after_offsets:5"),
    Case("no_transactions", "ingestor", (Fault.REPEATED,), point="after_commit:5"),
    Case("no_flush", "ingestor", (Fault.LOST,), point="after_poll:5"),
    Case("torn", "processor", (Fault.TORN,), point="mid_produce:50"),
    Case("reads_uncommitted", "ksql", (Fault.REPEATED,), point="after_offsets:5", killed="ingestor"),
    Case("wrong_partitioner", "ingestor", (Fault.MISROUTED,)),
    Case("reordered", "ingestor", (Fault.REORDERED,)),
    Case("rewritten", "ingestor", (Fault.CORRUPTED,)),
    Case("swapped_verdicts", "processor", (Fault.PHANTOM,)),
    Case("default_verdict", "processor", (Fault.LOST,), without="validator"),
    Case(
        "sinks_read_uncommitted",
        WORKER,
        (Fault.REPEATED, Fault.PHANTOM),
        point="after_offsets:5",
        killed="processor",
        config=UNCOMMITTED,
    ),
    Case(
        "random_ids", "transactions-mongodb-sink", (Fault.REPEATED, Fault.CORRUPTED, Fault.PHANTOM), config=RANDOM_IDS
    ),
)


def faults_of(bank: Bank, case: Case) -> Counter[Fault]:
    """How often the verifier finds each fault, in all places together."""
    with Verification(bank.settings, bank.stack.project, bank.pipeline) as verification:
        verification.begin()
        with _broken(bank.stack, case):
            verification.expect(_produce(bank, case))
            with suppress(WaitTimedOut):
                verification.quiesce(QUIET)
        report = verification.check()
    return sum((Counter(faults) for faults in report.faults().values()), Counter[Fault]())


def _produce(bank: Bank, case: Case) -> Mapping[str, Any]:
    pid = Supervised(bank.stack, case.victim).pid if case.point else 0
    if case.without:
        bank.stack.supervisor.stop_program(case.without)
    producing = bank.produce(*RECORDS)
    if case.point:
        wait_until(lambda: not lives(pid), f"{case.victim} kills itself {case.point}")
    summary = summary_of(producing, timeout=60)
    if case.without:
        bank.stack.start([case.without])
    return summary


def _broken(stack: Stack, case: Case) -> AbstractContextManager[None]:
    """What is broken in this block."""
    if case.config is None:
        return _in_place(stack, case)
    if case.program == WORKER:
        return _worker_configured(stack, case, case.config)
    return _configured(stack, case.program, case.config)


@contextmanager
def _worker_configured(stack: Stack, case: Case, config: Mapping[str, str]) -> Iterator[None]:
    """The worker has other settings in this block, and the one that is to be killed its point."""
    path = stack.places.run / "connect.properties"
    honest, plan = path.read_text(), Supervised(stack, case.victim).plan
    lines = [line for line in honest.splitlines() if line.partition("=")[0] not in config]
    pointed = {**plan, "env": {**plan["env"], "STREAMGUARD_FAILPOINT": case.point}}
    try:
        path.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in config.items()), ""]))
        _restart_worker(stack)
        _restart(stack, case.victim, pointed, plan)
        yield
    finally:
        path.write_text(honest)
        _restart_worker(stack)


def _restart_worker(stack: Stack) -> None:
    worker = Supervised(stack, WORKER)
    _restart(stack, WORKER, worker.plan, worker.plan)
    client = ConnectClient(stack.settings.connect_url)
    wait_until(lambda: trouble(client.connectors()) == "", "all connectors run", 60)


@contextmanager
def _configured(stack: Stack, connector: str, config: Mapping[str, str]) -> Iterator[None]:
    """The connector has another config in this block."""
    client = ConnectClient(stack.settings.connect_url)
    honest = client.config(connector)
    client.patch_config(connector, config)
    try:
        wait_until(lambda: client.task_configs(connector)[0].items() >= config.items(), f"{connector} is changed")
        wait_until(lambda: client.status(connector).is_running, f"{connector} runs")
        yield
    finally:
        client.put_config(connector, honest)


@contextmanager
def _in_place(stack: Stack, case: Case) -> Iterator[None]:
    """The build runs in the place of the program, until it kills itself or the block ends."""
    names = dict.fromkeys((case.program, case.victim))
    honest = {name: Supervised(stack, name).plan for name in names}
    started = {name: {**plan, "env": dict(plan["env"])} for name, plan in honest.items()}
    broken = started[case.program]
    at = broken["argv"].index("-m") + 1
    broken["argv"] = [*broken["argv"][:at], "tests.sabotage", case.build, *broken["argv"][at + 1 :]]
    broken["env"]["PYTHONPATH"] = str(REPOSITORY)
    started[case.victim]["env"]["STREAMGUARD_FAILPOINT"] = case.point
    try:
        for name in names:
            _restart(stack, name, started[name], honest[name])
        yield
    finally:
        for name in names:
            _restart(stack, name, honest[name], honest[name])


def _restart(stack: Stack, name: str, plan: dict[str, Any], following: dict[str, Any]) -> None:
    """One process from `plan`, and those that follow it from another."""
    program = Supervised(stack, name)
    before = program.pid
    program.replace_plan(plan)
    program.stop()
    program.start()
    wait_until(lambda: program.successor(before) != 0, f"{name} is started")
    program.replace_plan(following)
    probe = stack.programs[name].probe
    assert probe is not None
    wait_until(lambda: probe() == "", f"{name} is ready", 60)
