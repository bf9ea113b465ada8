"""Servers that share a command log, in memory: whatever comes between them, they end with the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from streamguard.engine.server import execute
from streamguard.engine.server.commands import Command, CommandLog
from streamguard.engine.server.execute import Statements
from streamguard.engine.server.rejection import Rejection
from streamguard.engine.server.request import StatementRequest
from streamguard.errors import Fenced, KafkaError


class Shared:
    """What Kafka keeps: commands by number, and whose producer is the last."""

    def __init__(self) -> None:
        self.records: dict[int, Command] = {}
        self.end = 0
        self.holder: Log | None = None
        self.lock = threading.Lock()


class Log:
    """A command log as one server sees it. `fails`: what the next writing ends with, and whether it is written."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.next_number = 0
        self.leased = False
        self.fails: tuple[Exception, bool] | None = None

    def take(self, after: int) -> list[tuple[int, Command]]:
        with self.shared.lock:
            self.shared.holder, self.leased, self.next_number = self, True, self.shared.end
            return [entry for entry in self.shared.records.items() if entry[0] > after]

    def append(self, commands: Sequence[Command]) -> list[int]:
        with self.shared.lock:
            failure, self.fails = self.fails, None
            if self.shared.holder is not self:
                failure = Fenced("another server writes"), False
            numbers = list(range(self.shared.end, self.shared.end + len(commands)))
            if failure is None or failure[1]:
                self.shared.records |= zip(numbers, commands, strict=True)
                self.shared.end += len(commands) + 1
            if failure is not None:
                self.leased = False
                raise failure[0]
            self.next_number = self.shared.end
            return numbers

    def follow(self, after: int, stop: threading.Event) -> Iterator[list[tuple[int, Command]]]:
        while not stop.is_set():
            with self.shared.lock:
                found = [entry for entry in self.shared.records.items() if entry[0] > after]
            after = max((number for number, _ in found), default=after)
            if found:
                yield found
            stop.wait(0.001)

    def has(self, number: int) -> bool:
        return number < self.shared.end


class Nothing:
    """Everybody else: there are no topics, and no queries."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: {}

    def find(self, _query_id: str) -> None:
        return None


def server(shared: Shared) -> tuple[Statements, Log]:
    log, rest = Log(shared), cast(Any, Nothing())
    statements = Statements(cast(CommandLog, log), rest, rest, rest, rest, fixed={})
    statements.restore()
    return statements, log


def run(statements: Statements, text: str, after: int = -1) -> list[dict[str, Any]]:
    return statements.execute(StatementRequest(text, after=after))


@pytest.fixture
def shared() -> Shared:
    return Shared()


def test_who_writes_has_first_carried_out_what_another_server_wrote(shared: Shared) -> None:
    (one, _), (two, _) = server(shared), server(shared)
    run(one, "CREATE TYPE a AS INT;")
    run(two, "CREATE TYPE b AS STRUCT<x a>;")
    assert [command.statement for command in shared.records.values()] == [
        "CREATE TYPE a AS INT",
        "CREATE TYPE b AS STRUCT<x a>",
    ]
    assert two.metastore.types.keys() == {"A", "B"}


def test_a_refusal_is_judged_by_all_that_is_in_the_log(shared: Shared) -> None:
    (one, _), (two, _) = server(shared), server(shared)
    run(one, "CREATE TYPE a AS INT;")
    run(two, "CREATE TYPE b AS INT;")
    run(one, "DROP TYPE b;")
    with pytest.raises(Rejection, match="Type B does not exist"):
        run(two, "DROP TYPE b;")


def test_what_another_server_came_before_with_is_refused_and_not_written(shared: Shared) -> None:
    (one, _), (two, _) = server(shared), server(shared)
    run(one, "CREATE TYPE a AS INT;")
    with pytest.raises(Rejection, match="already registered"):
        run(two, "CREATE TYPE a AS DOUBLE;")
    assert len(shared.records) == 1


@pytest.mark.parametrize("written", [True, False])
def test_commands_of_unknown_fate_are_told_and_the_log_decides(shared: Shared, written: bool) -> None:
    one, log = server(shared)
    log.fails = KafkaError("no answer"), written
    with pytest.raises(Rejection, match="could not be written, ask again: no answer"):
        run(one, "CREATE TYPE a AS INT;")
    run(one, "CREATE TYPE b AS INT;")
    assert one.metastore.types.keys() == ({"A", "B"} if written else {"B"})


def test_who_is_never_let_through_says_so(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "SHORTEST_PAUSE", 0.0)
    one, log = server(shared)
    monkeypatch.setattr(log, "append", lambda _commands: (_ for _ in ()).throw(Fenced("another one")))
    with pytest.raises(Rejection, match="other servers of this service id write commands all the time"):
        run(one, "CREATE TYPE a AS INT;")


def test_a_command_that_another_server_wrote_is_waited_for(shared: Shared) -> None:
    (one, _), (two, _) = server(shared), server(shared)
    [status] = run(one, "CREATE TYPE a AS INT;")
    stop = threading.Event()
    follower = threading.Thread(target=two.follow, args=(stop,))
    follower.start()
    [listed] = run(two, "SHOW TYPES;", after=status["commandSequenceNumber"])
    stop.set()
    follower.join()
    assert listed["types"].keys() == {"A"}
    with pytest.raises(Rejection, match="Timed out while waiting for a previous command"):
        run(two, "SHOW TYPES;", after=1000)


def test_servers_that_write_all_the_time_keep_one_log(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "SHORTEST_PAUSE", 0.001)
    servers = [server(shared)[0] for _ in range(3)]
    stop = threading.Event()

    def write(statements: Statements, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(30):
            name = chance.choice("abcdef")
            try:
                run(statements, chance.choice((f"CREATE TYPE {name} AS INT;", f"DROP TYPE {name};")))
            except Rejection as exc:
                assert "already registered" in str(exc) or "does not exist" in str(exc)

    followers = [threading.Thread(target=each.follow, args=(stop,)) for each in servers]
    writers = [threading.Thread(target=write, args=(each, seed)) for seed, each in enumerate(servers)]
    for thread in (*followers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    for each in servers:
        run(each, "SHOW TYPES;", after=max(shared.records))
    stop.set()
    for thread in followers:
        thread.join()
    again, _ = server(shared)
    assert [each.metastore.types for each in servers] == [again.metastore.types] * 3
    assert [each.skipped for each in (*servers, again)] == [0] * 4
