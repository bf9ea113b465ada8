"""Send the SQL to Amazon Athena, wait for it, and fetch its rows. Credentials and region are those of the AWS chain."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from streamguard.errors import QueryError
from streamguard.project import read_text
from streamguard.query.files import Query
from streamguard.query.rows import Rows, needs_local

if TYPE_CHECKING:
    from streamguard.model import Pipeline
    from streamguard.settings import Settings

FIRST_WAIT = 0.25  # seconds; each wait is half as long again as the one before, up to
LONGEST_WAIT = 5.0
WHOLE_NUMBERS = ("tinyint", "smallint", "integer", "bigint")
READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(WHOLE_NUMBERS, int),
    "double": float,
    "float": float,
    "real": float,
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
}  # everything else stays text
# Account numbers, key ids and the parts of a policy that an AWS message may quote.
PRIVATE = re.compile(r"\b\d{12}\b|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|arn:aws[\w-]*:(?:sts|iam)::\S+")


def run(query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run the query's SQL in the Athena database of the pipeline's namespace. Raises QueryError."""
    with needs_local("athena"):
        import boto3
        from botocore.exceptions import BotoCoreError
    if pipeline.lake is None:
        raise QueryError(f"init/{pipeline.name}.yml names no lake: query {query.name} can not run there")
    sql = read_text(query.athena_file)
    try:
        session = boto3.Session()
        client = session.client("athena", region_name=session.region_name or settings.s3_region)
    except BotoCoreError as exc:
        raise QueryError(f"the AWS configuration can not be used: {redact(str(exc))}") from exc
    return ask(client, sql, pipeline.lake.namespace, settings.athena_output, limit=limit)


def ask(
    client: Any,
    sql: str,
    database: str,
    output: str,
    *,
    limit: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Rows:
    """Start, wait, fetch. A query that the caller interrupts is stopped, for Athena bills what it scans."""
    from botocore.exceptions import BotoCoreError, ClientError

    place = {"ResultConfiguration": {"OutputLocation": output}} if output else {}
    try:
        started = client.start_query_execution(QueryString=sql, QueryExecutionContext={"Database": database}, **place)
        execution = started["QueryExecutionId"]
        try:
            _wait(client, execution, sleep)
        except KeyboardInterrupt:
            client.stop_query_execution(QueryExecutionId=execution)
            raise
        return _fetch(client, execution, limit)
    except ClientError as exc:
        raise _refused(exc.response["Error"]) from None
    except BotoCoreError as exc:
        raise QueryError(f"Athena can not be asked: {redact(str(exc))}{_hint(str(exc))}") from None


def redact(message: str) -> str:
    """A message of AWS on one line, without account numbers, key ids and ARNs of users or roles."""
    return PRIVATE.sub("********", " ".join(message.split()))[:400]


def waits() -> Iterator[float]:
    """How long to wait between two looks at a running query, in seconds."""
    wait = FIRST_WAIT
    while True:
        yield wait
        wait = min(wait * 1.5, LONGEST_WAIT)


def _wait(client: Any, execution: str, sleep: Callable[[float], None]) -> None:
    for wait in waits():
        status = client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return
        if status["State"] in ("FAILED", "CANCELLED"):
            reason = redact(status.get("StateChangeReason", "no reason given"))
            raise QueryError(f"Athena ended the query as {status['State']}: {reason}{_hint(reason)}")
        sleep(wait)


def _fetch(client: Any, execution: str, limit: int | None) -> Rows:
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
    columns: list[tuple[str, str]] = []
    found: list[dict[str, Any]] = []
    for number, page in enumerate(pages):
        results = page["ResultSet"]
        columns = columns or [(entry["Name"], entry["Type"]) for entry in results["ResultSetMetadata"]["ColumnInfo"]]
        lines = results["Rows"][1 if number == 0 else 0 :]  # the first line of a SELECT is its column names
        left = None if limit is None else limit - len(found)
        found += [_row(columns, line["Data"]) for line in islice(lines, left)]
        if limit is not None and len(found) >= limit:
            break
    return Rows(tuple(name for name, _ in columns), found)


def _row(columns: list[tuple[str, str]], data: list[dict[str, str]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for (name, kind), cell in zip(columns, data, strict=True):
        text = cell.get("VarCharValue")
        row[name] = None if text is None else READERS.get(kind, str)(text)
    return row


def _refused(error: dict[str, str]) -> QueryError:
    message = redact(error.get("Message", ""))
    return QueryError(f"Athena refuses the query: {error.get('Code', 'Error')}: {message}{_hint(message)}")


def _hint(message: str) -> str:
    if "output location" in message.lower():
        return " (set STREAMGUARD_ATHENA_OUTPUT to s3://bucket/prefix/)"
    if "TABLE_NOT_FOUND" in message or "does not exist" in message:
        return " (run the files in init/*/athena/tables and then views in Athena first)"
    if "credentials" in message.lower():
        return " (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
    return ""
