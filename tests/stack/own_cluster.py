"""A Connect cluster of a test's own on the stack's Kafka: its workers can be killed without anybody else noticing."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from streamguard.kafka.cluster import Cluster
from streamguard.stack import probes
from streamguard.stack.stack import Stack
from tests.stack.counting import Proxy
from tests.stack.loops import wait_until
from tests.stack.service import random_port
from tests.stack.workers import START, Worker, start_worker

LOGGERS = ("org.apache.kafka.connect.runtime.distributed.DistributedHerder", "org.apache.kafka.connect.runtime.Worker")
"""They say who leads, and what is started and stopped."""
_LEADER = re.compile(r"leaderUrl='http://127\.0\.0\.1:(\d+)/'")


@dataclass
class OwnWorker:
    """A worker that is killed and started again on its port, behind a proxy that goes with it."""

    stack: Stack
    folder: Path
    port: int
    changes: dict[str, str]
    proxy: Proxy = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(f"http://127.0.0.1:{self.port}")

    @property
    def log(self) -> str:
        return self.worker.log.read_text(errors="replace")

    def start(self) -> None:
        self.worker = start_worker(self.stack, self.folder, self.port, LOGGERS, **self.changes)

    def wait(self) -> None:
        """Until it listens, when the proxy does so too, and until it is ready."""
        wait_until(lambda: _listens(self.port), f"a worker listens, see {self.worker.log}", START)
        self.proxy.open()
        wait_until(lambda: not probes.connect_worker(self.worker.url), f"it is ready, see {self.worker.log}", START)

    def kill(self) -> None:
        """SIGKILL of the worker's own process, in the middle of whatever it does."""
        process = psutil.Process(self.worker.process.pid)
        for each in (*process.children(recursive=True), process):
            os.kill(each.pid, signal.SIGKILL)
        self.worker.process.wait()
        self.proxy.shut()


@dataclass
class OwnCluster:
    """The workers and the topics that they keep their state in."""

    workers: list[OwnWorker]
    configs: str

    @property
    def urls(self) -> list[str]:
        """Those of the proxies."""
        return [worker.proxy.url for worker in self.workers]

    def leader(self) -> OwnWorker:
        """The one that leads by what was logged last."""
        said = []
        for worker in self.workers:
            for line in worker.log.splitlines():
                found = _LEADER.search(line)
                if found:
                    said.append((line[:24], int(found[1])))
        port = max(said)[1]
        return next(worker for worker in self.workers if worker.port == port)

    def has_settled(self) -> bool:
        """Every worker says the same leader, one of those that live, and has not joined again for a second."""
        ports, latest = set(), ""
        for worker in self.workers:
            lines = [line for line in worker.log.splitlines() if _LEADER.search(line)]
            if not lines:
                return False
            found = _LEADER.search(lines[-1])
            assert found
            ports.add(found[1])
            latest = max(latest, lines[-1][:19])
        return len(ports) == 1 and latest < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 1))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def own_cluster(stack: Stack, folder: Path, name: str, count: int = 2, **more: str) -> Iterator[OwnCluster]:
    """`count` workers with a group and topics of their own, ready. `more`: further properties, as of `start_worker`."""
    changes = {**more, "group_id": f"{name}-workers"}
    changes |= {f"{kind}_storage_topic": f"{name}-{kind}" for kind in ("config", "offset", "status")}
    workers = [OwnWorker(stack, folder, random_port(), changes) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait()
        cluster = OwnCluster(workers, f"{name}-config")
        wait_until(cluster.has_settled, "the workers agree on a leader", START)
        yield cluster
    finally:
        for worker in workers:
            worker.kill()
        kafka = Cluster(stack.settings)
        kafka.delete([topic for topic in kafka.partitions() if topic in changes.values()])
