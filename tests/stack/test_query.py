"""The same rows from MongoDB, from the Iceberg tables in S3, and from the aggregation typed into mongosh."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pymongo
import pytest

from streamguard.catalog import open_catalog
from streamguard.errors import CatalogError, QueryError
from streamguard.model import Pipeline
from streamguard.project import find_project
from streamguard.query import run
from streamguard.query.files import Query, find_query, queries
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.lake import seed_lake

PROJECT = find_project(Path(__file__))
QUERIES = [query for query in queries(PROJECT) if query.pipeline == "bank"]
TOOLS = Path(sys.executable).parent
"""Node.js and npm are a wheel of the development dependencies."""
REPORT = find_query(PROJECT, "fraud-report")
MONGOSH = "2.12.0"
NPM_OPTIONS = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional")
PEOPLE = 30
TRANSACTIONS = 120

# What a person would do by hand: connect, paste the text of the file, look at the answer.
SCRIPT = """
const fs = require("fs");
const given = process.env;
const database = new Mongo(given.TEST_URI).getDB(given.TEST_DATABASE);
const stages = eval("(" + fs.readFileSync(given.TEST_FILE, "utf8") + ")");
print(EJSON.stringify(database.getCollection(given.TEST_COLLECTION).aggregate(stages).toArray()));
"""


def transactions() -> list[dict[str, Any]]:
    """Transactions as the sinks get them: whole amounts and broken ones, some of people who have not arrived."""
    draw = random.Random(7)
    return [
        {
            "TRANSACTION_ID": f"t{number:04}",
            "SENDER_ID": f"u{draw.randrange(PEOPLE)}",
            "RECEIVER_ID": f"u{draw.randrange(PEOPLE + 3)}",
            "AMOUNT": draw.choice([100.0, draw.randrange(1, 10**7) / 100]),
            "STATUS": "completed",
            "EVALUATION": "fraudulent",
            "TRANSFER_DATE": f"2026-01-{1 + number % 28:02}T10:00:00",
            "SENDER_BANK": draw.choice(["Ärztebank", "Zweite Bank", "bank of small letters", None]),
            "SOURCE_PROCESS": "ksql",
        }
        for number in range(TRANSACTIONS)
    ]


def users() -> list[dict[str, Any]]:
    """The users log: every person several times, and only the last time as they are now."""
    return [
        {
            "ID": f"u{person}",
            "NAME": f"Person {person}, version {version}",
            "ADDRESS": f"Straße {version}\nOrt" if person % 2 else None,
            "EMAIL": f"u{person}.{version}@example.org",
            "SOURCE_PROCESS": "ksql",
            "_partition": person % 4,
            "_offset": version * PEOPLE + person,
        }
        for version in range(4)
        for person in range(PEOPLE)
    ]


@pytest.fixture(scope="module")
def filled(settings: Settings) -> Iterator[tuple[Settings, Pipeline]]:
    """A pipeline with a database, table bucket and namespace of its own, filled as the sinks fill them."""
    bank = PROJECT.pipeline("bank")
    assert bank.lake is not None
    pipeline = replace(bank, mongodb_database="query_test", lake=replace(bank.lake, namespace="query_test"))
    own = replace(settings, s3_warehouse="s3://lake-query-test/")
    assert pipeline.lake is not None
    seed_lake(own, pipeline.lake)
    append(own, "raw_fraudulent_transactions_result", transactions())
    log = users()
    append(own, "raw_users_log", log[PEOPLE:])  # the earlier rows in a later snapshot: the offset counts
    append(own, "raw_users_log", log[:PEOPLE])
    with pymongo.MongoClient[dict[str, Any]](own.mongodb_uri) as client:
        database = client["query_test"]
        database["transactions"].insert_many(document(row, "TRANSACTION_ID") for row in transactions())
        database["users"].insert_many(document(row, "ID") for row in log[-PEOPLE:])
        yield own, pipeline
        for name in client["query_test"].list_collection_names():  # dropping the database takes more rights
            client["query_test"].drop_collection(name)
    catalog = open_catalog(own)
    for table in catalog.list_tables("query_test"):
        catalog.drop_table(table)


def append(settings: Settings, name: str, rows: Sequence[dict[str, Any]]) -> None:
    table = open_catalog(settings).load_table(("query_test", name))
    schema = table.schema().as_arrow()
    lower = [{key.lower(): value for key, value in row.items()} for row in rows]
    table.append(pyarrow.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in lower], schema=schema))


def document(row: dict[str, Any], key: str) -> dict[str, Any]:
    """As the MongoDB sink writes it: whole numbers come out of JSON as such, and a missing column is not there."""
    kept = {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
    if float(kept.get("AMOUNT", 0.5)).is_integer():
        kept["AMOUNT"] = int(kept["AMOUNT"])
    return {"_id": row[key], **kept}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_both_engines_give_the_same_rows(filled: tuple[Settings, Pipeline], query: Query) -> None:
    settings, pipeline = filled
    documents = run("mongodb", query, pipeline, settings)
    tables = run("duckdb", query, pipeline, settings)
    assert documents == tables
    assert [list(map(type, row.values())) for row in documents.rows] == [
        list(map(type, row.values())) for row in tables.rows
    ]
    assert run("mongodb", query, pipeline, settings, limit=3).rows == documents.rows[:3]
    assert run("duckdb", query, pipeline, settings, limit=3).rows == documents.rows[:3]


def test_the_report_has_each_transaction_once_with_the_people_as_they_are_now(
    filled: tuple[Settings, Pipeline],
) -> None:
    settings, pipeline = filled
    rows = run("duckdb", REPORT, pipeline, settings).rows
    assert sorted(row["transaction_id"] for row in rows) == [row["TRANSACTION_ID"] for row in transactions()]
    assert {row["sender_name"].partition(", ")[2] for row in rows} == {"version 3"}
    assert any(row["receiver_name"] is None for row in rows)


@pytest.fixture(scope="module")
def mongosh(settings: Settings) -> Path:
    """npm's mongosh, of one version, installed once into the cache."""
    folder = settings.cache_dir / f"mongosh-{MONGOSH}"
    script = folder / "node_modules" / "mongosh" / "bin" / "mongosh.js"
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [TOOLS / "npm", "install", *NPM_OPTIONS, "--prefix", str(folder), f"mongosh@{MONGOSH}"],
            check=True,
            timeout=300,
        )
    return script


