"""The Iceberg catalog, a REST one or AWS Glue: the one place where it is opened, and where its errors become ours.

pyiceberg takes about half a second to import, so it is imported when a catalog is opened and not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from streamguard.cloud import redact
from streamguard.errors import CatalogError
from streamguard.settings import GLUE

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from streamguard.settings import Settings

CHECK_KEYS = "check STREAMGUARD_S3_ACCESS_KEY and STREAMGUARD_S3_SECRET_KEY"


def open_catalog(settings: Settings) -> Catalog:
    """The Iceberg catalog of these settings. Raises CatalogError when it does not answer or refuses the keys."""
    with catalog_errors(settings):
        from pyiceberg.catalog import load_catalog

        if settings.s3_catalog == GLUE:
            return _open_glue(settings)
        return load_catalog("lake", **catalog_properties(settings))


def catalog_properties(settings: Settings) -> dict[str, str]:
    """What pyiceberg needs to know; keys that are not set are left to the AWS credentials chain."""
    both = settings.s3_access_key and settings.s3_secret_key
    given = {
        "type": "rest",
        "uri": settings.s3_catalog,
        "warehouse": settings.s3_warehouse,
        # A token for the keys, and not a SigV4 signature: pyiceberg signs a request that has a body without the hash
        # of the body, which SeaweedFS refuses.
        "credential": f"{settings.s3_access_key}:{settings.s3_secret_key}" if both else "",
        "oauth2-server-uri": f"{settings.s3_catalog}/v1/oauth/tokens" if both else "",
        "s3.endpoint": settings.s3_endpoint,
        "s3.region": settings.s3_region,
        "s3.access-key-id": settings.s3_access_key,
        "s3.secret-access-key": settings.s3_secret_key,
        "s3.path-style-access": "true",
        "s3.connect-timeout": "5",
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
    }
    return {name: value for name, value in given.items() if value}


def _open_glue(settings: Settings) -> Catalog:
    import boto3
    from botocore.config import Config
    from pyiceberg.catalog.glue import GlueCatalog

    client = boto3.client(
        "glue",
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key or None,
        config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}),
    )
    return GlueCatalog("lake", client=client, **_glue_properties(settings))


def _glue_properties(settings: Settings) -> dict[str, str]:
    given = {
        "warehouse": settings.s3_warehouse.rstrip("/"),
        "s3.endpoint": settings.s3_endpoint,
        "s3.region": settings.s3_region,
        "s3.access-key-id": settings.s3_access_key,
        "s3.secret-access-key": settings.s3_secret_key,
        "s3.connect-timeout": "5",
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
    }
    return {name: value for name, value in given.items() if value}


def namespace_in(settings: Settings, namespace: str) -> str:
    """What a namespace of `init/` is called in the catalog: in Glue that is MY_GLUE_DATABASE, if it is set."""
    return settings.my_glue_database or namespace if settings.s3_catalog == GLUE else namespace


def open_table(catalog: Catalog, settings: Settings, namespace: str, name: str) -> Table:
    """A table at its current snapshot. Raises CatalogError, which names the table when there is none."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

    namespace = namespace_in(settings, namespace)
    with catalog_errors(settings):
        try:
            return catalog.load_table((namespace, name))
        except (NoSuchTableError, NoSuchNamespaceError) as exc:
            maker = "streamguard up" if settings.mode != "external" else "streamguard lake apply"
            where = f"{namespace}.{name} in {settings.s3_warehouse}"
            raise CatalogError(f"{catalog_place(settings)} has no table {where}: {maker} creates it") from exc


def is_it_there(settings: Settings) -> str:
    """What to ask oneself about a catalog that does not answer."""
    if settings.mode == "external":
        return "see that STREAMGUARD_S3_CATALOG is its address, or name the sinks of AWS: --values cloud"
    return "is the stack up (streamguard status)?"


@contextmanager
def catalog_errors(settings: Settings) -> Iterator[None]:
    """Turn what pyiceberg, its HTTP client and its file access raise into one CatalogError."""
    try:
        from pyiceberg import exceptions
        from requests import RequestException
    except ModuleNotFoundError as exc:
        raise CatalogError(
            f"reading Iceberg tables needs the package {exc.name}: pip install 'streamguard[local]'"
        ) from exc
    at = catalog_place(settings)
    try:
        with _glue_errors(at) if settings.s3_catalog == GLUE else nullcontext():
            yield
    except (exceptions.ForbiddenError, exceptions.UnauthorizedError, exceptions.OAuthError) as exc:
        raise CatalogError(f"{at} refuses the keys: {CHECK_KEYS}") from exc
    except exceptions.NoSuchNamespaceError as exc:
        where = settings.s3_warehouse
        raise CatalogError(f"{at} has no such namespace in {where}: {first_line(exc)}") from exc
    except RequestException as exc:
        raise CatalogError(f"{at} does not answer: {is_it_there(settings)}") from exc
    except (exceptions.RESTError, exceptions.CommitFailedException, ValueError) as exc:
        raise CatalogError(f"{at}: {first_line(exc)}") from exc
    except OSError as exc:
        where = f" at {settings.s3_endpoint}" if settings.s3_endpoint else f" ({settings.s3_warehouse})"
        raise CatalogError(f"S3{where} does not deliver: {redact(first_line(exc))}") from exc


@contextmanager
def _glue_errors(at: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as AwsConnectionError

    try:
        yield
    except ClientError as exc:
        error = exc.response["Error"]
        said = f"{at} refuses: {error.get('Code', 'Error')}: {redact(error.get('Message', ''))}"
        raise CatalogError(f"{said} (docs/cloud.md has the rights that it takes)") from None
    except BotoCoreError as exc:
        advice = "check MY_AWS_ACCESS_KEY_ID, MY_AWS_SECRET_ACCESS_KEY and MY_AWS_REGION"
        if isinstance(exc, HTTPClientError | AwsConnectionError):
            advice = "check MY_AWS_REGION, and that this machine reaches AWS"
        raise CatalogError(f"{at} can not be asked: {redact(str(exc))}: {advice}") from None


def catalog_place(settings: Settings) -> str:
    """What an error calls the catalog."""
    if settings.s3_catalog == GLUE:
        return f"AWS Glue in {settings.s3_region}"
    return f"the Iceberg catalog at {settings.s3_catalog}"


def first_line(exc: BaseException) -> str:
    """The first line of an error, or its kind when it says nothing."""
    lines = str(exc).strip().splitlines()
    return lines[0][:300] if lines else type(exc).__name__
