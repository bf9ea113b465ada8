"""The notifier on a real Kafka, with receivers that fail and come back."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from streamguard.settings import Settings
from tests.services.notifier.receivers import OK, Answer, Receiver, receiver
from tests.stack.loops import wait_until
from tests.stack.notifying import Notifier, decisions, publish
from tests.stack.service import answers

GROUPED = {"by": "all", "seconds": 0.2, "size": 50}
FAST = {"per_minute": 6000, "burst": 100}


def test_a_channel_that_fails_holds_up_nobody_and_a_restart_tells_nothing_again(
    settings: Settings, tmp_path: Path
) -> None:
    prefix = f"n{os.getpid()}-{os.urandom(3).hex()}-"
    with receiver() as good, receiver() as bad:
        bad.answer = lambda _document: Answer(503, {"Retry-After": "0"})
        kinds = {
            name: {"kind": "webhook", "url": at.url, "group": GROUPED, "rate": FAST}
            for name, at in (("good", good), ("bad", bad))
        }
        with Notifier(settings, tmp_path, prefix.rstrip("-"), kinds) as notifier:
            notifier.start()
            burst = decisions(prefix, range(200))
            publish(settings, [*burst, *burst[:20], b"no decision"])

            good.wait_for(lambda: len(good.told()) == 200)
            assert set(good.told().values()) == {1}
            assert len(good.taken) <= 12
            bad.wait_for(lambda: len(bad.posts) >= 3)
            assert notifier.missing().startswith("bad has taken no message for")
            assert bad.taken == []

            bad.answer = lambda _document: OK
            bad.wait_for(lambda: len(bad.told()) == 200)
            assert set(bad.told().values()) == {1}
            wait_until(lambda: notifier.counted().get(("bad", "told")) == 200, "the bad channel has committed")
            assert notifier.counted()["good", "repeated"] == 20
            assert notifier.counted()["good", "unreadable"] == 1
            code, log = notifier.end()
            assert code == 0, log
            assert "ACC-" not in log

            notifier.start()
            publish(settings, [*burst[:50], *decisions(prefix, range(1), revision=2), *decisions(prefix, [777])])
            for each in (good, bad):
                wait_until(partial(_has_told, each, 202), "what is new is told")
                assert set(each.told().values()) == {1}
            assert notifier.end()[0] == 0


def _has_told(desk: Receiver, number: int) -> bool:
    return len(desk.told()) == number


def test_an_edit_begins_changes_and_ends_channels_and_a_wrong_one_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    prefix = f"n{os.getpid()}-{os.urandom(3).hex()}-"
    with receiver() as first, receiver() as second:
        kinds = {
            name: {"kind": "webhook", "url": at.url, "group": GROUPED, "rate": FAST, "start": "earliest"}
            for name, at in (("first", first), ("second", second))
        }
        with Notifier(settings, tmp_path, prefix.rstrip("-"), {"first": kinds["first"]}) as notifier:
            notifier.start()
            publish(settings, decisions(prefix, range(20)))
            wait_until(lambda: _told_of(first, prefix) == 20, "the first channel has told them")

            notifier.channels({"first": {**kinds["first"], "group": {"by": "everything"}}})
            wait_until(lambda: "group.by" in notifier.health()["refused_channels"], "the mistake is told")
            publish(settings, decisions(prefix, range(20, 30)))
            wait_until(lambda: _told_of(first, prefix) == 30, "those from before go on")

            notifier.channels({"first": {**kinds["first"], "actions": ["review"]}, "second": kinds["second"]})
            wait_until(lambda: _told_of(second, prefix) == 30, "the new channel tells them from the beginning")
            wait_until(lambda: answers(f"{notifier.url}/ready"), "both have their partitions")
            publish(settings, decisions(prefix, range(30, 40)))
            wait_until(lambda: _told_of(second, prefix) == 40, "the new channel goes on")
            publish(settings, decisions(prefix, range(40, 45), action="review"))
            wait_until(lambda: _told_of(first, prefix) == 35, "the changed one tells reviews only")
            assert {key: times for key, times in first.told().items() if times > 1} == {}

            notifier.channels({"second": kinds["second"]})
            wait_until(lambda: list(notifier.health()["channels"]) == ["second"], "the first one is ended")
            code, log = notifier.end()
            assert code == 0, log
            assert "first is no channel any more" in log


def _told_of(desk: Receiver, prefix: str) -> int:
    """How many of a test's decisions it has: the topic has those of others."""
    return sum(decision_id.startswith(prefix) for decision_id, _ in desk.told())
