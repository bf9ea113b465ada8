"""What is answered, and remembered, so that whoever asks again is told the same.

The rules may change between two questions. A caller that lost the first answer, or crashed before it acted on it, gets
the first verdict again.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeAlias

from streamguard.services.validator.contract import BodyRefused, Problem, Receiver, Transaction, Verdict
from streamguard.services.validator.rulebook import Rulebook

REMEMBERED = 50_000
"""Answers that are remembered at least; at most twice as many are, and those of one call."""

Answer: TypeAlias = tuple[int, Verdict]
"""A fingerprint of the question, in which nobody's data can be read, and the verdict."""

_details = itemgetter(*Receiver.__annotations__)


class KeyTaken(Exception):
    """Another transaction had that key before."""


class Remembered:
    """The latest answers by key."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._newer: dict[str, Answer] = {}
        self._older: dict[str, Answer] = {}

    def find(self, key: str, fingerprint: int) -> Verdict | None:
        """What was answered to that key, None if nothing was; KeyTaken if the question was another one."""
        answer = self._newer.get(key) or self._older.get(key)
        if answer is None:
            return None
        if answer[0] != fingerprint:
            raise KeyTaken
        return answer[1]

    def keep(self, key: str, fingerprint: int, verdict: Verdict) -> None:
        """Remember one more; now and then the older half is forgotten."""
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, {}
        self._newer[key] = fingerprint, verdict


class Validator:
    """Answers questions by the rules in force, and counts what it answered."""

    def __init__(self, rulebook: Rulebook, remembered: Remembered | None = None) -> None:
        self.rulebook = rulebook
        self._remembered = remembered or Remembered()
        self.fraudulent = 0
        self.legitimate = 0
        self.repeated = 0

    def validate(self, transaction: Transaction, key: str | None) -> Verdict:
        """Judge a transaction. Without a key nothing is remembered. Raises BodyRefused."""
        if key is None:
            return self._judge(transaction)
        try:
            return self._answer(transaction, key)
        except KeyTaken:
            raise BodyRefused(_taken("")) from None

    def validate_batch(self, transactions: Sequence[Transaction]) -> list[Verdict]:
        """Judge several, of which each has its id for a key. BodyRefused names those that can not be answered."""
        verdicts, problems = [], []
        for index, transaction in enumerate(transactions):
            try:
                verdicts.append(self._answer(transaction, transaction["transaction_id"]))
            except KeyTaken:
                problems.append(_taken(f"/transactions/{index}"))
        if problems:
            raise BodyRefused(*problems)
        return verdicts

    def _answer(self, transaction: Transaction, key: str) -> Verdict:
        fingerprint = _fingerprint(transaction)
        known = self._remembered.find(key, fingerprint)
        if known is not None:
            self.repeated += 1
            return known
        verdict = self._judge(transaction)
        self._remembered.keep(key, fingerprint, verdict)
        return verdict

    def _judge(self, transaction: Transaction) -> Verdict:
        verdict = self.rulebook.judge(transaction)
        if verdict.is_fraudulent_transaction:
            self.fraudulent += 1
        else:
            self.legitimate += 1
        return verdict


def _taken(pointer: str) -> Problem:
    return {"pointer": pointer, "message": "another transaction had this key before"}


def _fingerprint(transaction: Transaction) -> int:
    """Two transactions with one fingerprint are the same in every field that is asked for."""
    return hash(
        (
            transaction["transaction_id"],
            transaction["sender_bank_account"],
            transaction["sender_bank"],
            transaction["amount"],
            _details(transaction["receiver_details"]),
        )
    )
