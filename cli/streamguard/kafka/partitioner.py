"""Where Java's default partitioner puts a key, for records that are placed by a part of theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

ANYWHERE = -1
"""Of a record without a key: the producer chooses."""
REMEMBERED = 1 << 16


def placing(partitions: int) -> Callable[[bytes | None], int]:
    """A function from a key to its partition, quick for keys that come again."""

    @lru_cache(REMEMBERED)
    def place(key: bytes | None) -> int:
        return ANYWHERE if key is None else (hashed(key) & 0x7FFFFFFF) % partitions

    return place


def hashed(key: bytes) -> int:
    """Kafka's hash of a key: murmur2, as an unsigned number of 32 bits."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    made = 0x9747B28C ^ len(key)
    words, rest = divmod(len(key), 4)
    for number in range(words):
        word = int.from_bytes(key[4 * number : 4 * number + 4], "little") * factor & mask
        made = made * factor & mask ^ (word ^ word >> 24) * factor & mask
    if rest:
        made = (made ^ int.from_bytes(key[-rest:], "little")) * factor & mask
    made = (made ^ made >> 13) * factor & mask
    return made ^ made >> 15
