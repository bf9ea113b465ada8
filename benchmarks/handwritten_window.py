"""The yardstick of windows: a count per account and minute with a changelog, written by hand for this one case.

The same work as the statements in `benchmarks.windowed`: one decode a record, a result for each, the counts that a
batch changed in a compacted topic, exactly once. It restores nothing, forgets no window and takes no late record apart.
Ends when it has committed `count` records.

    python -m benchmarks.handwritten_window BOOTSTRAP GROUP COUNT
"""

from __future__ import annotations

import struct
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from benchmarks.batches import run

SOURCE = "bench-payments"
RESULT = "handwritten-counts"
CHANGELOG = "handwritten-changelog"
MINUTE = 60_000

PACK = struct.Struct(">q").pack


Windows = defaultdict[tuple[int, int], dict[bytes, int]]


def count_payments(windows: Windows, messages: list[Any], produce: Callable[..., None]) -> dict[int, int]:
    """Write the count of each record of a batch, and the counts that it changed: the next offsets."""
    positions: dict[int, int] = {}
    changed: dict[tuple[int, int, bytes], int] = {}
    for message in messages:
        row = orjson.loads(message.value())
        if row["amount"] is not None:
            account, partition, (_, time) = message.key(), message.partition(), message.timestamp()
            start = time - time % MINUTE
            rows = windows[partition, start]
            number = rows[account] = rows.get(account, 0) + 1
            changed[partition, start, account] = number
            produce(RESULT, orjson.dumps({"PAYMENTS": number}), account + PACK(start), timestamp=time)
        positions[message.partition()] = message.offset() + 1
    for (partition, start, account), number in changed.items():
        produce(CHANGELOG, b"%d" % number, PACK(start) + account, partition)
    return positions


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], SOURCE, int(sys.argv[3]), partial(count_payments, defaultdict(dict)))
