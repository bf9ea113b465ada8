"""Records a second into one broker: `produce bank --max` beside Kafka's own load tool, and how fast records are made.

Both write in turn, several rounds, to topics of equal partitions: the same records (the tool reads them from a file),
acks, linger, batch, compression and idempotence; the tool's warm-up is not counted, nor is the start of either. Ours
have keys, so each partition's batches fill by chance; the tool's have none, and it fills one batch after the other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from confluent_kafka import TopicPartition
from faker import Faker

from benchmarks import generation
from benchmarks.bank import bank_run
from benchmarks.servers import servers
from streamguard.datagen.records.source import Source
from streamguard.kafka import clients, topics
from streamguard.model import Topic
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.jars import class_path, read_lock
from streamguard.stack.java import find_java
from streamguard.stack.stack import Stack

RECORDS = 800_000
WARM_UP = 200_000
"""Records that Kafka's tool writes before it counts: by then its code is compiled."""
ROUNDS = 3
PARTITIONS = 4
PAYLOADS = 20_000
MADE = 400_000
NAIVE = 400
OWN, JAVA, FIRST = "producing-own", "producing-java", "producing-first"
STARTS = 5
PROPERTIES = {
    "acks": "all",
    "enable.idempotence": "true",
    "linger.ms": "5",
    "batch.size": "1000000",
    "compression.type": "lz4",
    "buffer.memory": str(128 * 1024 * 1024),
}
RATE = re.compile(r"^(\d+) records sent, ([\d.]+) records/sec", re.MULTILINE)


@dataclass(frozen=True)
class Round:
    """Records a second of each, in one round."""

    own: float
    java: float

    @property
    def ratio(self) -> float:
        return self.own / self.java


@dataclass(frozen=True)
class Figures:
    """The rounds; records made in a second of CPU, as worlds do and with a call of Faker for each field; and seconds
    from the start of the command to the first record, with people that are cached and with ones that are made."""

    rounds: list[Round]
    made: float
    naive: float
    size: int
    warm: float
    cold: float


def measure(records: int = RECORDS, rounds: int = ROUNDS) -> Figures:
    """Run it."""
    with servers(["kafka"]) as stack:
        wanted = [Topic(OWN, PARTITIONS), Topic(JAVA, PARTITIONS), Topic(FIRST, 1)]
        topics.apply(stack.settings, topics.plan(wanted, {}))
        payloads, size = _payloads(stack.settings)
        found = []
        for number in range(rounds):
            java = _java(stack, payloads, records)
            found.append(Round(_own(stack, number, records), java))
        warm = median(_first_record(stack, stack.settings.cache_dir) for _ in range(STARTS))
        cold = median(_first_record(stack, stack.settings.data_dir / f"cold{number}") for number in range(STARTS))
        return Figures(found, made(stack.settings), naive(), size, warm, cold)


def made(settings: Settings, records: int = MADE) -> float:
    """Bank records a second of CPU, as bytes with their keys, from a source that has begun."""
    source = Source(bank_run("made", "fraudulent", OWN), "transactions", settings.cache_dir)
    source.block(0)
    begin = time.process_time()
    for block in source.blocks(0, records):
        generation.take(block)
    return records / (time.process_time() - begin)


def naive(records: int = NAIVE) -> float:
    """The same with Faker, field by field, and json: what one writes first."""
    slow = generation.naive(Faker())
    begin = time.process_time()
    for _ in range(records):
        next(slow)
    return records / (time.process_time() - begin)


def _own(stack: Stack, number: int, records: int) -> float:
    settings = stack.settings
    command = [sys.executable, "-m", "streamguard", "--project", str(stack.project.root), "produce", "--world", "bank"]
    options = ["--set", f"streams.transactions.topic={OWN}", "--max", "--count", str(records), "--seed", str(number)]
    environment = {**inherited_environment(), **settings.environment()}
    told = subprocess.run(
        [*command, *options, "--output", "json"], env=environment, check=True, capture_output=True, text=True
    )
    return float(json.loads(told.stdout)["rate"])


def _first_record(stack: Stack, cache: Path) -> float:
    """Seconds from the start of the command to the first record, which has the time when it was produced."""
    settings, begun = stack.settings, time.time()
    command = [sys.executable, "-m", "streamguard", "--project", str(stack.project.root), "produce", "--world", "bank"]
    options = ["--set", f"streams.transactions.topic={FIRST}", "--count", "1"]
    environment = {**inherited_environment(), **settings.environment(), "STREAMGUARD_CACHE_DIR": str(cache)}
    subprocess.run([*command, *options], env=environment, check=True, capture_output=True)
    reader = clients.consumer(settings, "first")
    _, end = reader.get_watermark_offsets(TopicPartition(FIRST, 0), timeout=10)
    reader.assign([TopicPartition(FIRST, 0, end - 1)])
    (record,) = reader.consume(1, timeout=10)
    reader.close()
    return record.timestamp()[1] / 1000 - begun


def _java(stack: Stack, payloads: Path, records: int) -> float:
    settings = stack.settings
    properties = [f"{name}={value}" for name, value in PROPERTIES.items()]
    command = [find_java(settings), "-Xmx512m", "-cp", class_path(read_lock(), settings.cache_dir / "jars")]
    options = ["--topic", JAVA, "--num-records", str(records + WARM_UP), "--warmup-records", str(WARM_UP)]
    told = subprocess.run(
        [
            *(*command, "org.apache.kafka.tools.ProducerPerformance", *options, "--throughput", "-1"),
            *("--payload-file", str(payloads), "--producer-props"),
            *(f"bootstrap.servers={settings.kafka_bootstrap}", *properties),
        ],
        env=inherited_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(RATE.findall(told.stdout)[-1][1])


def _payloads(settings: Settings) -> tuple[Path, int]:
    """A file of records for Kafka's tool, and their mean size in bytes."""
    source = Source(bank_run("payloads", "fraudulent", OWN), "transactions", settings.cache_dir)
    values = [value or b"" for block in source.blocks(0, PAYLOADS) for value in block.values]
    path = settings.data_dir / "payloads.jsonl"
    path.write_bytes(b"\n".join(values))
    return path, round(sum(map(len, values)) / len(values))


def table(figures: Figures) -> str:
    """As Markdown."""
    lines = [
        "| round | `produce bank --max`, records/s | kafka-producer-perf-test, records/s | ratio |",
        "|---|---|---|---|",
    ]
    for number, one in enumerate(figures.rounds, 1):
        lines.append(f"| {number} | {one.own:,.0f} | {one.java:,.0f} | {one.ratio:.2f} |")
    ratio = median(one.ratio for one in figures.rounds)
    return "\n".join(
        [
            *lines,
            "",
            f"Median ratio {ratio:.2f}, {figures.size:,} bytes a record. Made: {figures.made:,.0f} records a second of "
            f"CPU, {figures.made / figures.naive:,.0f} times as many as with Faker for each field "
            f"({figures.naive:,.0f}). From the start of the command to the first record: {figures.warm:.2f} s, and "
            f"{figures.cold:.2f} s where the people have to be made.",
        ]
    )