@pytest.mark.timeout(360)
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_the_aggregation_pastes_unchanged_into_mongosh(
    filled: tuple[Settings, Pipeline], mongosh: Path, tmp_path: Path, query: Query
) -> None:
    settings, pipeline = filled
    home = tmp_path / "home"
    (home / ".mongodb" / "mongosh").mkdir(parents=True)
    (home / ".mongodb" / "mongosh" / "config").write_text("enableTelemetry: false\n")
    (tmp_path / "paste.js").write_text(SCRIPT)
    given = {  # the URI has a password: in the environment, where no process listing shows it
        "TEST_URI": settings.mongodb_uri,
        "TEST_DATABASE": "query_test",
        "TEST_COLLECTION": query.collection,
        "TEST_FILE": str(query.mongodb_file),
    }
    done = subprocess.run(
        [TOOLS / "node", str(mongosh), "--quiet", "--norc", "--nodb", str(tmp_path / "paste.js")],
        env={**inherited_environment(), **given, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.strip().splitlines()[-1]) == run("mongodb", query, pipeline, settings).rows


def test_a_table_that_is_missing_is_named(filled: tuple[Settings, Pipeline]) -> None:
    own, pipeline = filled
    assert pipeline.lake is not None
    elsewhere = replace(pipeline, lake=replace(pipeline.lake, namespace="nowhere"))
    with pytest.raises(CatalogError, match=r"has no table nowhere\.raw_"):
        run("duckdb", REPORT, elsewhere, own)


def test_an_aggregation_that_mongodb_refuses_is_one_sentence(filled: tuple[Settings, Pipeline], tmp_path: Path) -> None:
    settings, pipeline = filled
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "odd.mongodb.json").write_text('[{"$nonsense": {}}]')
    with pytest.raises(QueryError, match=r"odd\.mongodb\.json: MongoDB refuses the aggregation"):
        run("mongodb", Query("odd", "bank", "", "transactions", tmp_path), pipeline, settings)
