"""The port offsets of tests: stacks of several processes of tests run beside each other."""

from __future__ import annotations

from tests.stack.conftest import OFFSETS, ports_at


def test_no_two_stacks_of_tests_share_a_port() -> None:
    ports = [port for offset in OFFSETS for port in ports_at(offset)]
    assert len(ports) == len(set(ports))
    assert all(1024 < port < 65536 for port in ports)
