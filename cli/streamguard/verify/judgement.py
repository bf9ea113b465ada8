"""Whether the validator API calls a transaction fraudulent: a second reading of the top of init/bank/validator.yml.

It shares no line with the service, so that a mistake of one is seen by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from streamguard.model import Pipeline
from streamguard.project import Project, read_text

MOST_POINTS = 100
LONGEST_DOMAIN = 253


def judge_of(project: Project, pipeline: Pipeline) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a bank transaction is fraudulent, by the files of the pipeline."""
    folder = project.init / pipeline.name
    rules, blacklist = (yaml.safe_load(read_text(folder / f"{name}.yml")) for name in ("validator", "blacklist"))
    return Judgement(rules, blacklist).is_fraudulent


class Judgement:
    """The judgement by these rules (validator.yml) and this blacklist (blacklist.yml)."""

    def __init__(self, rules: Mapping[str, Any], blacklist: Mapping[str, Any]) -> None:
        self._rules = rules
        self._usual = {_account(name): typical for name, typical in rules["account_history"]["accounts"].items()}
        self._bad_accounts = {_account(name) for name in blacklist["accounts"]} - {""}
        self._bad_people = set(blacklist["receivers"])
        self._bad_domains = {name.lower(): True for name in blacklist["email_domains"]}
        self._domains = {name.lower(): points for name, points in rules["receiver"]["email_domains"].items()}

    def is_fraudulent(self, transaction: Mapping[str, Any]) -> bool:
        """Of a bank transaction as `bank-transactions` has it."""
        return bool(min(MOST_POINTS, self.points(transaction)) >= self._rules["threshold"])

    def points(self, transaction: Mapping[str, Any]) -> int:
        """The sum of all rules."""
        amount, bank = float(transaction["amount"]), transaction["sender_bank"]
        sender, receiver = _account(transaction["sender_bank_account"]), transaction["receiver_details"]
        account, domain = _account(receiver["bank_account"]), _domain(receiver["email"])
        by_account, by_bank, of_receiver = (
            self._rules[name] for name in ("account_history", "bank_history", "receiver")
        )
        risk, incomplete = self._rules["bank_risk"], of_receiver["incomplete"]
        total = _reached(amount, self._usual.get(sender, by_account["otherwise"]), by_account["steps"])
        total += _reached(amount, by_bank["banks"].get(bank, by_bank["otherwise"]), by_bank["steps"])
        total += risk["banks"].get(bank, risk["otherwise"])
        if domain is not None:
            total += _longest(domain, self._domains, of_receiver["email_otherwise"])
        total += of_receiver["countries"].get(account[:2], of_receiver["country_otherwise"])
        if any(receiver[name] in (None, "") for name in incomplete["fields"]):
            total += incomplete["points"]
        if account and account == sender:
            total += of_receiver["is_sender"]
        listed = {sender, account} & self._bad_accounts or receiver["id"] in self._bad_people
        if listed or (domain is not None and _longest(domain, self._bad_domains, False)):
            total += self._rules["blacklist"]
        return int(total)


def _reached(amount: float, typical: int, steps: Iterable[Mapping[str, int]]) -> int:
    return max((step["points"] for step in steps if amount >= step["times"] * typical), default=0)


def _longest(domain: str, listed: Mapping[str, Any], otherwise: Any) -> Any:
    """What is listed for a domain, or for the closest one above it."""
    labels = domain.split(".")
    above = (".".join(labels[first:]) for first in range(len(labels)))
    return next((listed[name] for name in above if name in listed), otherwise)


def _domain(email: str | None) -> str | None:
    _, at, after = (email or "").rpartition("@")
    return after.lower() if at and 0 < len(after) <= LONGEST_DOMAIN else None


def _account(text: str | None) -> str:
    return (text or "").replace(" ", "").upper()
