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

FAR_SECONDS = 6.0
"""Longest wait for a server that may be on another continent."""
MONGODB = "com.mongodb.kafka.connect.MongoSinkConnector"


def mongodb(settings: Settings) -> Iterator[Check]:
    """It answers to who has the credentials of the settings; the worker's own are the worker's."""
    reason = probes.mongodb(settings.mongodb_uri, timeout=1.0 if settings.mode == "local" else FAR_SECONDS)
    if reason:
        advice = "STREAMGUARD_MONGODB_URI, or MY_MONGODB_…" if settings.mode == "external" else "`streamguard status`"
        yield Check("mongodb", "fail", reason, advice)
    else:
        yield Check("mongodb", "ok", "answers to who has the credentials")


def lake(settings: Settings, wanted: Lake) -> Iterator[Check]:
    """The Iceberg catalog answers and has the tables."""
    make = "`streamguard up` makes it" if settings.mode == "local" else "`streamguard lake apply` makes it"
    catalog = open_catalog(settings)
    if settings.s3_catalog != GLUE:  # which nobody has asked anything yet
        yield Check("iceberg catalog", "ok", f"answers: {settings.s3_catalog}")
    for table in wanted.tables:
        try:
            open_table(catalog, settings, wanted.namespace, table.name)
        except CatalogError as exc:
            said, mark, advice = str(exc).rpartition(": ")
            if " has no table " not in said:  # of the others it would say the same
                told = (said, advice) if mark and advice.startswith("check ") else (str(exc), "")
                yield Check("tables", "fail", *told)
                return
            yield Check(f"table {table.name}", "fail", said, make)
        else:
            yield Check(f"table {table.name}", "ok", f"in {wanted.namespace}, {settings.s3_warehouse}")


def glue(settings: Settings, lake: Lake) -> Iterator[Check]:
    """AWS takes the keys, and has the database that Athena shows."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    name = settings.my_glue_database or lake.namespace
    quick = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        session = boto3.Session(settings.my_aws_access_key_id or None, settings.my_aws_secret_access_key or None)
        region = settings.my_aws_region or session.region_name or settings.s3_region
        session.client("glue", region_name=region, config=quick).get_database(Name=name)
    except ClientError as exc:
        error = exc.response["Error"]
        told = f"{error.get('Code', 'Error')}: {cloud.redact(error.get('Message', ''))}"
        advice = "`streamguard lake apply` makes it; docs/cloud.md has the rights"
        yield Check("aws glue", "fail", f"database {name} in {region}: {told}", advice)
    except BotoCoreError as exc:
        yield Check("aws glue", "fail", cloud.redact(str(exc)), "MY_AWS_…, or AWS_PROFILE")
    else:
        yield Check("aws glue", "ok", f"it has the database {name} in {region}")


def postgres(settings: Settings, pipeline: Pipeline) -> Iterator[Check]:
    """It answers, and the tables are of the version that the decider knows."""
    uri = database_uri(settings, pipeline)
    try:
        with connect(uri, autocommit=True) as connection:
            found = revision(connection)
    except PostgresUnavailable as exc:
        advice = "STREAMGUARD_POSTGRES_URI" if settings.mode == "external" else "`streamguard status`"
        yield Check("postgresql", "fail", str(exc).partition(": ")[0], advice)
        return
    if found is None:
        yield Check("postgresql", "warn", "it has none of our tables yet", "the decider makes them at its start")
    else:
        yield Check("postgresql", "ok", f"tables of version {found}")


def needs_mongodb(pipeline: Pipeline, connectors: Sequence[Connector]) -> bool:
    """Whether somebody writes documents."""
    return pipeline.mongodb_database is not None or any(each.class_name == MONGODB for each in connectors)


def needs_catalog(settings: Settings, connectors: Sequence[Connector]) -> bool:
    """Whether an Iceberg sink writes to the catalog of the settings."""
    kinds = {_catalog_of(each) for each in connectors if each.class_name == ICEBERG}
    return (GLUE if settings.s3_catalog == GLUE else "rest") in kinds


def needs_glue(settings: Settings, connectors: Sequence[Connector]) -> bool:
    """Whether the tables are in AWS, those of Iceberg or those over files."""
    return settings.s3_catalog == GLUE or any(_catalog_of(each) == GLUE for each in connectors)


def _catalog_of(connector: Connector) -> str:
    """`rest`, `glue`, or nothing."""
    given = connector.config.get("iceberg.catalog.catalog-impl", "")
    return GLUE if given.endswith("GlueCatalog") else connector.config.get("iceberg.catalog.type", "")
