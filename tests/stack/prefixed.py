"""The ingestor in its frame, with topics of a test's own, as a process. Arguments: the prefix of its topics."""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import Message

from streamguard.errors import StreamguardError
from streamguard.services import frame, ingestor
from streamguard.services.frame import Decision, Service
from streamguard.settings import load


def main(prefix: str) -> None:
    def decide(record: Message) -> Decision:
        decision = ingestor.decide(record)
        return decision if isinstance(decision, str) else [(prefix + one[0], *one[1:]) for one in decision]

    settings = load(Path.cwd())
    frame.run(settings, Service("ingestor", f"sg.{prefix}", f"{prefix}in", settings.ingestor_port, decide=decide))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StreamguardError as exc:
        sys.exit(exc.exit_code)
