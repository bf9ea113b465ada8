"""A process that copies a topic with the loop: what the tests kill. Arguments: source, target, group, batch size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Message

from streamguard.errors import StreamguardError
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.services.frame import stop_on_signals
from streamguard.settings import load


def main(source: str, target: str, group: str, batch_records: str) -> None:
    def copy(batch: Sequence[Message], produce: Produce) -> None:
        for record in batch:
            produce(target, record.value(), record.key(), record.timestamp()[1])

    def told() -> None:
        print("committed", flush=True)

    loop = Loop(
        load(Path.cwd()),
        group=group,
        topics=[source],
        handle=copy,
        batch_records=int(batch_records),
        on_commit=told,
    )
    loop.run(stop_on_signals())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StreamguardError as exc:
        sys.exit(exc.exit_code)
