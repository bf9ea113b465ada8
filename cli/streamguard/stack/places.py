"""Where things are in the data directory, and whether it can be written."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from streamguard.errors import StorageError
from streamguard.stack.credentials import make_private

FREE_BYTES = 256 * 1024 * 1024  # below that a first start fails half-way, with errors that do not name the cause
SOCKET_PATH = 80  # a unix socket's path has 108 characters at most; supervisord adds its process id to it for a moment


class Places:
    """The paths of one stack."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.logs = data_dir / "logs"
        self.run = data_dir / "run"
        self.plans = self.run / "programs"
        self.plugins = self.run / "plugins"
        self.lock = data_dir / "start.lock"
        self.supervisor_config = self.run / "supervisord.conf"
        self.supervisor_pid = self.run / "supervisord.pid"
        self.sockets = self._sockets()
        self.supervisor_socket = self.sockets / "supervisor.sock"

    def log(self, name: str) -> Path:
        """The log of a program."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the folders, for this user only; StorageError when the disk does not take them."""
        try:
            for folder in (self.data_dir, self.logs, self.run, self.plans, self.sockets):
                make_private(folder)
            if self.sockets.stat().st_uid != os.getuid():
                raise StorageError(f"{self.sockets} belongs to another user; set TMPDIR to a folder of your own")
            probe = self.run / "probe"
            with probe.open("wb") as file:
                file.write(b"\0" * 65536)
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
            free = shutil.disk_usage(self.data_dir).free
        except OSError as exc:
            raise StorageError(
                f"{self.data_dir} can not be written ({exc.strerror}): set STREAMGUARD_DATA_DIR"
            ) from exc
        if free < FREE_BYTES:
            raise StorageError(
                f"{self.data_dir} has {free >> 20} MB free and the servers need {FREE_BYTES >> 20} MB: "
                "make room, or set STREAMGUARD_DATA_DIR"
            )

    def _sockets(self) -> Path:
        """Sockets are in `run`, unless its path is too long for one."""
        if len(os.fsencode(self.run / "supervisor.sock")) <= SOCKET_PATH:
            return self.run
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"streamguard-{os.getuid()}-{digest}"
