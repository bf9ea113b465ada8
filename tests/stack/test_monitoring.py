"""A real Prometheus asks the running pipeline, by monitoring/prometheus.local.yml."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from streamguard.kafka.topics import apply, existing_topics, plan
from streamguard.settings import Settings, load
from streamguard.stack.ports import free_ports
from tests.containers.composition import services
from tests.monitoring_files import ROOT, names, queries, rules
from tests.stack.bank import Bank
from tests.tools import require

OF_CARD = ("decider", "notifier")
JOBS = {"watch": "connect-watch", "ksql": "ksql", "generator": "produce-bank"}
"""Jobs whose programs have another name."""
SECONDS = 20.0


def get(url: str) -> str:
    answer = requests.get(url, timeout=5)
    answer.raise_for_status()
    return answer.text


def exported(text: str) -> set[str]:
    """The names of the samples that an exposition can have, also those that have no value yet."""
    found: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        found |= {name} if kind != "histogram" else {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return found


@pytest.fixture
def urls(bank: Bank) -> Iterator[dict[str, str]]:
    """Where the programs are asked for metrics, by job: those of bank, its generator, and the services of card."""
    wanted = bank.stack.project.pipeline("card").topics
    apply(bank.settings, plan(wanted, existing_topics(bank.settings, [topic.name for topic in wanted])))
    ours = ("produce-bank", *OF_CARD, "postgres")
    bank.stack.start(ours)
    jobs = ("watch", "ksql", "generator", *bank.pipeline.services, *OF_CARD)
    yield {job: bank.stack.programs[JOBS.get(job, job)].url for job in jobs}
    for name in ours:
        bank.stack.supervisor.stop_program(name)


def local_config(folder: Path, settings: Settings) -> Path:
    """prometheus.local.yml, with the ports of this stack, and asking more often."""
    default = load(ROOT, environ={})
    settable = [each.name for each in fields(Settings) if each.name.endswith("_port")]
    ports = {getattr(default, name): getattr(settings, name) for name in settable}
    ports |= {default.generator_port + number: settings.generator_port + number for number in range(3)}
    text = (ROOT / "prometheus.local.yml").read_text().replace("interval: 5s", "interval: 500ms")
    text = text.replace("[rules.yml]", f"[{ROOT / 'rules.yml'}]")
    path = folder / "prometheus.yml"
    path.write_text(re.sub(r"(127\.0\.0\.1:)(\d+)", lambda found: f"{found[1]}{ports.get(int(found[2]), 1)}", text))
    return path


@pytest.fixture
def prometheus(bank: Bank, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that asks this stack."""
    [port] = free_ports(1)
    command = (require("prometheus"), f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path}/data")
    config = f"--config.file={local_config(tmp_path, bank.settings)}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, config], stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def asked(url: str, path: str, **parameters: str) -> Any:
    """The data of an answer of Prometheus' API; None while it does not answer."""
    try:
        return json.loads(get(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]
    except requests.RequestException:
        return None


def test_every_query_names_metrics_that_the_programs_export_and_prometheus_takes_all_of_them(
    bank: Bank, urls: dict[str, str], prometheus: str
) -> None:
    known = {name for url in urls.values() for name in exported(get(f"{url}/metrics"))}
    assert {where: names(query) - known for where, query in queries() if names(query) - known} == {}

    end, up = time.monotonic() + SECONDS, set[str]()
    while not urls.keys() <= up:
        assert time.monotonic() < end, f"Prometheus does not see {sorted(urls.keys() - up)}"
        targets = (asked(prometheus, "targets", state="active") or {}).get("activeTargets", ())
        up = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        time.sleep(0.1)
    *_, script = services()["prometheus"]["healthcheck"]["test"]
    get(script.split()[-1].replace("http://localhost:9090", prometheus))  # raises unless it is 200
    for where, query in queries():
        assert asked(prometheus, "query", query=query.replace("$__rate_interval", "1m")) is not None, where
    groups = asked(prometheus, "rules")["groups"]
    assert {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}.keys() == rules().keys()
    [kafka] = asked(prometheus, "query", query="streamguard_kafka_up")["result"]
    assert kafka["value"][1] == "1"
    running = asked(prometheus, "query", query="streamguard_connector_up")["result"]
    assert {sample["metric"]["connector"] for sample in running} == {
        path.name.removesuffix(".json.j2") for path in bank.stack.project.templates("bank")
    }
