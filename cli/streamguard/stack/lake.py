"""The lake of a pipeline: its table bucket, namespace and Iceberg tables, made from the schemas in `init/NAME.yml`.

Compare first, then apply, and apply twice changes nothing. The only change that is ever made to a table that exists
is to add an optional column that it has not: old rows read as NULL there, and no reader breaks. Whatever else differs
(a type, a required column more or less) is an error that names the columns, and nothing of the lake is changed.
A column that the table has beyond the wanted ones is left alone and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from streamguard.catalog import catalog_errors, namespace_in, open_catalog
from streamguard.errors import CatalogError
from streamguard.model import Column, Lake, Table
from streamguard.settings import GLUE

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.types import PrimitiveType

    from streamguard.settings import Settings

State = Literal["created", "columns added", "unchanged"]
FORMAT_VERSION = "2"  # what Athena reads and writes


@dataclass(frozen=True)
class TableReport:
    """What became of a table; `added` columns were missing, `extra` ones are not in `init/` and were left alone."""

    name: str
    state: State
    added: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """How an existing table differs from the wanted one; `conflicts` are sentences about what can not be changed."""

    missing: tuple[Column, ...] = ()
    extra: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def seed_lake(settings: Settings, lake: Lake) -> list[TableReport]:
    """Create what is missing of a lake. Raises CatalogError, before any change, when a table can not be made to fit."""
    if settings.mode != "external" and settings.s3_catalog != GLUE:
        _create_bucket(settings)
    lake = replace(lake, namespace=namespace_in(settings, lake.namespace))
    catalog = open_catalog(settings)
    with catalog_errors(settings):
        catalog.create_namespace_if_not_exists(lake.namespace)
        existing = {table.name: _load(catalog, lake.namespace, table.name) for table in lake.tables}
        differences = {
            table.name: compare(table, _columns(found.schema()))
            for table in lake.tables
            if (found := existing[table.name]) is not None
        }
        _refuse_conflicts(lake, differences)
        return [
            _apply(catalog, lake.namespace, table, existing[table.name], differences.get(table.name, Difference()))
            for table in lake.tables
        ]


def compare(wanted: Table, existing: Sequence[Column]) -> Difference:
    """What an existing table lacks, has beyond, and has otherwise; pure."""
    have = {column.name: column for column in existing}
    names = {column.name for column in wanted.columns}
    missing = tuple(column for column in wanted.columns if column.name not in have)
    conflicts = [f"{column.name} is required and missing" for column in missing if column.required]
    for column in wanted.columns:
        found = have.get(column.name)
        if found is not None and found != column:
            conflicts.append(f"{column.name} is {_text(found)}, not {_text(column)}")
    beyond = [column for column in existing if column.name not in names]
    conflicts += [f"{column.name} is required and not in init/" for column in beyond if column.required]
    return Difference(
        missing=tuple(column for column in missing if not column.required),
        extra=tuple(column.name for column in beyond if not column.required),
        conflicts=tuple(conflicts),
    )


def _text(column: Column) -> str:
    return f"{column.type} required" if column.required else column.type


def _refuse_conflicts(lake: Lake, differences: dict[str, Difference]) -> None:
    for name, difference in differences.items():
        if difference.conflicts:
            raise CatalogError(
                f"Iceberg table {lake.namespace}.{name} differs from init/: {'; '.join(difference.conflicts)}"
                " (change init/ back, or rename the table there to start a new one)"
            )


def _apply(
    catalog: Catalog, namespace: str, table: Table, existing: IcebergTable | None, difference: Difference
) -> TableReport:
    if existing is None:
        catalog.create_table_if_not_exists(
            (namespace, table.name), _schema(table), properties={"format-version": FORMAT_VERSION}
        )
        return TableReport(table.name, "created")
    if difference.missing:
        with existing.update_schema() as update:
            for column in difference.missing:
                update.add_column(column.name, _iceberg_type(column.type))
        added = tuple(column.name for column in difference.missing)
        return TableReport(table.name, "columns added", added, difference.extra)
    return TableReport(table.name, "unchanged", extra=difference.extra)


def _load(catalog: Catalog, namespace: str, name: str) -> IcebergTable | None:
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return catalog.load_table((namespace, name))
    except NoSuchTableError:
        return None


def _columns(schema: Schema) -> list[Column]:
    return [Column(entry.name, str(entry.field_type), entry.required) for entry in schema.fields]


def _schema(table: Table) -> Schema:
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    return Schema(
        *(
            NestedField(number, column.name, _iceberg_type(column.type), required=column.required)
            for number, column in enumerate(table.columns, start=1)
        )
    )


def _iceberg_type(name: str) -> PrimitiveType:
    from pyiceberg import types

    known: tuple[PrimitiveType, ...] = (
        types.BooleanType(),
        types.IntegerType(),
        types.LongType(),
        types.FloatType(),
        types.DoubleType(),
        types.DateType(),
        types.TimeType(),
        types.TimestampType(),
        types.TimestamptzType(),
        types.StringType(),
        types.BinaryType(),
    )
    return next(kind for kind in known if str(kind) == name)


def _create_bucket(settings: Settings) -> None:
    """Create the table bucket of the warehouse in the S3 server of this machine, unless it exists."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = urlsplit(settings.s3_warehouse).netloc
    client = boto3.client(
        "s3tables",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}),
    )
    at = f"S3 at {settings.s3_endpoint}"
    try:
        # SeaweedFS leaves the list out when it is empty
        there = client.list_table_buckets(prefix=bucket).get("tableBuckets", [])
        if bucket not in {entry["name"] for entry in there}:
            client.create_table_bucket(name=bucket)
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code in ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
            keys = "STREAMGUARD_S3_ACCESS_KEY and STREAMGUARD_S3_SECRET_KEY"
            raise CatalogError(f"{at} refuses the keys: check {keys}") from exc
        if code not in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "ConflictException"):
            raise CatalogError(f"{at} does not create the table bucket {bucket}: {code}") from exc
    except BotoCoreError as exc:
        raise CatalogError(f"{at} does not answer: is the stack up (streamguard status)?") from exc
