"""Apply: carry out the writes of a plan, several changes at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from streamguard.connect.deploying.plan import Change, Write
from streamguard.connect.offsets.resetting import delete_offsets
from streamguard.connect.rest import parallel
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import (
    ConnectError,
    ConnectorNotFound,
    ConnectUnavailable,
    KafkaError,
    Refused,
    StreamguardError,
    WaitTimedOut,
)

RESET_SECONDS = 60.0
EndControl = Callable[[str, Mapping[str, str]], None]
"""Sets the second group of an Iceberg sink to its end, see `altering`."""


def _ignore(_write: Write) -> None:
    """Nobody wants to know."""


def apply(
    client: ConnectClient,
    changes: Sequence[Change],
    *,
    jobs: int,
    stop: threading.Event,
    fail_fast: bool = False,
    sent: Callable[[Write], None] = _ignore,
    end_control: EndControl | None = None,
) -> Iterator[tuple[Change, StreamguardError | None]]:
    """Carry out the writes of each change, `jobs` changes at a time; each ends with None, or with an error.

    `sent` is told of every write, from the threads. When the cluster is gone, nothing more is begun.
    """

    def one(change: Change) -> None:
        try:
            execute(client, change, sent, end_control)
        except StreamguardError as exc:
            if fail_fast or isinstance(exc, ConnectUnavailable):
                stop.set()  # here, before this thread takes the next one
            raise

    for change, given in parallel.each(changes, one, jobs, stop):
        if given is not None and not isinstance(given, ConnectError | KafkaError | Refused | WaitTimedOut):
            raise given
        yield change, None if given is None else type(given)(f"{change.name}: {given}")


def execute(
    client: ConnectClient,
    change: Change,
    sent: Callable[[Write], None] = _ignore,
    end_control: EndControl | None = None,
) -> None:
    """Carry out one change. A deletion that somebody else was quicker with is done, too."""
    for write in change.writes:
        try:
            if write.verb == "reset":
                _reset(client, write.name, end_control)
            else:
                _write(client, write)
        except ConnectorNotFound:
            if change.action != "delete":
                raise
        sent(write)


def _write(client: ConnectClient, write: Write) -> None:
    config = {key: value for key, value in write.config.items() if value is not None}
    match write.verb:
        case "create":
            client.create(write.name, config, write.state)
        case "put":
            client.put_config(write.name, config)
        case "patch":
            client.patch_config(write.name, write.config)
        case "pause":
            client.pause(write.name)
        case "resume":
            client.resume(write.name)
        case "stop":
            client.stop(write.name)
        case "delete":
            client.delete(write.name)


def _reset(client: ConnectClient, name: str, end_control: EndControl | None) -> None:
    """Delete the offsets of a connector that was told to stop."""
    config = client.config(name)

    def end() -> None:
        if end_control is not None:
            end_control(name, config)

    delete_offsets(client, name, timeout=RESET_SECONDS, first=end)
