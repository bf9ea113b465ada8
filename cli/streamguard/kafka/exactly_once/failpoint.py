"""A place in the loop at which a process kills itself: how a test hits a moment that is too short to aim at.

``STREAMGUARD_FAILPOINT=mid_produce:3`` is SIGKILL at the third time that the loop passes ``mid_produce``.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from streamguard.errors import SettingsError
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.produce import Produce

POINTS = (
    "after_poll",
    "after_ask",
    "after_begin",
    "mid_produce",
    "dead_letter",
    "before_offsets",
    "after_offsets",
    "during_commit",
    "after_commit",
    "after_publish",
    "on_revoke",
    "on_stop",
)
INTO_COMMIT = 0.001
"""Seconds after the beginning of a commit: its request has left, its answer has not come."""


class Failpoint:
    """Does nothing, or kills the process at the `times`-th `reached` of `point`."""

    def __init__(self, setting: str) -> None:
        self.point, _, times = setting.partition(":")
        if setting and (self.point not in POINTS or not (times or "1").isdigit()):
            raise SettingsError(f"STREAMGUARD_FAILPOINT is {setting!r}: it takes POINT:N, and {', '.join(POINTS)}")
        self._left = int(times or "1")

    def reached(self, point: str) -> None:
        """The loop is at `point` now."""
        if point != self.point:
            return
        self._left -= 1
        if self._left == 0:
            if point == "during_commit":
                threading.Timer(INTO_COMMIT, _kill).start()
            else:
                _kill()

    def watched(self, produce: Produce) -> Produce:
        """`produce`, which passes ``mid_produce`` with every record and ``dead_letter`` with every dead letter."""
        if self.point not in ("mid_produce", "dead_letter"):
            return produce

        def watched(topic: str, *record: Any, **more: Any) -> None:
            produce(topic, *record, **more)
            self.reached("mid_produce")
            if topic.endswith(dead_letters.SUFFIX):
                self.reached("dead_letter")

        return watched


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
