"""The running bank pipeline, and runs through it whose every record is verified."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from streamguard.kafka.positions import Positions
from streamguard.model import Pipeline, Place
from streamguard.pipeline import up
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from streamguard.stack.starting import ignore
from streamguard.verify.verification import Verification

ARRIVAL = 30.0
"""Seconds after the end of `produce` within which everything is in MongoDB and in the Iceberg tables."""
RATE = 500
"""Records a second of a run."""
INGESTOR = "sg.bank.ingestor"


@dataclass
class Bank:
    """The pipeline on the stack."""

    stack: Stack
    pipeline: Pipeline

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    def up(self) -> None:
        """As `streamguard up bank --no-produce`."""
        up(self.stack, self.pipeline, produce=False, on_progress=ignore)

    def produce(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `streamguard produce bank …`."""
        return self.produce_of("bank", *arguments)

    def produce_of(self, pipeline: str, *arguments: str) -> subprocess.Popen[str]:
        """Start `streamguard produce` of any pipeline."""
        command = [sys.executable, "-m", "streamguard", "produce", pipeline, *arguments, "--output", "json"]
        environment = {**inherited_environment(), **self.settings.environment()}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @contextmanager
    def verified(self, within: float = ARRIVAL) -> Iterator[Verification]:
        """The runs that the verification gets in this block must be everywhere once, `within` seconds after its end."""
        with Verification(self.settings, self.stack.project, self.pipeline) as verification:
            verification.begin()
            yield verification
            took = verification.quiesce(within)
            report = verification.check()
        print(f"everything is in both sinks {took:.1f} s after the end")
        assert report.is_clean, "\n".join(report.sentences())

    def pid(self, name: str) -> int | None:
        """The process of a program of the stack."""
        process = self.stack.supervisor.processes().get(name)
        return process.pid if process is not None and process.is_up else None

    def committed(self, group: str, topic: str) -> int:
        """The sum of a group's committed offsets."""
        return sum(self._committed(group, topic).values())

    def lag(self, group: str, topic: str) -> int:
        """Records of a topic that a group has not committed."""
        positions = Positions(self.settings)
        ends = positions.ends(positions.places([topic]), committed=False)
        committed = self._committed(group, topic)
        return sum(end - committed.get(place, 0) for place, end in ends.items())

    def _committed(self, group: str, topic: str) -> dict[Place, int]:
        found = Positions(self.settings).committed([group])[group]
        return {place: offset for place, offset in found.items() if place[0] == topic}


def arguments(records: int) -> tuple[str, ...]:
    """Of a run of `records` at `RATE`, with a seed that nobody has used."""
    return ("--rate", str(RATE), "--count", str(records), "--seed", str(secrets.randbelow(1 << 30)))


def summary_of(process: subprocess.Popen[str], timeout: float) -> Mapping[str, Any]:
    """The summary of a `produce` that must end well."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, f"produce ended with {process.returncode}\n{out}\n{err}"
    document: Mapping[str, Any] = json.loads(out)
    return document
