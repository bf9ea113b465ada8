"""Each rule has configs that it speaks against, and configs that no rule speaks against: `cases/*.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamguard.connect.lint.definitions import definitions, shipped
from streamguard.connect.lint.finding import Finding
from streamguard.connect.lint.rule import RULES, Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.rest.answers import Plugin
from streamguard.connect.templates.render import Connector

CASES = Path(__file__).parent / "cases"
BASES: Mapping[str, Mapping[str, str]] = yaml.safe_load((CASES / "bases.yml").read_text())
LISTED: list[dict[str, Any]] = [
    case
    for path in sorted(CASES.glob("*.yml"))
    if path.name != "bases.yml"
    for case in yaml.safe_load(path.read_text())
]
ELSEWHERE = {"ignore-without-reason", "unused-ignore"}
"""Rules about comments of templates, see test_silences.py."""


def facts(case: Mapping[str, Any], side: str) -> Facts:
    worker = case.get(f"{side}_worker", case.get("worker"))
    topics = case.get(f"{side}_topics", case.get("topics"))
    if worker is None:
        return Facts(topics=topics)
    known = shipped()
    version = case.get("plugin_version", "12.0.0")
    plugins = [Plugin(name, "sink", version) for name in known.keys]
    return Facts(definitions(known.keys, plugins, worker), topics)


def findings(case: Mapping[str, Any], side: str) -> list[Finding]:
    config = {**BASES[case.get("base", "plain")], **case[side]}
    connector = Connector(
        case.get(f"{side}_name", "sink"),
        {key: value for key, value in config.items() if value is not None},
        Path("connectors/shop/sink.json.j2"),
    )
    return lint([connector], facts(case, side))


def ids(case: Mapping[str, Any]) -> str:
    return f"{case['rule']}-{case['says'][:30]}"


@pytest.mark.parametrize("case", LISTED, ids=ids)
def test_a_rule_speaks_against_its_bad_config_and_says_what_is_wrong(case: Mapping[str, Any]) -> None:
    found = [finding for finding in findings(case, "bad") if finding.rule == case["rule"]]
    assert any(case["says"] in finding.text for finding in found), found
    assert all(finding.severity == RULES[case["rule"]].severity for finding in found)
    assert not any(case.get("never_says", "\0") in str(finding) for finding in found)


@pytest.mark.parametrize("case", LISTED, ids=ids)
def test_no_rule_speaks_against_a_good_config(case: Mapping[str, Any]) -> None:
    allowed = case.get("but", ())
    assert [finding for finding in findings(case, "good") if finding.rule not in allowed] == []


def test_every_rule_has_a_case_with_a_bad_and_a_good_config() -> None:
    assert {case["rule"] for case in LISTED} | ELSEWHERE == set(RULES)


def test_every_rule_says_why_and_has_a_name_in_lower_case() -> None:
    for rule in RULES.values():
        assert rule.name == rule.name.lower()
        assert rule.title.endswith(".")
        assert len(rule.why) > 50


@pytest.mark.parametrize("base", sorted(BASES))
def test_the_configs_that_cases_start_from_are_clean(base: str) -> None:
    assert findings({"base": base, "good": {}}, "good") == []


def test_an_error_is_against_policy_and_a_warning_is_not() -> None:
    found = lint([Connector("c", {"connector.class": "X", "topics": "a", "errors.tolerance": "all"}, Path("c"))])
    assert {(finding.severity, finding.policy) for finding in found} == {("error", True), ("warning", False)}
    assert [finding.severity for finding in found] == sorted(finding.severity for finding in found)


def test_sinks_that_share_a_control_topic_are_told_of_each_other() -> None:
    pair = [Connector(name, BASES["iceberg"], Path(name)) for name in ("a", "b")]
    assert [(finding.connector, finding.text) for finding in lint(pair)] == [
        ("a", "is also that of b: give each sink its own"),
        ("b", "is also that of a: give each sink its own"),
    ]


def test_values_that_only_the_worker_knows_are_not_judged() -> None:
    config = {**BASES["mongodb"], "max.batch.size": "${env:BATCH_SIZE}"}
    assert lint([Connector("c", config, Path("c"))]) == []


@pytest.mark.parametrize("name", ["com.mongodb.kafka.connect.MongoSinkConnector", "MongoSinkConnector", "MongoSink"])
def test_a_class_is_known_by_every_name_that_connect_takes(name: str) -> None:
    config = {**BASES["mongodb"], "connector.class": name, "document.id.strategy": ""}
    config.pop("document.id.strategy")
    assert [finding.rule for finding in lint([Connector("c", config, Path("c"))])] == ["mongodb-duplicates"]
