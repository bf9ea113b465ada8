"""The files of monitoring/ are ones that Prometheus and Grafana take; tests/stack/test_monitoring.py has servers."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from streamguard.project import Project
from streamguard.settings import Settings, load
from tests.containers.composition import services
from tests.monitoring_files import DASHBOARDS, ROOT, names, panels, queries, rules
from tests.tools import require

CONFIGS = ("prometheus.yml", "prometheus.local.yml")


def promtool(*arguments: str) -> str:
    done = subprocess.run([require("promtool"), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def targets(config: str) -> dict[str, list[str]]:
    document = yaml.safe_load((ROOT / config).read_text())
    return {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}


@pytest.mark.parametrize("config", CONFIGS)
def test_promtool_takes_the_configuration_and_its_rules(config: str) -> None:
    assert "SUCCESS" in promtool("check", "config", config)


def test_every_rule_says_to_made_up_series_what_it_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules.test.yml")
    tried = (ROOT / "rules.test.yml").read_text()
    assert not [alert for alert in rules() if f"alertname: {alert}" not in tried]


def test_every_rule_says_how_urgent_it_is_and_in_a_sentence_what_is_the_matter() -> None:
    document = yaml.safe_load((ROOT / "rules.yml").read_text())
    for rule in document["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]


def test_the_local_targets_are_at_the_ports_of_the_settings() -> None:
    settings = load(ROOT, environ={})
    ports = {getattr(settings, entry.name) for entry in fields(Settings) if entry.name.endswith("_port")}
    generators = range(settings.generator_port, settings.generator_port + len(Project(ROOT.parent).pipelines()))
    for job, places in targets("prometheus.local.yml").items():
        assert {int(place.rpartition(":")[2]) for place in places} <= ports | {*generators}, job


def test_the_targets_in_containers_are_services_at_the_ports_where_they_listen() -> None:
    for places in targets("prometheus.yml").values():
        for place in places:
            name, _, port = place.partition(":")
            assert services()[name]["ports"][0].endswith(f":{port}")


def test_both_modes_have_the_same_jobs_but_for_the_ksql_server_which_is_ours_in_one_only() -> None:
    assert targets("prometheus.local.yml").keys() - {"ksql"} == targets("prometheus.yml").keys()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_a_dashboard_is_one_that_grafana_can_provision(path: Path) -> None:
    document = json.loads(path.read_text())
    assert document["uid"] == f"streamguard-{path.stem}"
    assert document["title"].startswith("streamguard: ")
    seen: set[tuple[int, int]] = set()
    for panel in panels(path):
        assert panel["datasource"]["uid"] == "prometheus"
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & seen, f"{panel['title']} covers another panel"
        seen |= cells
    assert len({panel["id"] for panel in panels(path)}) == len(panels(path))


def test_the_data_source_of_the_dashboards_is_provisioned() -> None:
    folder = ROOT / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert [source["uid"] for source in sources] == ["prometheus"]
    provider = yaml.safe_load((folder / "dashboards" / "streamguard.yml").read_text())["providers"][0]
    mounts = services()["grafana"]["volumes"]
    assert f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_there_is_a_dashboard_for_throughput_detections_decisions_health_and_lag() -> None:
    assert {path.stem for path in DASHBOARDS} == {"throughput", "fraud", "card", "pipeline", "connect"}


def test_the_metrics_of_a_query_are_found() -> None:
    query = 'sum by (le) (rate(a_total{x="not_this"}[$__rate_interval])) / b > 5 and on(topic) c:d == 1'
    assert names(query) == {"a_total", "b", "c:d"}


def test_every_query_names_metrics_as_prometheus_wants_them() -> None:
    for where, query in queries():
        for name in names(query):
            assert re.fullmatch(r"(streamguard|process)_[a-z0-9_]+", name), where
            counted = re.search(rf"(rate|increase)\((?:[^()]*\b)?{name}", query)
            assert not counted or name.endswith(("_total", "_bucket")), f"{where}: {name} is no counter"
