"""The lake in AWS, played by moto's servers: Glue takes the tables, Athena the statements, S3 what pyiceberg writes.

moto runs no SQL: it keeps the statements, and answers with the rows that it was given. The statements are read by
sqlglot's parser of Athena's dialect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
import sqlglot
from moto.server import ThreadedMotoServer

from streamguard.commands import run
from streamguard.project import find_project
from tests.accounts import MINE
from tests.docs.readme import ROOT, blocks

pytestmark = pytest.mark.slow

KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": MINE["MY_AWS_REGION"]}
BUCKET = MINE["MY_S3_BUCKET"]
TABLES = ["raw_fraudulent_transactions_result", "raw_users_log"]


class Aws:
    """moto's servers at one address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, **KEYS)

    def statements(self) -> list[str]:
        """What Athena was told to run, in order."""
        athena = self.client("athena")
        ids = athena.list_query_executions()["QueryExecutionIds"]
        return [athena.get_query_execution(QueryExecutionId=one)["QueryExecution"]["Query"] for one in ids]

    def executions(self) -> list[dict[str, Any]]:
        athena = self.client("athena")
        ids = athena.list_query_executions()["QueryExecutionIds"]
        return [athena.get_query_execution(QueryExecutionId=one)["QueryExecution"] for one in ids]

    def tables(self) -> dict[str, dict[str, Any]]:
        found = self.client("glue").get_tables(DatabaseName=MINE["MY_GLUE_DATABASE"])["TableList"]
        return {table["Name"]: table for table in found}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An empty account with the bucket, and the variables that lead to it."""
    requests.post(f"{server}/moto-api/reset", timeout=10).raise_for_status()
    for name, value in {**MINE, "AWS_ENDPOINT_URL": server, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    account = Aws(server)
    region = {"LocationConstraint": MINE["MY_AWS_REGION"]}
    account.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
    return account


def apply(aws: Aws, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    """What `lake apply` made; pyiceberg needs the address of S3, and boto3 has it from the environment."""
    call = ["lake", "apply", "--values", "cloud", "--set", f"s3_endpoint={aws.url}", "-o", "json", *arguments]
    assert run(call) == 0
    rows: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return rows


def test_iceberg_tables_are_made_in_glue_and_the_second_time_nothing_changes(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    made = apply(aws, capsys)
    assert [(row["kind"], row["name"], row["result"]) for row in made] == [
        *(("table", f"fraud.{name}", "created") for name in TABLES),
        ("view", "fraud.raw_users", "as in init/"),
    ]
    found = aws.tables()
    assert sorted(found) == TABLES
    for name, table in found.items():
        assert table["Parameters"]["table_type"] == "ICEBERG"
        assert table["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/lake/fraud.db/{name}"
    before = {name: table["Parameters"]["metadata_location"] for name, table in found.items()}
    assert {row["result"] for row in apply(aws, capsys) if row["kind"] == "table"} == {"unchanged"}
    assert {name: table["Parameters"]["metadata_location"] for name, table in aws.tables().items()} == before


def test_the_tables_in_glue_have_the_columns_of_the_lake(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    apply(aws, capsys)
    lake = find_project(ROOT).pipeline("bank").lake
    assert lake is not None
    for table in lake.tables:
        columns = aws.tables()[table.name]["StorageDescriptor"]["Columns"]
        assert [column["Name"] for column in columns] == [column.name for column in table.columns]


def test_tables_over_files_and_the_view_are_statements_that_athena_reads(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["lake", "apply", "--values", "cloud", "--set", "s3_flavour=confluent"]
    assert run(call) == 0
    assert "fraud.raw_users" in capsys.readouterr().out
    database, *tables, view = aws.executions()
    assert database["Query"] == "CREATE DATABASE IF NOT EXISTS `fraud`"
    assert [one["QueryExecutionContext"]["Database"] for one in (*tables, view)] == ["fraud"] * 3
    outputs = {one["ResultConfiguration"]["OutputLocation"].rpartition("/")[0] for one in (database, *tables, view)}
    assert outputs == {f"s3://{BUCKET}/athena-results"}
    for one, topic in zip(tables, ["fraudulent-transactions-result", "users"], strict=True):
        tree = sqlglot.parse_one(one["Query"], dialect="athena")
        assert isinstance(tree, sqlglot.exp.Create)
        assert "storage.location.template" in one["Query"]
        assert f"LOCATION 's3://{BUCKET}/topics/{topic}/'" in one["Query"]
        assert not one["Query"].rstrip().endswith(";")  # Athena takes one statement
    assert sqlglot.parse_one(view["Query"], dialect="athena").args["kind"] == "VIEW"


@pytest.mark.parametrize("flavour", ["iceberg", "confluent"])
@pytest.mark.usefixtures("aws")
def test_the_queries_find_every_column_in_the_tables_of_either_flavour(
    capsys: pytest.CaptureFixture[str], flavour: str
) -> None:
    project = find_project(ROOT)
    assert run(["connectors", "companions", "--values", "cloud", "--set", f"s3_flavour={flavour}", "*-s3-sink"]) == 0
    made = _columns(capsys.readouterr().out)
    assert sorted(made) == TABLES
    lake = project.pipeline("bank").lake
    assert lake is not None
    for table in lake.tables:
        assert {column.name for column in table.columns} <= set(made[table.name])


def test_a_query_runs_in_the_database_and_with_the_keys_of_the_accounts(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = [{"Name": "sender_bank", "Type": "varchar"}, {"Name": "transactions", "Type": "bigint"}]
    info = [
        {"CatalogName": "", "SchemaName": "", "TableName": "", "Label": "", "Precision": 0, **one} for one in columns
    ]
    rows = [{"Data": [{"VarCharValue": text} for text in row]} for row in (["sender_bank", "transactions"], ["A", "7"])]
    answer = {"results": [{"rows": rows, "column_info": info}], "region": MINE["MY_AWS_REGION"]}
    requests.post(f"{aws.url}/moto-api/static/athena/query-results", json=answer, timeout=10).raise_for_status()
    assert run(["query", "fraud-by-bank", "-e", "athena", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"sender_bank": "A", "transactions": 7}]
    (execution,) = aws.executions()
    assert execution["QueryExecutionContext"]["Database"] == "fraud"
    assert execution["Query"] == (ROOT / "init/bank/queries/fraud-by-bank.athena.sql").read_text()


def test_in_mode_external_the_tables_in_glue_are_read_from_here_too(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_MODE", "external")
    monkeypatch.setenv("STREAMGUARD_S3_ENDPOINT", aws.url)
    assert run(["query", "fraud-report", "-e", "duckdb"]) == 1
    assert "AWS Glue in eu-central-1 has no table fraud.raw_fra" in capsys.readouterr().err
    apply(aws, capsys)
    assert run(["query", "fraud-report", "-e", "duckdb", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_bucket_that_is_not_there_and_a_region_that_does_not_answer_are_one_sentence_each(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_S3_BUCKET", "nobody-has-this")
    call = ["lake", "apply", "--values", "cloud", "--set", f"s3_endpoint={aws.url}"]
    assert run(call) == 1
    told = capsys.readouterr().err
    assert "Error: S3" in told
    assert "Traceback" not in told
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run(call) == 1
    told = capsys.readouterr().err
    assert "Error: AWS Glue in eu-central-1 can not be asked" in told
    assert told.endswith(": check MY_AWS_REGION, and that this machine reaches AWS\n")
    assert MINE["MY_AWS_SECRET_ACCESS_KEY"] not in told


def test_a_pipeline_without_sinks_to_s3_has_nothing_to_make(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lake", "apply", "transfers"]) == 0
    assert "pipeline transfers has no sink with tables in S3" in capsys.readouterr().err


def _columns(text: str) -> dict[str, list[str]]:
    """The columns of every CREATE TABLE in a text, by table; those of the partitions are not among them."""
    found = {}
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    for statement in uncommented.split(";"):
        if "CREATE" not in statement or "TABLE" not in statement.partition("(")[0]:
            continue
        tree = sqlglot.parse_one(statement, dialect="athena")
        (table,) = list(tree.find_all(sqlglot.exp.Table))[:1]
        found[table.name] = [column.name for column in tree.find_all(sqlglot.exp.ColumnDef)]
    return found


POLICIES = [json.loads(text) for text in blocks(ROOT / "docs" / "cloud.md", "json")]
OF_S3 = {"ListBucket", "ListBucketMultipartUploads", "ListMultipartUploadParts"}
"""Rights of S3 that are not called as an operation is."""


@pytest.mark.parametrize("policy", POLICIES, ids=["sinks", "people"])
def test_the_policies_of_the_page_are_valid_and_name_operations_that_there_are(
    aws: Aws, policy: dict[str, Any]
) -> None:
    aws.client("iam").create_policy(PolicyName="fraud", PolicyDocument=json.dumps(policy))
    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for action in statement["Action"]:
            service, _, operation = action.partition(":")
            known = set(aws.client(service).meta.method_to_api_mapping.values())
            assert operation in (known | OF_S3 if service == "s3" else known), action
        for resource in [resources] if isinstance(resources, str) else resources:
            assert resource.startswith(("arn:aws:s3:::acme-fraud", "arn:aws:glue:eu-", "arn:aws:athena:eu-"))


def test_the_sinks_may_neither_make_tables_nor_ask_questions() -> None:
    sinks, _ = POLICIES
    actions = {action for statement in sinks["Statement"] for action in statement["Action"]}
    assert not [action for action in actions if "Create" in action or action.startswith("athena:")]
    assert not [action for action in actions if "*" in action]
