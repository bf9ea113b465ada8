"""Send the SQL to Amazon Athena, wait for it, and fetch its rows.

Credentials and region are those of the variables `MY_AWS_…`, else of AWS's own chain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from streamguard.cloud import redact
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


def run(query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run the query's SQL in MY_GLUE_DATABASE, else in the database of the pipeline's namespace. Raises QueryError."""
    if pipeline.lake is None:
        raise QueryError(f"init/{pipeline.name}.yml names no lake: query {query.name} can not run there")
    sql = read_text(query.athena_file)
    database = settings.my_glue_database or pipeline.lake.namespace
    return ask(open_client(settings), sql, database, output_of(settings), limit=limit)


def open_client(settings: Settings) -> Any:
    """A client of Athena. Raises QueryError."""
    with needs_local("athena"):
        import boto3
        from botocore.exceptions import BotoCoreError
    try:
        session = boto3.Session(
            aws_access_key_id=settings.my_aws_access_key_id or None,
            aws_secret_access_key=settings.my_aws_secret_access_key or None,
        )
        region = settings.my_aws_region or session.region_name or settings.s3_region
        return session.client("athena", region_name=region)
    except BotoCoreError as exc:
        raise QueryError(f"the AWS configuration can not be used: {redact(str(exc))}") from exc


def output_of(settings: Settings) -> str:
    """Where results go: what the settings say, else below the bucket of the sinks; empty: what the workgroup says."""
    below = f"s3://{settings.my_s3_bucket}/athena-results/" if settings.my_s3_bucket else ""
    return settings.athena_output or below


def execute(client: Any, sql: str, database: str, output: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Run a statement that has no rows, in no database if that is empty. Raises QueryError."""
    with _translated():
        _run(client, sql, database, output, sleep)


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
    with _translated():
        return _fetch(client, _run(client, sql, database, output, sleep), limit)


def _run(client: Any, sql: str, database: str, output: str, sleep: Callable[[float], None]) -> str:
    """The id of the execution, once it has succeeded."""
    place: dict[str, Any] = {"ResultConfiguration": {"OutputLocation": output}} if output else {}
    place |= {"QueryExecutionContext": {"Database": database}} if database else {}
    execution = str(client.start_query_execution(QueryString=sql, **place)["QueryExecutionId"])
    try:
        _wait(client, execution, sleep)
    except KeyboardInterrupt:
        client.stop_query_execution(QueryExecutionId=execution)
        raise
    return execution


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what boto3 raises into one QueryError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as exc:
        raise _refused(exc.response["Error"]) from None
    except BotoCoreError as exc:
        raise QueryError(f"Athena can not be asked: {redact(str(exc))}{_hint(str(exc))}") from None


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
        return " (streamguard lake apply --values cloud makes the tables and views)"
    if "Could not connect to the endpoint" in message:
        return " (check MY_AWS_REGION, and that this machine reaches AWS)"
    if "credentials" in message.lower():
        return " (set MY_AWS_ACCESS_KEY_ID and MY_AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
    return ""
