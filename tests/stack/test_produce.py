"""`streamguard produce` against a real Kafka: what it says it wrote is what a reader finds."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from streamguard.datagen.records.journal import read_journal
from streamguard.datagen.records.manifest import differences, read_manifest
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import records
from streamguard.datagen.world.reading import read_world
from streamguard.kafka import clients
from streamguard.project import shipped
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from tests.terminal import Terminal

PARTITIONS = 3
BANK = shipped() / "init" / "worlds" / "bank.yml"
Read = list[tuple[int, bytes, dict[str, Any]]]


@dataclass(frozen=True)
class Target:
    """A project whose pipeline `trial` writes to a topic of its own."""

    root: Path
    topic: str
    settings: Settings

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "streamguard", "--project", str(self.root), "produce", *arguments]

    def environment(self) -> dict[str, str]:
        return {**inherited_environment(), **self.settings.environment()}

    def start(self, *arguments: str, pipeline: tuple[str, ...] = ("trial",)) -> subprocess.Popen[str]:
        command = self.command(*pipeline, *arguments)
        return subprocess.Popen(
            command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def produce(self, *arguments: str) -> dict[str, Any]:
        """Run to the end; the summary."""
        process = self.start(*arguments, "--output", "json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, f"produce {arguments} ended with {process.returncode}\n{out}\n{err}"
        summary: dict[str, Any] = json.loads(out)
        return summary

    def read(self) -> Read:
        """Partition, key and value of every record in the topic."""
        found: Read = []
        reader = clients.consumer(self.settings, f"reader-{self.topic}")
        places = [TopicPartition(self.topic, number, 0) for number in range(PARTITIONS)]
        total = sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)
        reader.assign(places)
        while len(found) < total:
            for message in reader.consume(total - len(found), timeout=10):
                value, key, partition = message.value(), message.key(), message.partition()
                assert message.error() is None and value is not None and partition is not None
                found.append((partition, bytes(key or b""), orjson.loads(value)))
        reader.close()
        return found


@pytest.fixture
def target(settings: Settings, tmp_path: Path) -> Iterator[Target]:
    topic = f"produce-{uuid.uuid4().hex[:8]}"
    for name in ("connectors", "ksql", "init"):
        (tmp_path / name).mkdir()
    (tmp_path / "init" / "worlds").mkdir()
    shutil.copy(BANK, tmp_path / "init" / "worlds")
    generator = f"generator: {{world: bank, topic: {topic}, rate: 100}}\n"
    (tmp_path / "init" / "trial.yml").write_text(f"topics:\n  {topic}: {{partitions: {PARTITIONS}}}\n{generator}")
    admin = clients.admin(settings)
    for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        made.result(30)
    yield Target(tmp_path, topic, settings)
    for gone in admin.delete_topics([topic]).values():
        gone.result(30)


def in_order(read: Read) -> list[dict[str, Any]]:
    return sorted((value for _, _, value in read), key=lambda value: str(value["transaction_id"]))


def derived(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """What the summary says was written, worked out without Kafka."""
    run = Run.of(summary, read_world(BANK))
    return list(records(run, summary["last_sequence"] + 1))


def test_the_summary_says_what_a_reader_finds_and_what_can_be_derived(target: Target) -> None:
    summary = target.produce("--max", "--count", "5000", "--seed", "7", "--run", "one", "--people", "500")
    read = target.read()
    values = in_order(read)
    counts = Counter(value["evaluation"] for value in values)
    assert values == derived(summary)
    assert {name: summary[name] for name in counts} == counts
    assert (summary["produced"], summary["acknowledged"], summary["failed"]) == (5000, 5000, 0)
    assert (summary["first_sequence"], summary["last_sequence"]) == (0, 4999)
    assert all(key.decode() == value["sender_bank_account"] for _, key, value in read)


def test_one_account_is_on_one_partition_also_in_the_next_run(target: Target) -> None:
    target.produce("--max", "--count", "2000", "--people", "100")
    target.produce("--max", "--count", "2000", "--people", "100")
    read = target.read()
    assert len({value["transaction_id"] for _, _, value in read}) == 4000
    assert len({(key, partition) for partition, key, _ in read}) == 100


def test_a_paced_run_takes_its_time(target: Target) -> None:
    summary = target.produce("--rate", "500", "--duration", "2", "--people", "100")
    assert summary["acknowledged"] == len(target.read()) == 1000
    assert summary["seconds"] == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_flushes_prints_the_totals_and_loses_nothing(
    target: Target, number: signal.Signals, code: int
) -> None:
    process = target.start("--rate", "5000", "--people", "100", "--output", "json")
    wait_for_first_record(target)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert process.returncode == code, err
    assert "Traceback" not in err
    summary = json.loads(out)
    assert summary["acknowledged"] == summary["produced"] > 0
    assert in_order(target.read()) == derived(summary)
    assert summary["failed"] == 0


def test_a_worker_that_dies_ends_the_run_and_is_told(target: Target) -> None:
    process = target.start("--rate", "500", "--people", "100", "--workers", "2", "--run", "one", "--output", "json")
    wait_for_first_record(target)
    victim = next(one for one in psutil.Process(process.pid).children() if "spawn_main" in " ".join(one.cmdline()))
    victim.kill()
    out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert re.search(r"worker [12] of 2 was killed by SIGKILL", err)
    assert json.loads(out)["run"] == "one", "the summary is there all the same"


def test_ctrl_c_on_a_terminal_ends_all_workers_without_a_hole_and_done_looks_done(
    target: Target, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    own = ("--manifest", str(manifest), "--people", "100", "--workers", "2")
    command = target.command("trial", "--rate", "20000", *own)
    with Terminal(command, target.environment()) as terminal:
        screen = terminal.wait_for("p50 ")
        assert max(map(len, screen.splitlines())) <= 80
        wait_for_first_record(target)
        terminal.press("\x03")
        assert terminal.wait(20) == 130
        shown = terminal.shown
    assert "Traceback" not in shown
    (acknowledged,) = re.findall(r"done: ([\d,]+) records acknowledged in .* none failed", shown)
    values = in_order(target.read())
    assert int(acknowledged.replace(",", "")) == len(values) > 0
    assert [int(value["transaction_id"][-9:]) for value in values] == list(range(len(values)))
    assert differences(read_manifest(manifest)) == []


def test_a_run_that_was_killed_goes_on_without_a_gap(target: Target, tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    asked = ("--rate", "5000", "--count", "10000", "--people", "100", "--run", "cut")
    process = target.start(*asked, "--journal", str(journal))
    wait_for_first_record(target)
    process.kill()
    process.communicate(timeout=5)
    told = read_journal(journal).positions["transactions"]
    resume = target.start("--resume", str(journal), "--output", "json", pipeline=())
    out, err = resume.communicate(timeout=60)
    assert resume.returncode == 0, err
    assert f"at {told.watermark:,}; up to {told.doubtful:,} records may be there twice" in err
    times = Counter(int(value["transaction_id"][-9:]) for _, _, value in target.read())
    assert sorted(times) == list(range(10_000))
    assert all(told.watermark <= index < told.reserved for index, number in times.items() if number > 1)
    assert json.loads(out)["first_sequence"] == told.watermark


def test_a_topic_that_does_not_exist_is_one_sentence(target: Target) -> None:
    path = target.root / "init" / "trial.yml"
    path.write_text(path.read_text().replace(target.topic, "produce-nowhere"))
    process = target.start()
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert err.strip().count("\n") == 0
    assert "no topic produce-nowhere at" in err
    assert "make it with `streamguard topics apply trial`" in err


def test_topics_that_no_pipeline_has_are_told_with_the_file_that_makes_them(target: Target) -> None:
    world = str(shipped() / "init" / "worlds" / "transfers.yml")
    process = target.start("--world", world, "--set", "streams.transactions.topic=nowhere", "--count", "1", pipeline=())
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert "no pipeline has it: write `topics: {nowhere: {partitions: 4}}` into init/transfers.yml" in err


def test_a_kafka_that_stands_still_for_a_while_costs_no_record(target: Target, stack: Stack) -> None:
    process = target.start("--rate", "2000", "--count", "14000", "--people", "100", "--output", "json")
    wait_for_first_record(target)
    with standing_still(stack, "kafka"):
        said = wait_for_line(process, "does not answer")
    out, err = process.communicate(timeout=60)
    assert re.search(r"Kafka at \S+ does not answer: [\d,]+ records wait for it, none is dropped", said)
    assert "answers again" in err
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert in_order(target.read()) == derived(summary)
    assert summary["acknowledged"] == 14000


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """The next line on stderr that holds `text`."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"ended without saying {text!r}")


def wait_for_first_record(target: Target) -> None:
    """Return when the topic has its first record."""
    reader = clients.consumer(target.settings, f"first-{target.topic}")
    reader.assign([TopicPartition(target.topic, number, 0) for number in range(PARTITIONS)])
    assert reader.consume(1, timeout=20)
    reader.close()


@contextmanager
def standing_still(stack: Stack, server: str) -> Iterator[None]:
    """The server's process is stopped by SIGSTOP in this block: connections stay open, nobody answers."""
    (pid,) = [row.pid for row in stack.status() if row.name == server]
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()
