"""One question of a caller about many transactions: which calls are made for it, and which are made again.

Groups of transactions are asked about in any order. A call that fails is made again after a while; one that has failed
several times, or that the API refuses without saying because of whom, is made again in two halves, so that in the end
nobody shares the fate of another. A transaction for which alone the API fails, again and again while it answers another
one immediately before and after, is refused. While the API answers nobody nothing is decided, however long that lasts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, starmap
from typing import Any, Protocol

from streamguard.errors import RecordRefused
from streamguard.services.validation import backoff
from streamguard.services.validation.contract import Answer, CallFailed, CallRefused, NoBatchForm, Question
from streamguard.services.validation.metrics import Measures

TO_HALVE = 3
"""Failures of a call before it is made in halves."""
TO_SUSPECT = 3
"""Failures of a transaction alone after which the fault may be its own."""
TO_REFUSE, SECONDS_TO_REFUSE = 20, 60.0
"""Failures of its own, and from the first to the last of them. Each is between two answers about another transaction:
if calls failed by chance, however many of all, less than one transaction in 10**13 would have so many."""


class Caller(Protocol):
    """What makes the calls, see `client.ValidatorClient`."""

    measures: Measures

    @property
    def group_size(self) -> int: ...

    def clock(self) -> float: ...

    def chance(self) -> float: ...

    async def call(self, questions: Sequence[Question]) -> Sequence[Answer | None]: ...

    async def answers_others(self) -> bool: ...


@dataclass
class Failures:
    """Of one group, in a row."""

    number: int = 0
    own: int = 0
    """Those that only the transaction itself can be the reason for."""
    since: float = math.inf
    """When the first of these was."""


class Round:
    """Its `work` is done by as many tasks as there may be calls; what fails is left to tasks of its own."""

    def __init__(self, caller: Caller, transactions: Iterable[Mapping[str, Any]], tasks: asyncio.TaskGroup) -> None:
        self._caller = caller
        self._questions = starmap(Question.about, enumerate(transactions))
        self._tasks = tasks
        self._answers: dict[int, Answer] = {}

    def answers(self) -> list[Answer]:
        """In the order of the transactions, once all tasks have ended."""
        return [self._answers[position] for position in range(len(self._answers))]

    async def work(self) -> None:
        """Ask about one group of transactions after another, until there are no more."""
        while group := [*islice(self._questions, self._caller.group_size)]:
            await self._begin(group)

    async def _begin(self, group: list[Question]) -> None:
        if failure := await self._settle(group):
            self._retry(group, Failures(), failure)

    async def _settle(self, group: list[Question]) -> CallFailed | None:
        """Make calls until no question is left, or one fails; those that are answered are taken out of the group."""
        while group:
            try:
                answers = await self._caller.call(group)
            except CallFailed as failure:
                return failure
            except CallRefused as refused:
                self._refused(group, refused.refusal)
                return None
            except NoBatchForm:
                self._split([[question] for question in group])
                return None
            for question, answer in zip(group, answers, strict=True):
                if answer is not None:
                    self._answers[question.position] = answer
            group[:] = [question for question, answer in zip(group, answers, strict=True) if answer is None]
        return None

    def _retry(self, group: list[Question], failures: Failures, failure: CallFailed) -> None:
        failures.number += 1
        if len(group) > 1 and failures.number >= TO_HALVE:
            self._halve(group)
        else:
            delay = max(backoff.delay(failures.number, self._caller.chance()), failure.retry_after)
            self._tasks.create_task(self._settle_later(group, failures, delay))

    async def _settle_later(self, group: list[Question], failures: Failures, delay: float) -> None:
        await asyncio.sleep(delay)
        self._caller.measures.retries.inc()
        is_suspect = len(group) == 1 and failures.number >= TO_SUSPECT
        answers_others = is_suspect and await self._caller.answers_others()
        failure = await self._settle(group)
        if failure is None:
            return
        if answers_others and await self._caller.answers_others():
            now = self._caller.clock()
            failures.own += 1
            failures.since = min(failures.since, now)
            if failures.own >= TO_REFUSE and now - failures.since >= SECONDS_TO_REFUSE:
                reason = f"the validator API fails for it, and answers others: {failure}"
                self._answers[group[0].position] = RecordRefused("E_VALIDATOR", reason)
                return
        self._retry(group, failures, failure)

    def _refused(self, group: list[Question], refusal: RecordRefused) -> None:
        if len(group) == 1:
            self._answers[group[0].position] = refusal
        else:
            self._halve(group)

    def _halve(self, group: list[Question]) -> None:
        middle = len(group) // 2
        self._split([group[:middle], group[middle:]])

    def _split(self, groups: Iterable[list[Question]]) -> None:
        for group in groups:
            self._tasks.create_task(self._begin(group))
