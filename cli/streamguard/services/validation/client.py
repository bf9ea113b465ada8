"""Asks the validator API: bounded in the number of calls, in time and in size.

Redirects are not followed, proxies of the environment not used, cookies not kept, compressed answers not taken.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import aiohttp
from yarl import URL

from streamguard.errors import SettingsError
from streamguard.services.validation import backoff, contract
from streamguard.services.validation.breaker import Breaker
from streamguard.services.validation.contract import Answer, CallFailed, CallRefused, NoBatchForm, Question, Verdict
from streamguard.services.validation.metrics import Measures
from streamguard.services.validation.round import Round
from streamguard.settings import Settings

BYTES = 64 * 1024
"""Of an answer, for each transaction asked about."""
LONG = 1024 * 1024
"""aiohttp wants longer bodies as files, to write them in pieces."""
HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}

LOG = logging.getLogger("streamguard.services.validation")


@dataclass(frozen=True)
class Limits:
    """How much is asked at once: calls under way, transactions in one of them, seconds for its answer."""

    calls: int
    batch: int
    timeout: float


class ValidatorClient:
    """`ask` gives each of many transactions a verdict or a refusal, however long that takes.

    `clock` counts seconds, `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.chance = chance
        self.breaker = Breaker()
        self.under_way = 0
        """Calls, at the moment."""
        self.measures = Measures(in_flight=lambda: self.under_way)
        address = _checked(url)
        self._urls = {path: address.joinpath(path[1:]) for path in (contract.SINGLE, contract.BATCH)}
        self._shown = str(address.with_user(None))
        self._has_batch_form = True
        self._control: Question | None = None
        """One that was answered."""
        self._slots = asyncio.Semaphore(limits.calls)
        self._probing = asyncio.Lock()
        self._closed = asyncio.Event()
        self._session: aiohttp.ClientSession

    async def open(self) -> None:
        """Must come before the first question, in the event loop that they are asked in."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.limits.calls),
            timeout=aiohttp.ClientTimeout(total=self.limits.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    @property
    def group_size(self) -> int:
        """Transactions in one call."""
        return self.limits.batch if self._has_batch_form else 1

    def missing(self) -> str:
        """What keeps it from asking, "" if nothing does; callable from any thread."""
        if self.breaker.is_closed:
            return ""
        seconds = self.clock() - self.breaker.since
        return f"the validator API at {self._shown} has not answered for {seconds:.0f} s: {self.breaker.reason}"

    async def ask(self, transactions: Iterable[Mapping[str, Any]]) -> list[Answer]:
        """The answers, in the order of the transactions, which are read as calls are made."""
        async with asyncio.TaskGroup() as tasks:
            one_round = Round(self, transactions, tasks)
            for _ in range(self.limits.calls):
                tasks.create_task(one_round.work())
        return one_round.answers()

    async def answers_others(self) -> bool:
        """Whether the API answers what it answered before: then a call that fails does so by what is in it."""
        if self._control is None:
            return False
        try:
            await self.call([self._control])
        except (CallFailed, CallRefused, NoBatchForm):
            return False
        return True

    async def call(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        """One call, as soon as it may be made: `contract.answers`."""
        async with self._slots:
            if not self.breaker.is_closed:
                async with self._probing:
                    await self._wait_for_probe()
                    if not self.breaker.is_closed:
                        self.breaker.probe()
                        self.measures.breaker.state(self.breaker.state.value)
                        return await self._judged(questions)
            return await self._judged(questions)

    async def _wait_for_probe(self) -> None:
        """Until a call may be tried; an answer to one that was made before ends the wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.breaker.retry_at - self.clock()):
                await self._closed.wait()

    async def _judged(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        """One call, and what it says about the API."""
        try:
            answers = await self._answers(questions)
        except CallFailed as failure:
            self._failed(failure)
            raise
        except (CallRefused, NoBatchForm):
            self._is_there()
            raise
        self._is_there()
        if isinstance(answers[0], Verdict):
            self._control = questions[0]
        return answers

    def _failed(self, failure: CallFailed) -> None:
        self.measures.failures.labels(failure.kind).inc()
        if self.breaker.failed(str(failure), self.clock(), self.chance(), failure.retry_after):
            self._closed.clear()
            LOG.warning("the validator API at %s is away: %s; what is to be judged waits", self._shown, failure)
        self.measures.breaker.state(self.breaker.state.value)

    def _is_there(self) -> None:
        since = self.breaker.since
        if self.breaker.answered():
            self._closed.set()
            self.measures.breaker.state(self.breaker.state.value)
            LOG.info("the validator API at %s is back after %.1f s", self._shown, self.clock() - since)

    async def _answers(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        alone = len(questions) == 1
        path = contract.SINGLE if alone else contract.BATCH
        body = questions[0].body if alone else contract.batch_body(questions)
        key = questions[0].key if alone else None
        started = self.clock()
        self.under_way += 1
        try:
            status, content = await self._post(
                path, body, {"Idempotency-Key": key} if key else None, BYTES * len(questions)
            )
        finally:
            self.under_way -= 1
        self.measures.seconds.observe(self.clock() - started)
        try:
            return contract.answers(path, status, content, questions)
        except NoBatchForm:
            if self._has_batch_form:
                LOG.info("the validator API at %s has no batch form: one call a transaction", self._shown)
            self._has_batch_form = False
            raise

    async def _post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None, limit: int
    ) -> tuple[int, bytearray]:
        """Status and content of an answer; `CallFailed` if there is none, or the API wants to be asked later."""
        try:
            async with self._session.post(
                self._urls[path],
                data=body if len(body) < LONG else BytesIO(body),
                headers=headers,
                allow_redirects=False,
            ) as response:
                if response.status not in contract.MEANINGFUL:
                    retry_after = backoff.retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
                    raise contract.no_answer(response.status, retry_after)
                return response.status, await _content(response, limit)
        except TimeoutError:
            raise CallFailed("timeout", f"no answer in {self.limits.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as exc:
            raise CallFailed("connection", f"no connection ({type(exc).__name__})") from None


async def _content(response: aiohttp.ClientResponse, limit: int) -> bytearray:
    """The whole of an answer, unless it is too large or compressed."""
    if (response.content_length or 0) > limit:
        raise CallFailed("size", f"its answer is larger than {limit} bytes")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise CallFailed("answer", "its answer is compressed")
    content = bytearray()
    while not response.content.at_eof():
        content += await response.content.readany()
        if len(content) > limit:
            raise CallFailed("size", f"its answer is larger than {limit} bytes")
    return content


def client_of(settings: Settings) -> ValidatorClient:
    """The client that the settings describe."""
    for name in ("validator_batch", "validator_calls", "validator_timeout_ms"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"STREAMGUARD_{name.upper()} is {getattr(settings, name)}: it takes a number from 1")
    limits = Limits(settings.validator_calls, settings.validator_batch, settings.validator_timeout_ms / 1000)
    return ValidatorClient(settings.validator_url, limits)


def _checked(url: str) -> URL:
    """An address of a server; what is in it is not repeated, because it could hold a password."""
    try:
        checked = URL(url)
    except ValueError:
        checked = URL()
    if checked.scheme not in ("http", "https") or not checked.host:
        raise SettingsError("STREAMGUARD_VALIDATOR_URL is no address such as http://localhost:8000")
    return checked
