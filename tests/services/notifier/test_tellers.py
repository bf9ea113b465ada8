"""Channels that begin and end while the others go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from streamguard.services.notifier.channels import Channel, Rate
from streamguard.services.notifier.tellers import Teller, Tellers
from tests.services.notifier.made import channel


@dataclass(eq=False)
class Made:
    """A teller that does nothing."""

    channel: Channel
    log: list[str]

    def stop(self) -> None:
        self.log.append(f"stop {self.channel.name}")

    def close(self, seconds: float) -> None:
        assert 0 <= seconds <= 2
        self.log.append(f"close {self.channel.name}")


@dataclass
class Office:
    log: list[str] = field(default_factory=list)

    def tellers(self) -> Tellers:
        return Tellers(lambda one: cast(Teller, self.begin(one)))

    def begin(self, one: Channel) -> Any:
        self.log.append(f"begin {one.name}")
        return Made(one, self.log)


def test_a_channel_that_is_the_same_goes_on_and_one_that_is_not_is_ended_before_it_begins_again() -> None:
    office = Office()
    tellers = office.tellers()
    tellers.take([channel(name="a"), channel(name="b"), channel(name="c")])
    same, *_ = tellers.now
    assert office.log == ["begin a", "begin b", "begin c"]
    office.log.clear()
    tellers.take([channel(name="d"), channel(name="a"), channel(name="c", rate=Rate(1, 1))])
    assert office.log == ["stop b", "stop c", "close b", "close c", "begin d", "begin c"]
    assert same in tellers.now
    assert sorted(each.channel.name for each in tellers.now) == ["a", "c", "d"]


def test_all_are_stopped_before_one_is_waited_for() -> None:
    office = Office()
    tellers = office.tellers()
    tellers.take([channel(name="a"), channel(name="b")])
    office.log.clear()
    tellers.close()
    assert office.log == ["stop a", "stop b", "close a", "close b"]


def test_without_a_channel_nobody_works() -> None:
    office = Office()
    tellers = office.tellers()
    tellers.take([channel(name="a")])
    tellers.take([])
    assert tellers.now == ()
