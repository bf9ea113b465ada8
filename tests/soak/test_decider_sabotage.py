"""The ordeal of the deciders in little: an honest one goes through it, one that breaks a promise is caught, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from streamguard.project import Project
from streamguard.services.decider.rules import read_rules, rules_file
from streamguard.settings import Settings
from tests.services.decider.purchases import alert
from tests.stack.deciding import Feed, Pair, Process, count, differences, purchases
from tests.stack.decisions import TOPICS, send
from tests.stack.loops import wait_until
from tests.stack.postgres import Postgres, postgres
from tests.stack.records import OwnTopics

CHUNKS, CHUNK, LAG = 6, 400, 3


@dataclass(frozen=True)
class Case:
    """A build of tests/sabotage/decider.py that kills itself at `point`, and as what it is caught.

    An honest one goes on, or the same build, if what it does wrong is what it does when it is started `again`.
    """

    build: str
    point: str
    caught_as: str
    again: bool = False


CASES = (
    Case("offsets_before", "before_offsets:1", "transactions"),
    Case("offsets_after", "after_commit:1", "accounts", again=True),
    Case("published_before", "before_offsets:1", "published"),
    Case("published_after", "after_commit:1", "published"),
    Case("deleted_before", "after_publish:1", "published"),
    Case("late_alerts", "", "decisions"),
    Case("passed_over", "", "dead-letters"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@dataclass
class Place:
    """Topics and a database of the test's own."""

    settings: Settings
    project: Project
    prefix: str
    uri: str

    def feed(self) -> Feed:
        return Feed(self.settings, self.prefix, Random(7), chunks=CHUNKS, chunk=CHUNK)

    def start(self, *, instance: str = "0", point: str = "", build: str = "") -> Process:
        return Process(self.settings, self.uri, self.prefix, instance, point, build)

    def stored(self, feed: Feed) -> None:
        """Wait until all is stored, and published."""
        wait_until(lambda: feed.is_stored(self.uri), "everything is stored", 60)
        wait_until(lambda: count(self.uri, "outbox") == 0, "everything is published", 60)

    def wrong(self, feed: Feed) -> set[str]:
        """What is not as the reference has it: names of tables, `dead-letters`, `published`."""
        rules = read_rules(rules_file(self.project, self.project.pipeline("card")))
        found = differences(self.settings, self.prefix, self.uri, feed, rules)
        print(*found[:4], sep="\n")
        return {each.partition(" ")[0] for each in found}


@pytest.fixture
def place(settings: Settings, project: Project, own: OwnTopics, server: Postgres) -> Place:
    for name, partitions in TOPICS.items():
        own.create(name, partitions)
    database = own.prefix.replace("-", "_") + "test"
    return Place(settings, project, own.prefix, f"postgresql://postgres@127.0.0.1:{server.port}/{database}")


def go_through(place: Place, build: str, point: str, following: str = "") -> set[str]:
    """What is wrong after a decider has killed itself and the `following` one has gone on; without a point it does."""
    feed = place.feed()
    for _ in range(LAG):
        feed.next()
    decider = place.start(point=point, build=build)
    if point:
        assert decider.dies(), point
        decider.start(build=following)
    place.stored(feed)
    for _ in range(CHUNKS + 2 - LAG):
        feed.next()
    place.stored(feed)
    assert decider.end() == 0
    return place.wrong(feed)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", ["", *sorted({case.point for case in CASES if case.point})])
def test_an_honest_decider_goes_through_it(place: Place, point: str) -> None:
    assert go_through(place, "", point) == set()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.build)
def test_a_broken_promise_is_caught(place: Place, case: Case) -> None:
    assert case.caught_as in go_through(place, case.build, case.point, case.build if case.again else "")


def stop_and_go_on(place: Place, build: str, *, is_fenced: bool) -> set[str]:
    """What is wrong after a decider was stopped with alerts in hand while another one has stored newer ones.

    One that is not fenced is killed as soon as it has stored them: it would read the newer ones again, and mend it.
    """
    feed = Feed(place.settings, place.prefix, Random(7), chunks=1, chunk=CHUNK)
    feed.next()
    feed.told += send(place.settings, feed.alerts, versions(1))
    decider = place.start(build=build)
    wait_until(decider.is_stopped, "it has alerts in hand", 60)
    feed.told += send(place.settings, feed.alerts, versions(2))
    other = place.start(instance="1")
    wait_until(lambda: feed.is_stored(place.uri), "the other one has stored everything", 60)
    if not is_fenced:
        assert other.end() == 0
    decider.go_on()
    if is_fenced:
        assert [decider.end(), other.end()] == [0, 0]
    else:
        wait_until(lambda: not feed.is_stored(place.uri), "it has stored what it had in hand", 60)
        decider.kill()
    return place.wrong(feed)


def take_turns(place: Place, build: str) -> set[str]:
    """What is wrong after a decider has stored some, was stopped while another one went on, and has gone on alone."""
    feed = place.feed()
    feed.sent += send(place.settings, feed.transactions, purchases(Random(1), CHUNKS * CHUNK, (CHUNKS + 1) * CHUNK))
    decider = place.start(build=build)
    wait_until(lambda: feed.is_stored(place.uri), "it has stored what there is about some accounts", 60)
    feed.next()
    wait_until(decider.is_stopped, "it has alerts in hand", 60)
    other = place.start(instance="1")
    for _ in range(LAG):
        feed.next()
    wait_until(lambda: feed.is_stored(place.uri), "the other one has stored more about them", 60)
    decider.go_on()
    assert other.end() == 0
    for _ in range(CHUNKS + 1 - LAG):
        feed.next()
    place.stored(feed)
    assert decider.end() == 0
    return place.wrong(feed)


def versions(version: int) -> list[Pair]:
    """The version of each alert; every one is about another transaction."""
    return [alert(ALERT_ID=f"VELOCITY:{number}", TRANSACTION_IDS=[f"t-{number + version}"]) for number in range(100)]


@pytest.mark.timeout(180)
def test_who_was_stopped_while_another_one_went_on_stores_nothing_of_what_it_had_in_hand(place: Place) -> None:
    assert stop_and_go_on(place, "stopped", is_fenced=True) == set()


@pytest.mark.timeout(180)
def test_who_goes_on_after_another_one_knows_what_that_one_has_stored(place: Place) -> None:
    assert take_turns(place, "stopped") == set()


@pytest.mark.timeout(180)
def test_who_goes_on_with_what_it_knew_before_is_caught(place: Place) -> None:
    assert take_turns(place, "stopped_with_old_profiles") >= {"accounts", "decisions"}


@pytest.mark.timeout(180)
def test_who_stores_it_nevertheless_is_caught(place: Place) -> None:
    assert stop_and_go_on(place, "stopped_without_fence", is_fenced=False) >= {"alerts", "decisions"}
