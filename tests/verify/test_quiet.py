"""When it is quiet, and what is said when it is not; time is what the test says it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from streamguard.errors import KafkaUnavailable, Refused, WaitTimedOut
from streamguard.verify.quiet import EVERY, PAUSE, SETTLE, Look, Scene, await_quiet
from streamguard.verify.sinks import Table

TOPIC, GROUP = "t", "sg.group"
PLACE = (TOPIC, 0)
TABLE = Table(TOPIC, "lake", "raw")


class Clock:
    """Moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(looks: Iterable[Look | Exception], within: float = 60.0) -> tuple[float, list[str]]:
    clock, said, script = Clock(), list[str](), iter(looks)
    latest: Look | Exception = Look(())

    def look() -> Look:
        nonlocal latest
        latest = next(script, latest)
        if isinstance(latest, Exception):
            raise latest
        return latest

    return await_quiet(look, within, said.append, clock=clock, sleep=clock.sleep), said


def test_what_does_not_move_for_a_moment_is_quiet() -> None:
    took, said = wait([Look((), 1)])
    assert SETTLE <= took <= SETTLE + PAUSE
    assert said == []


def test_what_moves_again_is_waited_for_again() -> None:
    took, _ = wait([Look((), 1), Look((), 1), Look((), 2)])
    assert took >= SETTLE + 2 * PAUSE


def test_a_server_that_is_away_is_one_more_thing_to_wait_for() -> None:
    took, said = wait([*[KafkaUnavailable("no broker answers")] * 40, Look((), 1)])
    assert took >= 39 * PAUSE
    assert said == ["waiting: no broker answers"] * int(39 * PAUSE / EVERY)


def test_a_refusal_is_not_waited_out() -> None:
    with pytest.raises(Refused):
        wait([Refused("somebody else writes")])


def test_what_lags_is_told_in_the_end() -> None:
    with pytest.raises(WaitTimedOut, match=r"not quiet after 3 s .*: a lags; b lags") as caught:
        wait([Look(("a lags", "b lags"), 1)], within=3.0)
    assert caught.value.exit_code == 4


def test_what_never_rests_is_told() -> None:
    def restless() -> Iterator[Look]:
        for number in range(1_000):
            yield Look((), number)

    with pytest.raises(WaitTimedOut, match="something still moves"):
        wait(restless(), within=10.0)


@dataclass(frozen=True)
class World:
    """A topic of one partition: the records 0 to 9, the end of their transaction at 10; all is read, all is stored."""

    end: int = 11
    stable: int = 11
    read: int = 11
    committed: int | None = 10
    stored: int | None = 9

    def look(self) -> Look:
        group = {} if self.committed is None else {PLACE: self.committed}
        stored = {} if self.stored is None else {0: self.stored}
        positions = Fake(
            ends=lambda _, committed: {PLACE: self.stable if committed else self.end},
            committed=lambda _: {GROUP: group},
        )
        watch = Fake(
            check=lambda: None,
            position=lambda _: self.read,
            behind=lambda _, offset: len(range(offset, 10)),
        )
        rows = Fake(last=lambda _: (1, stored))
        return Scene(positions, watch, [PLACE], {GROUP: [TOPIC]}, {TABLE: rows}, {PLACE: 0}).look()


def Fake(**methods: Any) -> Any:  # noqa: N802  it stands in for a class
    """An object with these methods."""
    return SimpleNamespace(**methods)


def test_all_read_and_all_stored_is_quiet_though_the_last_offset_is_no_record() -> None:
    assert World().look().reasons == ()


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(end=12), "a transaction is open on t"),
        (World(read=9), "t is still read"),
        (World(committed=7), "sg.group lags behind t by 3"),
        (World(committed=None), "sg.group lags behind t by 10"),
        (World(stored=8), "lake.raw lags behind t by 1"),
        (World(stored=None), "lake.raw lags behind t by 10"),
    ],
)
def test_what_is_under_way_is_a_reason(world: World, reason: str) -> None:
    assert world.look().reasons == (reason,)


def test_everything_that_moves_shows() -> None:
    assert World().look().state != World(end=13, stable=13, read=13).look().state
