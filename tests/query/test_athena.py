"""The conversation with Athena, played by botocore's own stub: it checks requests against the service's model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from streamguard.cloud import redact
from streamguard.errors import QueryError
from streamguard.query import athena

START = {"QueryString": "SELECT 1", "QueryExecutionContext": {"Database": "bank"}}
COLUMNS = [("name", "varchar"), ("n", "bigint"), ("amount", "double"), ("ok", "boolean")]


@pytest.fixture
def client() -> Any:
    return boto3.client("athena", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def start(stub: Stubber, output: str = "") -> None:
    place = {"ResultConfiguration": {"OutputLocation": output}} if output else {}
    stub.add_response("start_query_execution", {"QueryExecutionId": "q1"}, START | place)


def state(stub: Stubber, name: str, reason: str = "") -> None:
    status = {"State": name} | ({"StateChangeReason": reason} if reason else {})
    answer = {"QueryExecution": {"QueryExecutionId": "q1", "Status": status}}
    stub.add_response("get_query_execution", answer, {"QueryExecutionId": "q1"})


def page(stub: Stubber, lines: list[list[str | None]], *, after: str = "", token: str = "") -> None:
    info = [{"Name": name, "Type": kind} for name, kind in COLUMNS]
    rows = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in line]} for line in lines]
    answer: dict[str, Any] = {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}}
    answer |= {"NextToken": token} if token else {}
    stub.add_response("get_query_results", answer, {"QueryExecutionId": "q1"} | ({"NextToken": after} if after else {}))


HEADER: list[str | None] = [name for name, _ in COLUMNS]


def test_it_waits_with_growing_pauses_and_reads_typed_rows_from_every_page(client: Any, stub: Stubber) -> None:
    start(stub, "s3://out/")
    state(stub, "QUEUED")
    state(stub, "RUNNING")
    state(stub, "SUCCEEDED")
    page(stub, [HEADER, ["Anna", "3", "1.5", "true"]], token="more")
    page(stub, [["name", None, None, "false"]], after="more")
    slept: list[float] = []
    rows = athena.ask(client, "SELECT 1", "bank", "s3://out/", sleep=slept.append)
    assert rows.columns == ("name", "n", "amount", "ok")
    assert rows.rows == [
        {"name": "Anna", "n": 3, "amount": 1.5, "ok": True},
        {"name": "name", "n": None, "amount": None, "ok": False},
    ]
    assert slept == [athena.FIRST_WAIT, athena.FIRST_WAIT * 1.5]


def test_a_limit_ends_the_fetching(client: Any, stub: Stubber) -> None:
    start(stub)
    state(stub, "SUCCEEDED")
    page(stub, [HEADER, ["a", "1", "1", "true"], ["b", "2", "2", "true"]], token="more")
    assert [row["name"] for row in athena.ask(client, "SELECT 1", "bank", "", limit=1).rows] == ["a"]


def test_a_failed_query_says_why_and_what_next(client: Any, stub: Stubber) -> None:
    start(stub)
    state(stub, "FAILED", "TABLE_NOT_FOUND: line 1:8: Table 'raw_users' does not exist")
    with pytest.raises(QueryError, match=r"FAILED: TABLE_NOT_FOUND.*streamguard lake apply"):
        athena.ask(client, "SELECT 1", "bank", "")


def test_a_refusal_does_not_name_account_user_or_key(client: Any, stub: Stubber) -> None:
    message = "User: arn:aws:iam::123456789012:user/anna with AKIAABCDEFGHIJKLMNOP is not authorized in 123456789012"
    stub.add_client_error("start_query_execution", "AccessDeniedException", message)
    with pytest.raises(QueryError, match="Athena refuses the query: AccessDeniedException") as caught:
        athena.ask(client, "SELECT 1", "bank", "")
    for private in ("123456789012", "anna", "AKIA"):
        assert private not in str(caught.value)


def test_a_missing_output_place_names_the_setting(client: Any, stub: Stubber) -> None:
    stub.add_client_error("start_query_execution", "InvalidRequestException", "No output location provided.")
    with pytest.raises(QueryError, match="set STREAMGUARD_ATHENA_OUTPUT"):
        athena.ask(client, "SELECT 1", "bank", "")


def test_an_interrupted_query_is_stopped_at_athena(client: Any, stub: Stubber) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    start(stub)
    state(stub, "RUNNING")
    stub.add_response("stop_query_execution", {}, {"QueryExecutionId": "q1"})
    with pytest.raises(KeyboardInterrupt):
        athena.ask(client, "SELECT 1", "bank", "", sleep=interrupt)


def test_pauses_grow_to_a_longest_one() -> None:
    pauses = list(islice(athena.waits(), 20))
    assert pauses == sorted(pauses)
    assert pauses[-1] == athena.LONGEST_WAIT


@given(st.text(), st.from_regex(r"\A[0-9]{12}\Z"))
def test_redacted_messages_are_one_line_without_account_numbers(text: str, account: str) -> None:
    redacted = redact(f"{text} {account} {text}")
    assert account not in redacted.split()
    assert "\n" not in redacted
