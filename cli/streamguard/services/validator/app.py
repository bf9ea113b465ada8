"""The application: FastAPI describes the API and answers whatever is asked about it; the questions come first.

A question goes past FastAPI's middleware, routing and dependencies: they would add half to the cost of a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from prometheus_client import CONTENT_TYPE_LATEST

from streamguard import __version__
from streamguard.services.validator.answers import Validator
from streamguard.services.validator.contract import ID_LENGTH, Batch, Refusal, Transaction, Verdict, Verdicts, reader
from streamguard.services.validator.faults import Faults, Spoiler
from streamguard.services.validator.http import BODY_LIMIT, Asgi, Message, Question, Receive, Send
from streamguard.services.validator.metrics import Metrics

SINGLE, BATCH = "/validate", "/validate/batch"
ABOUT = """Judges bank transactions by the rules and the blacklist of a pipeline.

The same `Idempotency-Key` gets the same verdict, even if the rules change meanwhile; in a batch the `transaction_id` of
each is its key. Fields beyond those described are ignored.
"""
NOT_ANSWERED: dict[int | str, dict[str, Any]] = {
    408: {"model": Refusal, "description": "The body did not arrive in time."},
    413: {"model": Refusal, "description": f"The body is longer than {BODY_LIMIT} bytes."},
    422: {"model": Refusal, "description": "The body is not what is described here, or its key was another's before."},
    503: {"model": Refusal, "description": "Too much is under way; `Retry-After` says for how many seconds to wait."},
}
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=ID_LENGTH, description="Mostly the id of the transaction."
    ),
]


class Api(FastAPI):
    """FastAPI with questions that come first."""

    questions: Mapping[str, Asgi] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        question = self.questions.get(scope["path"]) if scope.get("method") == "POST" else None
        if question is None:
            await super().__call__(scope, receive, send)
        else:
            await question(scope, receive, send)


def application(validator: Validator, faults: Faults) -> Api:
    """The ASGI application."""
    api = Api(title="Validator", version=__version__, description=ABOUT, redoc_url=None)
    spoiler = Spoiler(faults)
    metrics = Metrics(validator, spoiler.counts, (SINGLE, BATCH))

    @api.post(SINGLE, responses=NOT_ANSWERED)
    def validate(transaction: Transaction, idempotency_key: Key = None) -> Verdict:
        """Judge a transaction."""
        return validator.validate(transaction, idempotency_key)

    @api.post(BATCH, responses=NOT_ANSWERED)
    def validate_batch(batch: Batch) -> Verdicts:
        """Judge several transactions; all are answered, or the refusal names those that can not be."""
        return {"verdicts": validator.validate_batch(batch["transactions"])}

    @api.get("/health")
    @api.get("/ready")
    async def health() -> dict[str, Any]:
        """Whether it answers, and why changed rules are not in force if they are not."""
        return {"service": "validator", "ready": True, "missing": "", "refused_rules": validator.rulebook.trouble}

    @api.get("/metrics", response_class=Response)
    async def exposition() -> Response:
        """The metrics in Prometheus' text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    transaction_in, batch_in = reader(Transaction), reader(Batch)
    questions: dict[str, Asgi] = {
        SINGLE: Question(lambda body, key: validate(transaction_in(body), key), partial(metrics.observe, SINGLE)),
        BATCH: Question(lambda body, _: validate_batch(batch_in(body)), partial(metrics.observe, BATCH)),
    }
    api.questions = {path: spoiler.spoil(question) for path, question in questions.items()} if faults else questions
    return api
