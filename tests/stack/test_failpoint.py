"""The point that the nemesis can not hit: a service dies just after it wrote a dead letter."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import replace

from streamguard.settings import Settings
from tests.stack.loops import lag, wait_until
from tests.stack.prefixed import topics_of
from tests.stack.records import OwnTopics, read, write
from tests.stack.service import EVALUATIONS, random_port, transaction
from tests.stack.test_sigterm import start

RECORDS = 400


def test_a_kill_just_after_a_dead_letter_leaves_it_there_once(settings: Settings, own: OwnTopics) -> None:
    prefix = own.prefix
    source, dead, *_ = [own.create(name) for name in topics_of("ingestor", prefix)]
    sent = [transaction(number) for number in range(RECORDS)]
    write(settings, source, sent)
    there = replace(settings, ingestor_port=random_port())
    command = ["tests.stack.prefixed", "ingestor", prefix]
    with start(command, replace(there, failpoint="dead_letter:3")) as process:
        assert process.wait(30) == -signal.SIGKILL
    with start(command, there) as process:
        wait_until(lambda: lag(settings, f"sg.{prefix}.ingestor", source) == 0, "everything is read")
        process.terminate()
        assert process.wait(20) == 0
    assert Counter(one.value for one in read(settings, dead)) == Counter(sent[EVALUATIONS.index("odd") :: 4])
