"""The judgement: a pure function of a transaction, the rules and the blacklist.

Each rule looks at the facts of a transaction and gives a reason with points, or None. What the rules mean stands at the
top of `init/bank/validator.yml`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from streamguard.services.validator.contract import Reason, Receiver, Transaction, Verdict
from streamguard.services.validator.rules import Blacklist, History, Risk, Rules, account_of, domain_of

FULL = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at: a transaction, its accounts and its domain as they are compared."""

    amount: float
    bank: str
    sender: str
    receiver: Receiver
    account: str
    domain: str


Rule: TypeAlias = Callable[[Facts], Reason | None]
Judge: TypeAlias = Callable[[Transaction], Verdict]


def judge_by(rules: Rules, blacklist: Blacklist) -> Judge:
    """The function that judges transactions by these rules."""
    in_order = (
        _amount("amount_for_account", "the account", rules.account_history, lambda facts: facts.sender),
        _amount("amount_for_bank", "the bank", rules.bank_history, lambda facts: facts.bank),
        _bank_risk(rules.bank_risk),
        _receiver_email(rules.email),
        _receiver_country(rules.country),
        _receiver_incomplete(rules.incomplete, rules.incomplete_fields),
        _receiver_is_sender(rules.is_sender),
        _blacklist(rules.blacklist, blacklist),
    )
    threshold = rules.threshold

    def judge(transaction: Transaction) -> Verdict:
        facts = _facts(transaction)
        reasons = tuple(reason for rule in in_order if (reason := rule(facts)) is not None)
        points = min(FULL, sum(reason.points for reason in reasons))
        return Verdict(transaction["transaction_id"], points >= threshold, points / FULL, reasons)

    return judge


def _facts(transaction: Transaction) -> Facts:
    receiver = transaction["receiver_details"]
    return Facts(
        amount=transaction["amount"],
        bank=transaction["sender_bank"],
        sender=account_of(transaction["sender_bank_account"]),
        receiver=receiver,
        account=account_of(receiver["bank_account"]),
        domain=domain_of(receiver["email"]),
    )


def _reason(rule: str, points: int, text: str) -> Reason | None:
    """None: a rule that gives no points is no reason."""
    return Reason(rule, points, text) if points else None


def _amount(rule: str, whose: str, history: History, key: Callable[[Facts], str]) -> Rule:
    """Steps with more points come first, and the first that is reached counts: a higher amount never gives less."""
    steps = [
        (step.times, _reason(rule, step.points, f"{step.times} times what {whose} typically transfers, or more"))
        for step in sorted(history.steps, key=lambda step: -step.points)
    ]
    typical, otherwise = history.typical, history.otherwise

    def reason(facts: Facts) -> Reason | None:
        usual = typical.get(key(facts), otherwise)
        for times, reached in steps:
            if facts.amount >= times * usual:
                return reached
        return None

    return reason


def _bank_risk(risk: Risk) -> Rule:
    listed, otherwise = _by_name("bank_risk", risk, "transfers from {}", "transfers from a bank that is not listed")
    return lambda facts: listed.get(facts.bank, otherwise)


def _receiver_email(risk: Risk) -> Rule:
    listed, otherwise = _by_name(
        "receiver_email", risk, "an e-mail address at {}", "an e-mail address at a domain that is not listed"
    )

    def reason(facts: Facts) -> Reason | None:
        if not facts.domain:
            return None
        name = _nearest(facts.domain, listed)
        return otherwise if name is None else listed[name]

    return reason


def _receiver_country(risk: Risk) -> Rule:
    listed, otherwise = _by_name(
        "receiver_country", risk, "an account in {}", "an account in a country that is not listed"
    )
    return lambda facts: listed.get(facts.account[:2], otherwise)


def _receiver_incomplete(points: int, fields: tuple[str, ...]) -> Rule:
    found = _reason("receiver_incomplete", points, f"one of these is not told of the receiver: {', '.join(fields)}")

    def reason(facts: Facts) -> Reason | None:
        details: Mapping[str, object] = facts.receiver
        return None if all(map(details.get, fields)) else found

    return reason


def _receiver_is_sender(points: int) -> Rule:
    found = _reason("receiver_is_sender", points, "the account of the receiver is the sender's")
    return lambda facts: found if facts.account and facts.account == facts.sender else None


def _blacklist(points: int, blacklist: Blacklist) -> Rule:
    accounts, receivers, domains = blacklist.accounts, blacklist.receivers, blacklist.email_domains

    def reason(facts: Facts) -> Reason | None:
        hits = {
            "the sender's account": facts.sender in accounts,
            "the receiver's account": facts.account in accounts,
            "the receiver's id": facts.receiver["id"] in receivers,
            "the domain of the receiver's e-mail address": _nearest(facts.domain, domains) is not None,
        }
        if not any(hits.values()):
            return None
        return _reason("blacklist", points, f"on the blacklist: {', '.join(what for what, hit in hits.items() if hit)}")

    return reason


def _by_name(rule: str, risk: Risk, text: str, otherwise: str) -> tuple[dict[str, Reason | None], Reason | None]:
    """The reason of each name of a table, and that of every other name; `text` has {} where the name goes."""
    listed = {name: _reason(rule, points, text.format(name)) for name, points in risk.points.items()}
    return listed, _reason(rule, risk.otherwise, otherwise)


def _nearest(domain: str, names: Container[str]) -> str | None:
    """The domain, or the longest one above it, that is among the names."""
    while domain:
        if domain in names:
            return domain
        _, _, domain = domain.partition(".")
    return None
