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
        ('"NO"', "NO", "line 4, column 70: blacklists.countries.entries.0: False is not a text: put it into quotes"),
        ("m-666", "4711", "line 3, column 68: blacklists.merchants.entries.0: 4711 is not a text: put it into quotes"),
        ("severity: low\n    reason", "severty: low\n    reason", "line 23, column 5: unknown key severty "
         "(did you mean severity?)"),
        ("action: decline, score: 100", "action: block, score: 100", "line 2, column 22: blacklists.accounts.action: "
         "'block' is not possible (there are approve, decline, review)"),
        ("action: decline, score: 100", "action: declin, score: 100", "line 2, column 22: blacklists.accounts.action: "
         "'declin' is not possible (did you mean decline?)"),
        ("entries: [a-666]", "entries:", "line 2, column 63: blacklists.accounts.entries: it is empty: write a list, "
         "[] for none"),
        ("[a-666]", "[a-666, '']", "line 2, column 80: blacklists.accounts.entries.1: it is empty: write a text"),
        ("[a-666]", "[a-666, ~]", "line 2, column 80: blacklists.accounts.entries.1: it is empty: write a text"),
        ("countries: [GB]", "countries: []", "line 10, column 22: travellers.accounts.1.countries: it is empty: write "
         "at least one"),
        ("from: 2026-06-24", "from: ", "line 9, column 49: from: it is empty: write a day like 2026-07-01"),
        ("from: 2026-06-24", "from: 2026-06-31", "line 9, column 49: 2026-06-31: day is out of range for month"),
        ("score: 30\n", "score:\n", "line 22, column 5: rules.0.score: it is empty: write a whole number"),
        ("    score: 30\n", "", "line 19, column 5: rules.0: score missing: add `score: …`"),
        ("name: unusual-amount", "name: Unusual", "line 19, column 11: rules.0.name: 'Unusual' does not fit: write a "
         "name of small letters"),
        ("  RISK: {", "  risk: {", "line 14, column 3: alerts: 'risk' does not fit: write a rule as alerts name it"),
        ("review: 50, decline: 90", "review: 95, decline: 90", "line 25, column 22: review: 95 is above decline: 90, "
         "so what reaches it is declined already: write less"),
        ("times the mean", "times\\0", "line 24: rule unusual-amount, reason: a control character"),
        ("times the mean", "times\\ud83d", "line 24: rule unusual-amount, reason: a control character"),
        ("alerts: [RISK]", "alerts: [RSIK]", "line 6, column 12: alerts has no rule RSIK (did you mean RISK?)"),
        ("score: 40", "score: 400", "line 12, column 40: alerts.HIGH_AMOUNT.score: 400 is greater than the "
         "maximum of 100"),
        ("  BLOCK:", "  BLOK:", "line 16, column 3: unknown key BLOK (did you mean BLOCK?)"),
        ("other_alerts", "alerts", "line 15, column 1: alerts is there twice"),
        ("rules:\n", "rules: [\n", "line 19, column 3: "),
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


def test_all_mistakes_of_the_schema_are_told_at_once_in_the_order_of_lines() -> None:
    text = (
        PLAIN.replace("entries: [a-666]", "entries:")
        .replace('"NO"', "NO")
        .replace("severity: low\n    r", "severty: low\n    r")
    )
    with pytest.raises(ProjectError) as raised:
        rules(text.replace("    reason", "    raeson"))
    assert [line.split(": ")[0] for line in str(raised.value).splitlines()] == [
        "rules.yml, line 2, column 63", "rules.yml, line 4, column 70",
        "rules.yml, line 23, column 5", "rules.yml, line 24, column 5",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "# later\n", "---\n"])
def test_an_empty_file_is_told_what_belongs_into_it(text: str) -> None:
    with pytest.raises(ProjectError, match=r"^rules\.yml is empty: alerts and other_alerts belong into it, as in init"):
        rules(text)


def test_what_is_no_file_of_keys_and_values_is_told_so() -> None:
    with pytest.raises(ProjectError, match=r"^rules\.yml, line 1, column 1: it is empty: write keys and values$"):
        rules("[]")
    with pytest.raises(ProjectError, match=r"^rules\.yml, line 1, column 1: what is there is not keys and values$"):
        rules("[1]")


def test_a_pipeline_without_rules_is_told_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no .*init/shop/rules\.yml, which the decider needs"):
        rules_file(Project(tmp_path), Pipeline("shop"))


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"rules\.yml can not be read"):
        read_rules(tmp_path / "rules.yml")
