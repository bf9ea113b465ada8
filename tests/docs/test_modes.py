"""docs/modes.md says how things are known: the tests that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from streamguard.settings import MODES, load
from streamguard.stack import kafka_config
from tests.docs.readme import ROOT, blocks

PAGE = ROOT / "docs" / "modes.md"
TESTS = sorted(set(re.findall(r"`((?:tests|\.ci)/[\w/.]+)`", PAGE.read_text())))
CLUSTERS = ROOT / "docs" / "clusters.md"
SAME = ("consumer.isolation.level", "producer.max.request.size", "key.converter", "value.converter")


@pytest.mark.parametrize("path", TESTS)
def test_what_the_page_refers_to_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_mode_has_its_part() -> None:
    headings = {line.removeprefix("## ").lower() for line in PAGE.read_text().splitlines() if line.startswith("## ")}
    assert headings >= set(MODES)


def test_the_worker_of_strimzi_has_what_the_local_one_has() -> None:
    [resource] = [each for block in blocks(CLUSTERS, "yaml") for each in yaml.safe_load_all(block) if "kind" in each]
    settings = load(ROOT, environ={}, data_dir=Path("/nowhere"))
    config, local = resource["spec"]["config"], kafka_config.worker(settings, Path("/plugins"))
    overrides = {name for name in config if name.startswith("connector.client.config.override")}
    names = {*SAME, *overrides, "config.providers.env.class"}
    assert {name: str(config[name]) for name in names} == {name: str(local[name]) for name in names}
    given = [each["name"] for each in resource["spec"]["template"]["connectContainer"]["env"]]
    assert config["config.providers.env.param.allowlist.pattern"] == kafka_config.allowed_names(given)
