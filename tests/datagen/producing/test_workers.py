"""What a parent and its workers say to each other, over real pipes; the processes themselves are in tests/stack."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

from streamguard.datagen.producing.pacing import EVERYTHING
from streamguard.datagen.producing.progress import Position, Progress
from streamguard.datagen.producing.publishing import Totals
from streamguard.datagen.producing.workers import Mailbox, Worker, Workers
from streamguard.errors import KafkaUnavailable


@dataclass
class Ended:
    """A process that has ended."""

    exitcode: int | None = 0

    def join(self, timeout: float | None = None) -> None: ...


@dataclass
class Team:
    """Workers that are threads of the test."""

    workers: list[Worker] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def hire(self, does: Callable[[Connection, Mailbox], None], code: int | None = 0) -> None:
        own, theirs = Pipe()

        def live() -> None:
            with theirs, suppress(BrokenPipeError):
                does(theirs, Mailbox(theirs))

        self.threads.append(threading.Thread(target=live))
        self.workers.append(Worker(len(self.workers), Ended(code), own))  # type: ignore[arg-type]

    def run(self, *, stopped: bool = False, permit: Any = None) -> tuple[Totals, list[Any], Workers]:
        taken: list[Any] = []
        for thread in self.threads:
            thread.start()
        workers = Workers(self.workers)
        try:
            totals = workers.run(lambda: stopped, lambda _: None, take=taken.append, permit=permit)
        finally:
            for worker in self.workers:
                worker.connection.close()
            for thread in self.threads:
                thread.join(5)
        return totals, taken, workers


def progress(sent: int, **more: Any) -> Progress:
    return Progress(1.0, sent, sent, positions={"numbers": Position(sent, sent)}, **more)


def diligent(sent: int) -> Callable[[Connection, Mailbox], None]:
    def work(connection: Connection, mailbox: Mailbox) -> None:
        connection.send(("ready",))
        mailbox.await_begin()
        connection.send(("progress", progress(sent // 2), {"numbers": ["early"]}))
        connection.send(("done", Totals(progress(sent), None), {"numbers": ["late"]}))

    return work


def until_stopped(connection: Connection, mailbox: Mailbox) -> None:
    connection.send(("ready",))
    mailbox.await_begin()
    while not mailbox.stopped():
        pass
    connection.send(("done", Totals(progress(5), None), {}))


@pytest.fixture
def team() -> Team:
    return Team()


def test_workers_together_have_one_progress_and_all_sums_arrive(team: Team) -> None:
    team.hire(diligent(10))
    team.hire(diligent(20))
    totals, taken, _ = team.run()
    assert (totals.progress.acknowledged, totals.error) == (30, None)
    assert totals.progress.positions["numbers"] == Position(10, 20)
    assert sorted(sums["numbers"][0] for sums in taken) == ["early", "early", "late", "late"]


def test_a_stop_reaches_every_worker(team: Team) -> None:
    team.hire(until_stopped)
    team.hire(until_stopped)
    totals, _, _ = team.run(stopped=True)
    assert totals.progress.acknowledged == 10


def test_a_worker_that_dies_stops_the_others_and_is_told(team: Team) -> None:
    def dies(connection: Connection, mailbox: Mailbox) -> None:
        connection.send(("ready",))
        mailbox.await_begin()
        connection.send(("progress", progress(3), {}))

    team.hire(until_stopped)
    team.hire(dies, code=-9)
    totals, _, _ = team.run()
    assert totals.error == "worker 2 of 2 was killed by SIGKILL"
    assert totals.progress.acknowledged == 8


def test_a_worker_that_dies_before_the_beginning_lets_nobody_wait(team: Team) -> None:
    team.hire(until_stopped)
    team.hire(lambda *_: None, code=1)
    totals, _, _ = team.run()
    assert totals.error == "worker 2 of 2 ended by itself with exit code 1"


def test_a_failed_record_of_one_stops_all(team: Team) -> None:
    def fails(connection: Connection, mailbox: Mailbox) -> None:
        connection.send(("ready",))
        mailbox.await_begin()
        connection.send(("done", Totals(progress(3, failed=1), "too large"), {}))

    team.hire(until_stopped)
    team.hire(fails)
    totals, _, _ = team.run()
    assert (totals.error, totals.progress.failed) == ("too large", 1)


def test_an_error_of_a_worker_is_the_error_of_the_run(team: Team) -> None:
    team.hire(until_stopped)
    team.hire(lambda connection, _: connection.send(("error", KafkaUnavailable("nobody there"))))
    with pytest.raises(KafkaUnavailable, match="nobody there"):
        team.run()


def test_permits_go_to_the_workers_before_they_begin(team: Team) -> None:
    seen = []

    def obeys(connection: Connection, mailbox: Mailbox) -> None:
        connection.send(("ready",))
        mailbox.await_begin()
        seen.append(mailbox.permit("numbers", 0))
        connection.send(("done", Totals(progress(1), None), {}))

    team.hire(obeys)
    team.run(permit=lambda _: {"numbers": 4096})
    assert seen == [4096]


def test_workers_that_are_stopped_end_where_the_furthest_is(team: Team) -> None:
    ends = []

    def reaches(index: int) -> Callable[[Connection, Mailbox], None]:
        def work(connection: Connection, mailbox: Mailbox) -> None:
            connection.send(("ready",))
            mailbox.await_begin()
            while (end := mailbox.agree({"numbers": index})) is None:
                pass
            ends.append(end)
            connection.send(("done", Totals(progress(1), None), {}))

        return work

    team.hire(reaches(100))
    team.hire(reaches(300))
    team.run(stopped=True)
    assert ends == [{"numbers": 300}] * 2


def test_without_permits_everything_may_be_sent_and_a_parent_that_is_gone_is_a_stop() -> None:
    parent, own = Pipe()
    mailbox = Mailbox(own)
    assert mailbox.permit("numbers", 7) == EVERYTHING
    assert not mailbox.stopped()
    parent.close()
    assert own.poll(5), "a process that another thread has just forked may have the pipe until it begins"
    assert mailbox.stopped()
    assert mailbox.agree({}) is not None, "nobody is left to agree with"
    own.close()
