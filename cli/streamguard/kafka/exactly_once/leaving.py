"""The one request to Kafka that librdkafka has no call for: a static member leaves its group for good.

Written out in versions that every broker since 2.4 knows. Strings and numbers are as Kafka's protocol has them: big
endian, a length before each string and each message.
"""

from __future__ import annotations

import socket
import struct

from streamguard.kafka.properties import PLAINTEXT, read
from streamguard.settings import Settings

SECONDS = 0.5
FIND_COORDINATOR, LEAVE_GROUP = 10, 13
THROTTLING = 4
"""Bytes before the error of an answer that says how long to wait."""
Address = tuple[str, int]


def leave(settings: Settings, group: str, member: str, instance: str) -> None:
    """Have a static member of a group removed from it at once.

    Raises:
        OSError: Kafka could not be asked, or refused. One that wants TLS or a user is not asked: its members that left
            are gone after the time of a session.
    """
    if read(settings.kafka_properties).protocol != PLAINTEXT:
        raise OSError("Kafka is spoken to in plain text alone here")
    body = _text(group) + struct.pack(">i", 1) + _text(member) + _text(instance)
    try:
        broker = _coordinator(_address(settings.kafka_bootstrap.split(",")[0]), group)
        (refusal,) = struct.unpack_from(">h", _asked(broker, LEAVE_GROUP, 3, body), THROTTLING)
    except struct.error:
        raise OSError("Kafka's answer is cut short") from None
    if refusal:
        raise OSError(f"Kafka refused, error {refusal}")


def _coordinator(broker: Address, group: str) -> Address:
    """The broker that knows the group's members."""
    answer = _asked(broker, FIND_COORDINATOR, 0, _text(group))
    refusal, _node, length = struct.unpack_from(">hih", answer)
    if refusal:
        raise OSError(f"Kafka refused, error {refusal}")
    host = answer[8 : 8 + length].decode()
    (port,) = struct.unpack_from(">i", answer, 8 + length)
    return host, port


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _asked(broker: Address, request: int, version: int, body: bytes) -> bytes:
    """The body of the answer to one request."""
    message = struct.pack(">hhi", request, version, 0) + _text("streamguard") + body
    with socket.create_connection(broker, SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(message)) + message)
        answer = _received(connection, 4)
        return _received(connection, *struct.unpack(">i", answer))[4:]


def _received(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise OSError("Kafka closed the connection")
        found += more
    return found


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw
