"""Hundreds of connectors: seconds until all are planned, and validated, beside a loop of `curl` in the same run.

They are created as stopped, by a deployment of templates that print the shipped pieces. `curl` asks for one config
after the other and compares nothing. Beside `validate` run the same requests, made by a bare loop in as many threads.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.servers import servers
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack

COUNT = 500
ROUNDS = 5
NAME = "many-connectors"
"""The pipeline, its topic, and the start of each connector's name."""
CONTROL = f"{NAME}-control"
PIPELINE = (
    f"topics: {{{NAME}: {{partitions: 1}}}}\ngenerator: {{world: bank, topic: {NAME}}}\nmongodb: {{database: many}}\n"
)
TEMPLATE = """{
  "topics": "%s",
  "collection": "c%d",
  "tasks.max": "1",
  "streamguard.state": "stopped",
  {%% include "shared/mongodb-sink.j2" %%}
}
"""
QUICK = """{#- lint: ignore-file iceberg-control-topic: these are validated and never deployed #}{
  "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
  "topics": "%s",
  "tasks.max": "1",
  "iceberg.tables": "many.c%d",
  "iceberg.tables.auto-create-enabled": "false",
  "iceberg.tables.evolve-schema-enabled": "false",
  "iceberg.catalog": "lake",
  "iceberg.catalog.type": "rest",
  "iceberg.catalog.uri": "http://127.0.0.1:8181",
  "iceberg.catalog.warehouse": "s3://lake/",
  "iceberg.control.topic": "%s",
  "iceberg.kafka.auto.offset.reset": "earliest",
  "key.converter": "org.apache.kafka.connect.storage.StringConverter",
  "value.converter": "org.apache.kafka.connect.json.JsonConverter",
  "value.converter.schemas.enable": "false",
  "consumer.override.auto.offset.reset": "earliest"
}
"""
"""A sink whose plugin validates without opening a connection: what is measured is asking, not MongoDB's answers."""
JOBS = "8"
"""Requests at a time: the default of `validate`, and what the bare loop has."""
USAGE = (
    "import json, resource, subprocess, sys; "
    "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
    "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(json.dumps([code, used.ru_maxrss, used.ru_utime + used.ru_stime]))"
)
"""A small process that starts the command: what it was started by counts as its memory, and this one is large."""
CURL = 'while read -r name; do curl -s -o /dev/null "$0/connectors/$name/config"; done'


@dataclass(frozen=True)
class Figures:
    """Seconds of each round, the interpreter's start among them.

    `memory`: the most that `plan` and what it started had, in bytes; `cpu`: their seconds of CPU. `bare`: the
    loop that only asks for what `validate` asks the plugins. `mongodb`: one round of both for sinks whose plugin opens
    a connection for each.
    """

    count: int
    plan: list[float]
    memory: int
    cpu: float
    curl: list[float]
    validate: list[float]
    bare: list[float]
    mongodb: tuple[float, float]
    create: float
    delete: float


def measure(rounds: int = ROUNDS) -> Figures:
    """Run it on servers of its own."""
    with servers(["kafka", "connect", "mongodb"]) as stack:
        return measure_on(stack, rounds)


def measure_on(stack: Stack, rounds: int = ROUNDS, count: int = COUNT) -> Figures:
    """Run it on servers that are there."""
    settings = stack.settings
    with _project(stack, count, TEMPLATE) as root, _project(stack, count, QUICK) as quick:
        Cluster(settings).create({NAME: (1, 1), CONTROL: (1, 1)})
        try:
            pairs = [_validations(quick, settings) for _ in range(rounds)]
            mongodb = _validations(root, settings)
            create = _run(root, settings, "deploy", "--timeout", "300")
            plans, loops = [], []
            for _ in range(rounds):
                plans.append(_run(root, settings, "plan", "--detailed-exitcode"))
                loops.append(_curl(settings.connect_url, count))
            memory, cpu = _usage(root, settings, "plan")
        finally:
            for template in (root / "connectors" / NAME).iterdir():
                template.unlink()
            prune = ("--prune", "--allow-deletes", str(count), "--pipeline", NAME)
            delete = _run(root, settings, "deploy", *prune)
            Cluster(settings).delete([NAME, CONTROL])
    validate, bare = ([pair[number] for pair in pairs] for number in (0, 1))
    return Figures(count, plans, memory, cpu, loops, validate, bare, mongodb, create, delete)


def table(figures: Figures) -> str:
    """As Markdown."""
    used = f"{figures.memory / 1e6:.0f} MB, {figures.cpu:.1f} s of CPU"
    return (
        f"{figures.count} connectors, medians of {len(figures.plan)} rounds\n\n"
        "| | seconds |\n|---|---|\n"
        f"| `connectors plan`, nothing to change ({used}) | {median(figures.plan):.2f} |\n"
        f"| a loop of `curl` that reads every config | {median(figures.curl):.2f} |\n"
        f"| `connectors validate`, of sinks whose plugin opens no connection | {median(figures.validate):.2f} |\n"
        f"| the same requests by a bare loop in {JOBS} threads | {median(figures.bare):.2f} |\n"
        f"| `connectors validate`, of MongoDB sinks, whose plugin opens one (once) | {figures.mongodb[0]:.1f} |\n"
        f"| the same requests by the bare loop (once) | {figures.mongodb[1]:.1f} |\n"
        f"| `connectors deploy`: create them all, stopped (once) | {figures.create:.1f} |\n"
        f"| `connectors deploy --prune`: delete them all (once) | {figures.delete:.1f} |"
    )


@contextmanager
def _project(stack: Stack, count: int, template: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="streamguard-bench-") as folder:
        root = Path(folder)
        for name in (f"connectors/{NAME}", "ksql", "init"):
            (root / name).mkdir(parents=True)
        for name in ("shared", "values"):
            shutil.copytree(stack.project.connectors / name, root / "connectors" / name)
        (root / "init" / f"{NAME}.yml").write_text(PIPELINE)
        for number in range(count):
            text = template % ((NAME, number, CONTROL) if template is QUICK else (NAME, number))
            (root / "connectors" / NAME / f"{NAME}-{number}.json.j2").write_text(text)
        yield root


def _validations(root: Path, settings: Settings) -> tuple[float, float]:
    """Seconds of `validate`, and of the loop that only asks."""
    words = [sys.executable, "-m", "streamguard", "--project", str(root), "connectors", "render", "-o", "ndjson"]
    rendered = root / "rendered.ndjson"
    with rendered.open("w") as file:
        subprocess.run(words, env=_environment(settings), stdout=file, check=True)
    ours = _run(root, settings, "validate", "--jobs", JOBS)
    start = time.perf_counter()
    loop = [sys.executable, "-m", "benchmarks.validations", settings.connect_url, str(rendered), JOBS]
    subprocess.run(loop, check=True, stdout=subprocess.DEVNULL)
    return ours, time.perf_counter() - start


def _usage(root: Path, settings: Settings, *words: str) -> tuple[int, float]:
    """Bytes that a command had at most and its seconds of CPU, as the kernel counted them, with the processes that it
    started."""
    command = [sys.executable, "-m", "streamguard", "--project", str(root), "connectors", *words]
    done = subprocess.run(
        [sys.executable, "-c", USAGE, *command],
        env=_environment(settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    code, kilobytes, seconds = json.loads(done.stdout)
    if code:
        raise AssertionError(f"{' '.join(words)} ended with {code}")
    return int(kilobytes) * 1024, float(seconds)


def _run(root: Path, settings: Settings, *words: str) -> float:
    """Seconds of one command; it must end with 0."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "streamguard", "--project", str(root), "connectors", *words],
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2_000:]}")
    return seconds


def _environment(settings: Settings) -> dict[str, str]:
    return {**inherited_environment(), **settings.environment()}


def _curl(url: str, count: int) -> float:
    names = "".join(f"{NAME}-{number}\n" for number in range(count))
    start = time.perf_counter()
    subprocess.run(["bash", "-c", CURL, url], input=names, text=True, check=True)
    return time.perf_counter() - start
