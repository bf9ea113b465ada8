"""Where the sinks write: MongoDB, S3 with its Iceberg catalog, PostgreSQL, Athena. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamguard import cloud
from streamguard.catalog import open_catalog, open_table
from streamguard.connect.offsets.reading import ICEBERG
from streamguard.connect.templates.render import Connector
from streamguard.doctor.checks import Check
from streamguard.errors import CatalogError, PostgresUnavailable
from streamguard.model import Lake, Pipeline
from streamguard.postgres.connect import connect, database_uri
from streamguard.postgres.migrate import revision
from streamguard.settings import GLUE, Settings
from streamguard.stack import probes

MONGODB = "com.mongodb.kafka.connect.MongoSinkConnector"


def mongodb(settings: Settings) -> Iterator[Check]:
    """It answers to who has the credentials of the settings; the worker's own are the worker's."""
    reason = probes.mongodb(settings.mongodb_uri)
    if reason:
        advice = "`streamguard status`" if settings.mode == "local" else "STREAMGUARD_MONGODB_URI, or MY_MONGODB_…"
        yield Check("mongodb", "fail", reason, advice)
    else:
        yield Check("mongodb", "ok", "answers to who has the credentials")


def lake(settings: Settings, wanted: Lake) -> Iterator[Check]:
    """The Iceberg catalog answers and has the tables."""
    catalog = open_catalog(settings)
    yield Check("iceberg catalog", "ok", f"answers at {settings.s3_catalog}")
    for table in wanted.tables:
        try:
            open_table(catalog, settings, wanted.namespace, table.name)
        except CatalogError as exc:
            yield Check(f"table {table.name}", "fail", str(exc).partition(": ")[0], "`streamguard lake apply`")
        else:
            yield Check(f"table {table.name}", "ok", f"in {wanted.namespace}, {settings.s3_warehouse}")


def athena(settings: Settings, namespace: str) -> Iterator[Check]:
    """Athena knows the database; nothing is run, so nothing is billed."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    mine = settings.mine
    session = boto3.Session(mine.get("MY_AWS_ACCESS_KEY_ID"), mine.get("MY_AWS_SECRET_ACCESS_KEY"))
    region = mine.get("MY_AWS_REGION") or session.region_name or settings.s3_region
    quick = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        client = session.client("athena", region_name=region, config=quick)
        client.get_database(CatalogName="AwsDataCatalog", DatabaseName=namespace)
    except ClientError as exc:
        error = exc.response["Error"]
        told = f"{error.get('Code', 'Error')}: {cloud.redact(error.get('Message', ''))}"
        yield Check("athena", "fail", told, "docs/cloud.md has the rights; `streamguard lake apply` makes the database")
    except BotoCoreError as exc:
        yield Check("athena", "fail", cloud.redact(str(exc)), "MY_AWS_…, or AWS_PROFILE")
    else:
        yield Check("athena", "ok", f"knows the database {namespace} in {region}")


def postgres(settings: Settings, pipeline: Pipeline) -> Iterator[Check]:
    """It answers, and the tables are of the version that the decider knows."""
    uri = database_uri(settings, pipeline)
    try:
        with connect(uri, autocommit=True) as connection:
            found = revision(connection)
    except PostgresUnavailable as exc:
        advice = "`streamguard status`" if settings.mode == "local" else "STREAMGUARD_POSTGRES_URI"
        yield Check("postgresql", "fail", str(exc).partition(":")[0], advice)
        return
    if found is None:
        yield Check("postgresql", "warn", "it has none of our tables yet", "the decider makes them at its start")
    else:
        yield Check("postgresql", "ok", f"tables of version {found}")


def needs_mongodb(pipeline: Pipeline, connectors: Sequence[Connector]) -> bool:
    """Whether somebody writes documents."""
    return pipeline.mongodb_database is not None or any(each.class_name == MONGODB for each in connectors)


def needs_catalog(settings: Settings, connectors: Sequence[Connector]) -> bool:
    """Whether an Iceberg sink writes to a catalog that we can ask as we ask the local one."""
    return settings.s3_catalog != GLUE and any(
        each.class_name == ICEBERG and each.config.get("iceberg.catalog.type") == "rest" for each in connectors
    )


def needs_athena(settings: Settings, connectors: Sequence[Connector]) -> bool:
    """Whether the tables are in AWS."""
    glue = any(each.config.get("iceberg.catalog.catalog-impl", "").endswith("GlueCatalog") for each in connectors)
    return glue or settings.s3_catalog == GLUE
