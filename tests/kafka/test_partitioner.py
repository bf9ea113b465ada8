"""Where a key goes, against what Java says."""

from __future__ import annotations

import pytest

from streamguard.kafka.partitioner import ANYWHERE, hashed, placing

JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
"""From the tests of Kafka's own clients."""


@pytest.mark.parametrize("key", JAVA)
def test_keys_are_hashed_as_java_does(key: bytes) -> None:
    assert hashed(key) == JAVA[key] % (1 << 32)


def test_every_partition_is_used_and_a_missing_key_may_go_anywhere() -> None:
    place = placing(3)
    assert {place(b"%d" % number) for number in range(100)} == {0, 1, 2}
    assert place(None) == ANYWHERE
