"""Replays dead letters as one writes it in an afternoon: read, write, commit. Killed between the last two, it repeats.

Arguments: the dead-letter topic, where to write, and after how many records it dies; 0: it does not.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from streamguard.kafka import clients
from streamguard.settings import load

BATCH = 100


def main(topic: str, to: str, dies_after: str) -> None:
    settings, written = load(Path.cwd()), 0
    consumer, producer = clients.consumer(settings, f"naive-{topic}"), clients.producer(settings)
    consumer.subscribe([topic])
    while messages := consumer.consume(BATCH, 8.0):
        for message in messages:
            headers = [pair for pair in message.headers() or () if not pair[0].startswith("__connect.errors.")]
            producer.produce(to, message.value(), message.key(), headers=headers)  # type: ignore[arg-type]
            consumer.store_offsets(message)
            written += 1
        producer.flush()
        if 0 < int(dies_after) <= written:
            os.kill(os.getpid(), signal.SIGKILL)
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
