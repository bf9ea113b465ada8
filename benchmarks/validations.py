"""A yardstick for `connectors validate`: the same requests, by threads that keep their connections and do nothing else.

streamguard connectors render -o ndjson > FILE
python -m benchmarks.validations URL FILE JOBS
"""

from __future__ import annotations

import json
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

JSON = {"Content-Type": "application/json"}


def ask(url: str, waiting: queue.SimpleQueue[dict[str, str]]) -> int:
    """Validate what is waiting, over one connection; how many there were."""
    parts = urlsplit(url)
    connection, done = HTTPConnection(parts.hostname or "", parts.port, timeout=120), 0
    while True:
        try:
            config = waiting.get_nowait()
        except queue.Empty:
            connection.close()
            return done
        path = f"/connector-plugins/{quote(config['connector.class'], safe='')}/config/validate"
        connection.request("PUT", path, json.dumps(config), JSON)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise AssertionError(f"{config['name']}: {answer.status} {content[:300]!r}")
        done += 1


def main(url: str, file: str, jobs: str) -> None:
    """Validate them all."""
    waiting: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    for line in Path(file).read_text().splitlines():
        connector = json.loads(line)
        waiting.put({**connector["config"], "name": connector["name"]})
    with ThreadPoolExecutor(int(jobs)) as pool:
        print(sum(pool.map(lambda _: ask(url, waiting), range(int(jobs)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
