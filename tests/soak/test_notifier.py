"""A thousand decisions at once, a webhook that fails for half a minute, and a notifier that is killed meanwhile."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from email.message import Message
from functools import partial
from pathlib import Path

import psutil
import pytest

from streamguard.settings import Settings
from tests.services.notifier.receivers import OK, Answer, Receiver, mail_server, receiver
from tests.stack.loops import wait_until
from tests.stack.notifying import Notifier, decisions, publish

NUMBER = 1_000
SIZE = 25
KILLS = 5
OUTAGE = 30.0
GROUPED = {"by": "account", "seconds": 1, "size": SIZE}
RATE = {"per_minute": 600, "burst": 5}


def most_of(told: Counter[tuple[str, int]]) -> int:
    """How many decisions were told again."""
    return sum(number - 1 for number in told.values())


@pytest.mark.timeout(300)
def test_a_burst_is_told_whole_through_an_outage_and_five_kills(settings: Settings, tmp_path: Path) -> None:
    prefix = f"s{os.getpid()}-"
    wanted = {(f"{prefix}{number}", 1) for number in range(NUMBER)}
    with receiver() as good, receiver() as bad, mail_server() as (mailbox, port):
        bad.answer = lambda _document: Answer(503)
        hooks = {
            name: {"kind": "webhook", "url": at.url, "group": GROUPED, "rate": RATE}
            for name, at in (("good", good), ("bad", bad))
        }
        mail = {"kind": "email", "host": "127.0.0.1", "port": port, "tls": "none", "from": "a@b.c", "to": ["d@e.f"]}
        channels = {**hooks, "mail": {**mail, "group": GROUPED, "rate": RATE}}
        with Notifier(settings, tmp_path, prefix.rstrip("-"), channels) as notifier:
            notifier.start()
            begun = time.monotonic()
            publish(settings, decisions(prefix, range(NUMBER)))
            wait_until(lambda: bool(bad.posts), "the bad channel was tried")
            down = time.monotonic()
            for _ in range(KILLS):
                seen = len(good.posts)
                wait_until(partial(_has_more_or_all, good, seen + 3), "messages go out")
                notifier.kill()
                notifier.start(ready=False)
            wait_until(lambda: len(good.told()) == NUMBER, "the good channel has everything", 60)
            alone = time.monotonic() - begun
            assert bad.taken == []
            wait_until(lambda: len(_ids(mailbox.mails)) == NUMBER, "the mails are there", 60)

            wait_until(lambda: time.monotonic() > down + OUTAGE, "half a minute is over", OUTAGE + 5)
            memory = psutil.Process(notifier.pid).memory_info().rss / 1e6
            bad.answer = lambda _document: OK
            healed = time.monotonic()
            wait_until(lambda: len(bad.told()) == NUMBER, "the bad channel has everything", 60)
            after = time.monotonic() - healed
            wait_until(lambda: notifier.missing() == "", "all is well")
            assert notifier.end()[0] == 0

            told = {"good": good.told(), "bad": bad.told(), "mail": _ids(mailbox.mails)}
            again = {name: most_of(each) for name, each in told.items()}
            assert all(set(each) == wanted for each in told.values())
            assert again["bad"] == 0  # it had taken nothing when the process was killed
            assert max(again.values()) <= KILLS * SIZE
            assert len(good.taken) <= NUMBER / SIZE + 7 * (KILLS + 1) + KILLS
            print(
                f"\n{NUMBER} decisions, {KILLS} kills: good {len(good.taken)} messages in {alone:.1f} s, told again "
                f"{again['good']}; bad {len(bad.taken)} messages {after:.1f} s after {OUTAGE:g} s of 503, told again "
                f"{again['bad']}; {len(mailbox.mails)} mails, told again {again['mail']}; {memory:.0f} MB"
            )


def _has_more_or_all(desk: Receiver, posts: int) -> bool:
    return len(desk.posts) >= posts or len(desk.told()) == NUMBER


def _ids(mails: Sequence[Message]) -> Counter[tuple[str, int]]:
    """What was told by mail; every decision has a line of its own."""
    texts = (mail.get_payload(decode=True) for mail in mails)
    found = (each for text in texts if isinstance(text, bytes) for each in re.findall(r": (s\d+-\d+)\b", text.decode()))
    return Counter((each, 1) for each in found)
