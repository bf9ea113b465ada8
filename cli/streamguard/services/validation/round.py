"""One question of a caller about many transactions: which calls are made for it, and which are made again.

Groups of transactions are asked about in any order. A call that fails is made again after a while; one that has failed
several times, or that the API refuses without saying because of whom, is made again in two halves, so that in the end
nobody shares the fate of another. A transaction for which the API fails alone, again and again while it answers others,
is refused. While the API answers nobody nothing is decided, however long that lasts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, starmap
from typing import TYPE_CHECKING, Any

from streamguard.errors import RecordRefused
from streamguard.services.validation import backoff
from streamguard.services.validation.contract import Answer, CallFailed, CallRefused, NoBatchForm, Question

if TYPE_CHECKING:
    from streamguard.services.validation.client import ValidatorClient

TO_HALVE = 3
"""Failures of a call before it is made in halves."""
TO_SUSPECT = 3
"""Failures of a call about one transaction after which the API is asked whether it answers others."""
TO_REFUSE, SECONDS_TO_REFUSE = 20, 60.0
"""Failures of a transaction alone, and from the first to the last of them, each of them between answers to others."""


@dataclass
class Failures:
    """Of one group, in a row."""

    number: int = 0
    well_answered: int = 0
    """Calls of the client that had been answered at the last one."""
    own: int = 0
    """Those since whose predecessor others had been answered."""
    since: float = math.inf
    """When the first of these was."""


class Round:
    """Its `work` is done by as many tasks as there may be calls; what fails is left to tasks of its own."""

    def __init__(
        self, client: ValidatorClient, transactions: Iterable[Mapping[str, Any]], tasks: asyncio.TaskGroup
    ) -> None:
        self._client = client
        self._questions = starmap(Question.about, enumerate(transactions))
        self._tasks = tasks
        self._answers: dict[int, Answer] = {}

    def answers(self) -> list[Answer]:
        """In the order of the transactions, once all tasks have ended."""
        return [self._answers[position] for position in range(len(self._answers))]

    async def work(self) -> None:
        """Ask about one group of transactions after another, until there are no more."""
        while group := [*islice(self._questions, self._client.group_size)]:
            await self._settle(group)

    async def _settle(self, group: Sequence[Question], failures: Failures | None = None) -> None:
        """Make calls about a group until all have answers, or one fails."""
        failures = failures or Failures(well_answered=self._client.well_answered)
        while group:
            try:
                answers = await self._client.call(group)
            except CallFailed as failure:
                self._failed(group, failures, failure)
                return
            except CallRefused as refused:
                self._refused(group, refused.refusal)
                return
            except NoBatchForm:
                self._split([[question] for question in group])
                return
            for question, answer in zip(group, answers, strict=True):
                if answer is not None:
                    self._answers[question.position] = answer
            group = [question for question, answer in zip(group, answers, strict=True) if answer is None]

    def _failed(self, group: Sequence[Question], failures: Failures, failure: CallFailed) -> None:
        now, answered = self._client.clock(), self._client.well_answered
        failures.number += 1
        if answered > failures.well_answered:
            failures.own += 1
            failures.since = min(failures.since, now)
        failures.well_answered = answered
        if len(group) > 1 and failures.number >= TO_HALVE:
            self._halve(group)
        elif len(group) == 1 and failures.own >= TO_REFUSE and now - failures.since >= SECONDS_TO_REFUSE:
            reason = f"the validator API fails for it, and answers others: {failure}"
            self._answers[group[0].position] = RecordRefused("E_VALIDATOR", reason)
        else:
            delay = max(backoff.delay(failures.number, self._client.chance()), failure.retry_after)
            self._tasks.create_task(self._settle_later(group, failures, delay))

    async def _settle_later(self, group: Sequence[Question], failures: Failures, delay: float) -> None:
        await asyncio.sleep(delay)
        alone = len(group) == 1 and failures.number >= TO_SUSPECT
        if alone and self._client.well_answered == failures.well_answered:
            await self._client.ask_control()
        self._client.measures.retries.inc()
        await self._settle(group, failures)

    def _refused(self, group: Sequence[Question], refusal: RecordRefused) -> None:
        if len(group) == 1:
            self._answers[group[0].position] = refusal
        else:
            self._halve(group)

    def _halve(self, group: Sequence[Question]) -> None:
        middle = len(group) // 2
        self._split([group[:middle], group[middle:]])

    def _split(self, groups: Iterable[Sequence[Question]]) -> None:
        for group in groups:
            self._tasks.create_task(self._settle(group))
