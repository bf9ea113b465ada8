"""Delete the offsets of a connector that was told to stop: a worker does so only once its tasks have really ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, ConnectorNotFound, ConnectUnavailable, WaitTimedOut

POLL_SECONDS = 0.2
_NOT_YET = re.compile(r"STOPPED state|zombie|not empty|active|being (shut|stopp)", re.IGNORECASE)


def delete_offsets(client: ConnectClient, name: str, *, timeout: float, first: Callable[[], None]) -> None:
    """Once the tasks have gone and their group is empty. `first` is called when the tasks have gone, before the offsets
    are deleted, and again if that is to be tried again."""
    end = time.monotonic() + timeout
    while True:
        try:
            status = client.status(name)
            if status.state == "STOPPED" and not status.tasks:
                first()
                client.delete_offsets(name)
                return
            seen = f"it is {status.state} and has {len(status.tasks)} tasks"
        except ConnectError as exc:
            if isinstance(exc, ConnectorNotFound | ConnectUnavailable) or not _NOT_YET.search(str(exc)):
                raise
            seen = str(exc)
        if time.monotonic() >= end:
            raise WaitTimedOut(f"its offsets could not be deleted within {timeout:g} s: {seen}")
        time.sleep(POLL_SECONDS)
