"""The notifier on a real Kafka, with receivers that fail and come back."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from streamguard.settings import Settings
from tests.services.notifier.receivers import OK, Answer, Receiver, receiver
from tests.stack.loops import wait_until
from tests.stack.notifying import Notifier, decisions, publish

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
