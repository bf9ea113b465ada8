"""The ingestor as the command that people run, and transactions for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import sample

import requests

from streamguard.project import FOLDERS
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.ports import is_free
from tests.person import PERSON_FIELDS

PORTS = range(21_000, 30_000)
"""Below those that the kernel gives to connections: one of these could be taken between the look and the start."""
EVALUATIONS = ("fraudulent", "unidentified", "legitimate", "odd")


def transaction(number: int) -> bytes:
    person = dict.fromkeys(PERSON_FIELDS, "x")
    document = {
        "transaction_id": f"t-{number}",
        "sender_bank_account": "a",
        "sender_details": person,
        "receiver_bank_account": "b",
        "receiver_details": person,
        "amount": number,
        "status": "completed",
        "evaluation": EVALUATIONS[number % len(EVALUATIONS)],
        "transfer_date": "2024-01-31T12:00:00Z",
        "sender_bank": "c",
    }
    return json.dumps(document).encode()


def random_port() -> int:
    """A port that is free now; the next one asked for is another one."""
    return next(port for port in sample(PORTS, len(PORTS)) if is_free(port))


def answers(url: str) -> bool:
    """Whether there is a good answer within two seconds."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


class Service:
    """`streamguard service ingestor` with a project, a pipeline and a port of its own."""

    def __init__(self, settings: Settings, folder: Path, prefix: str) -> None:
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        topics = [prefix + "in", prefix + "in-dead-letter", "fraudulent-transactions", "unidentified-transactions"]
        lines = [f"  {topic}: {{partitions: 2}}\n" for topic in topics]
        text = f"topics:\n{''.join(lines)}generator: {{world: bank, topic: {prefix}in}}\n"
        (folder / "init" / "quiet.yml").write_text(text)
        self._settings, self._folder, self._prefix = settings, folder, prefix
        self._start()

    def _start(self) -> None:
        port = random_port()
        self.url = f"http://127.0.0.1:{port}"
        own = replace(self._settings, ingestor_port=port, instance=self._prefix)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(self._folder), "service", "ingestor", "quiet"],
            env={**inherited_environment(), **own.environment()},
            stderr=subprocess.PIPE,
        )

    def wait_until_ready(self, tries: int = 3) -> None:
        """Until /ready says 200. A port that somebody took between the look and the start is changed for another."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            if answers(f"{self.url}/ready"):
                return
            time.sleep(0.02)
        code, said = self.end()
        if "already in use" in said and tries > 1:
            self._start()
            self.wait_until_ready(tries - 1)
            return
        raise AssertionError(f"not ready: {code}: {said}")

    def end(self) -> tuple[int, str]:
        """Ask it to stop; its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said.decode()
