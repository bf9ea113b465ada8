"""Files of rules: what they say, and what is refused with file, line, column and a fix."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from streamguard.errors import ProjectError
from streamguard.model import Pipeline
from streamguard.project import Project
from streamguard.services.decider.rules import BLACKLISTS, read_rules, rules_file, schema
from tests.services.decider.rulebooks import PLAIN, SHIPPED, SMALL, rules


def test_the_shipped_rules_are_right_and_name_every_rule_of_the_statements() -> None:
    read = read_rules(SHIPPED)
    assert {"HIGH_AMOUNT", "VELOCITY", "RISK", "NIGHT_TIME", "HIGH_RISK_CATEGORY"} <= read.alerts.keys()
    assert read.publish == {"review", "decline"}
    assert "unusual-amount" in read.names()


def test_a_file_may_leave_out_what_it_has_no_use_for() -> None:
    read = rules(SMALL)
    assert (read.blacklists, read.journeys, read.rules) == ((), {}, ())
    assert read.publish == {"review", "decline"}


def test_a_reason_may_be_a_block_of_text() -> None:
    block = (
        "  - {name: x, when: amount > 1, action: review, score: 1, severity: low,\n     reason: 'in\n     two lines'}\n"
    )
    [rule] = rules(SMALL + "rules:\n" + block).rules
    assert rule.text(()) == "in two lines"
    [rule] = rules(
        SMALL
        + "rules:\n"
        + block.replace("{", "")
        .replace("}", "")
        .replace(", ", "\n    ")
        .replace(",\n     reason", "\n    reason")
        .replace("'in\n     two lines'", "|\n      in\n")
    ).rules
    assert rule.text(()) == "in"


def test_the_version_changes_with_the_meaning_only() -> None:
    version = rules().version
    assert rules("# a comment\n" + PLAIN.replace("2026-07-01, to", "'2026-07-01', to")).version == version
    assert rules(PLAIN.replace("a-666", "a-667")).version != version
    assert rules().approved.rules_version == version


def test_the_schema_is_one_and_has_every_blacklist() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(schema())))
    assert schema()["properties"]["blacklists"]["properties"].keys() == BLACKLISTS.keys()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("account.mean and", "acount.mean and", "line 20, column 25: rule unusual-amount, when: no name acount.mean "
         "(did you mean account.mean?)"),
        ("account.count >= 5", "account.count = 5", "line 20, column 56: rule unusual-amount, when: unexpected '=': "
         "write =="),
        ("{amount} is", "{amuont} is", "line 24, column 15: rule unusual-amount, reason: no name amuont"),
        ("to: 2026-07-01", "to: 2026-06-30", "line 10, column 61: the journey ends on 2026-06-30, before it begins"),
        ('"2026-06-25"', "soon", "line 9, column 65: to: soon is no day: write it like 2026-07-01"),
        ('"NO"', "NO", "line 4: blacklists.countries.entries.0: False is not of type 'string': put it into quotes"),
        ("m-666", "4711", "line 3: blacklists.merchants.entries.0: 4711 is not of type 'string': put it into quotes"),
        ("severity: low\n    reason", "severty: low\n    reason", r"line 23: unknown key severty "
         "(did you mean severity?)"),
        ("action: decline, score: 100", "action: block, score: 100", "line 2: blacklists.accounts.action: 'block' is "
         "not one of ['approve', 'review', 'decline']"),
        ("times the mean", "times\\0", "line 24: rule unusual-amount, reason: a control character"),
        ("times the mean", "times\\ud83d", "line 24: rule unusual-amount, reason: a control character"),
        ("alerts: [RISK]", "alerts: [RSIK]", "line 6, column 12: alerts has no rule RSIK (did you mean RISK?)"),
        ("score: 40", "score: 400", "line 12: alerts.HIGH_AMOUNT.score: 400 is greater than the maximum of 100"),
        ("  BLOCK:", "  BLOK:", "line 16: unknown key BLOK (did you mean BLOCK?)"),
        ("other_alerts", "alerts", "line 15: alerts is there twice"),
        ("rules:\n", "rules: [\n", "line 19: "),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_a_fix(old: str, new: str, says: str) -> None:
    assert old in PLAIN
    with pytest.raises(ProjectError) as raised:
        rules(PLAIN.replace(old, new, 1))
    assert str(raised.value).startswith(f"rules.yml, {says}")
    assert "\n" not in str(raised.value)


def test_all_mistakes_in_conditions_are_told_at_once_in_the_order_of_lines() -> None:
    one = "  - {name: x, when: amount, action: review, score: 1, severity: low, reason: '{'}\n"
    with pytest.raises(ProjectError) as raised:
        rules(SMALL + "rules:\n" + one + one)
    told = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in told] == [
        "rules.yml, line 4, column 21", "rules.yml, line 4, column 79",
        "rules.yml, line 5, column 12", "rules.yml, line 5, column 21", "rules.yml, line 5, column 79",
    ]  # fmt: skip
    assert "there is another rule x" in told[2]


def test_a_pipeline_without_rules_is_told_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no .*init/shop/rules\.yml, which the decider needs"):
        rules_file(Project(tmp_path), Pipeline("shop"))


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"rules\.yml can not be read"):
        read_rules(tmp_path / "rules.yml")
