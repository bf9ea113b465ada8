"""The rules file and the blacklist: what is read from them, and what an operator is told about a mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamguard.errors import ProjectError
from streamguard.services.validator.contract import Receiver
from streamguard.services.validator.rules import (
    BLACKLIST_FILE,
    RULES_FILE,
    account_of,
    domain_of,
    load_blacklist,
    load_rules,
)
from tests.person import PERSON_FIELDS
from tests.services.validator.questions import SHIPPED


def edited(folder: Path, name: str, old: str, new: str) -> Path:
    """The shipped files in a folder of their own, one of them with a change."""
    for each in (RULES_FILE, BLACKLIST_FILE):
        text = (SHIPPED / each).read_text()
        assert each != name or old in text
        (folder / each).write_text(text.replace(old, new, 1) if each == name else text)
    return folder


def test_the_shipped_files_are_read() -> None:
    rules, blacklist = load_rules(SHIPPED), load_blacklist(SHIPPED)
    assert rules.threshold == 50
    assert rules.bank_history.typical["Albion Trust"] == 160
    assert blacklist.accounts == {"GB65FMPX74646500000004", "GB10WBYU27291100000042"}


def test_accounts_and_domains_are_read_as_they_are_compared(tmp_path: Path) -> None:
    rules = load_rules(edited(tmp_path, RULES_FILE, "GB08SZVW41605500000000: 450", '"gb83 dtmj 00": 450'))
    assert rules.account_history.typical["GB83DTMJ00"] == 450
    blacklist = load_blacklist(edited(tmp_path, BLACKLIST_FILE, "mule.example", "Mule.Example"))
    assert blacklist.email_domains == {"mule.example"}


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("threshold: 50", "threshhold: 50", "threshhold: 50", "unknown key threshhold (did you mean threshold?)"),
        ("threshold: 50", "threshold: 500", "threshold: 500", "500 is greater than the maximum of 100"),
        ("threshold: 50", "", "account_history:", "'threshold' is a required property"),
        ("threshold: 50", "threshold: many", "threshold: many", "'many' is not of type 'integer'"),
        ("otherwise: 120", "otherwise: 0", "otherwise: 0", "0 is less than the minimum of 1"),
        ("{times: 2, points: 20}", "{times: 2, points: 2.5}", "- {times: 2, points: 2.5}", "2.5 is not of type"),
        ("{times: 2, points: 20}", "{times: 2}", "- {times: 2}", "'points' is a required property"),
        ("Albion Trust: 5", "Albion Trust: true", "Albion Trust: true", "True is not of type 'integer'"),
        ("{GB: 0}", "{NO: 0}", "countries:", "False is not of type 'string'"),
        ("{GB: 0}", "{gb: 0}", "countries:", "'gb' does not match"),
        ("[name, address,", "[name, shoe_size,", "incomplete:", "'shoe_size' is not one of"),
        ("blacklist: 100", "blacklist: ]", "blacklist: ]", "expected"),
    ],
)
def test_a_mistake_in_the_rules_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: str, reason: str
) -> None:
    with pytest.raises(ProjectError) as raised:
        load_rules(edited(tmp_path, RULES_FILE, old, new))
    lines = (tmp_path / RULES_FILE).read_text().splitlines()
    number = next(number for number, text in enumerate(lines, 1) if text.strip().startswith(line))
    assert re.match(rf"{re.escape(str(tmp_path / RULES_FILE))}, line {number}(, column \d+)?: ", str(raised.value))
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("accounts:", "acounts:", "unknown key acounts (did you mean accounts?)"),
        ("GB65FMPX74646500000004", "4711", "4711 is not of type 'string'"),
        ("GB65FMPX74646500000004", '" "', "' ' does not match"),
        ("mule.example", '"@mule.example"', "'@mule.example' does not match"),
        ("  - mule.example", "", "None is not of type 'array'"),
    ],
)
def test_a_mistake_in_the_blacklist_is_told(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(ProjectError, match=f"{BLACKLIST_FILE}, line [0-9]+: ") as raised:
        load_blacklist(edited(tmp_path, BLACKLIST_FILE, old, new))
    assert reason in str(raised.value)


def test_an_account_is_compared_without_blanks_and_in_upper_case() -> None:
    assert account_of("gb01 bank 0001 ") == "GB01BANK0001"
    assert account_of(None) == account_of("  ") == ""


@pytest.mark.parametrize(
    ("email", "domain"),
    [("a@B.Example", "b.example"), ("a@b@c", "c"), ("a@", ""), ("a", ""), ("", ""), (None, ""), ("a@" + "b" * 254, "")],
)
def test_a_domain_follows_the_last_at_sign(email: str | None, domain: str) -> None:
    assert domain_of(email) == domain


def test_a_receiver_has_the_fields_of_a_person() -> None:
    assert set(Receiver.__annotations__) == set(PERSON_FIELDS)
