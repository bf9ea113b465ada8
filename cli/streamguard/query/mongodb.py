"""Run an aggregation on MongoDB."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from streamguard.cloud import is_about_names
from streamguard.errors import QueryError
from streamguard.query.files import Query, projected_columns, read_aggregation
from streamguard.query.rows import Rows, needs_local

if TYPE_CHECKING:
    from pymongo.errors import PyMongoError

    from streamguard.model import Pipeline
    from streamguard.settings import Settings

FIND_SERVER_MS = 3_000
UNAUTHORISED = (13, 18)  # Unauthorized, AuthenticationFailed


def run(query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run the query's aggregation in the pipeline's database. Raises QueryError."""
    with needs_local("mongodb"):
        from bson import json_util
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError
    if pipeline.mongodb_database is None:
        raise QueryError(f"init/{pipeline.name}.yml names no MongoDB database: query {query.name} can not run there")
    stages = read_aggregation(query.mongodb_file)
    wanted = [*stages, {"$limit": limit}] if limit is not None else stages
    try:
        with MongoClient[dict[str, Any]](
            settings.mongodb_uri, serverSelectionTimeoutMS=FIND_SERVER_MS, connectTimeoutMS=FIND_SERVER_MS
        ) as client:
            collection = client[pipeline.mongodb_database][query.collection]
            # through Extended JSON, so that {"$date": …} in the file is a date
            found = collection.aggregate(json_util.loads(json.dumps(wanted)), allowDiskUse=True)
            return shape(found, projected_columns(stages))
    except PyMongoError as exc:
        raise _refused(query, exc, settings.mode) from None  # the original may quote the URI
    except ValueError:
        raise QueryError("STREAMGUARD_MONGODB_URI is not a MongoDB URI: mongodb://USER:PASSWORD@HOST:PORT/") from None


def shape(documents: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> Rows:
    """Documents as rows with equal columns: `columns`, or else every name in the order in which it first appears."""
    found = [{name: _plain(value) for name, value in document.items()} for document in documents]
    names = tuple(columns) or tuple(dict.fromkeys(name for document in found for name in document))
    return Rows(names, [{name: document.get(name) for name in names} for document in found])


def _plain(value: Any) -> Any:
    """BSON's own types as what the other engines give."""
    from bson import Decimal128, Int64, ObjectId

    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, ObjectId):
        return str(value)
    return value


def _refused(query: Query, exc: PyMongoError, mode: str = "local") -> QueryError:
    """A sentence without the URI, its password, or a value of a document."""
    from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidURI, OperationFailure

    if isinstance(exc, OperationFailure):
        if exc.code in UNAUTHORISED:
            return QueryError("MongoDB refuses the user of STREAMGUARD_MONGODB_URI: check its name, password and roles")
        kind = (exc.details or {}).get("codeName") or "an error"
        return QueryError(f"{query.mongodb_file}: MongoDB refuses the aggregation: {kind} (code {exc.code})")
    if isinstance(exc, ConnectionFailure):  # not answering within FIND_SERVER_MS is one of these
        if mode == "external":
            return QueryError(
                "MongoDB does not answer: see that STREAMGUARD_MONGODB_URI, or MY_MONGODB_CLUSTER, is its address, and "
                "that it lets this machine in"
            )
        return QueryError(
            "MongoDB does not answer: is the stack up (streamguard status), and STREAMGUARD_MONGODB_URI right?"
        )
    if is_about_names(str(exc)):
        return QueryError(
            "nobody knows the host of MongoDB: see that STREAMGUARD_MONGODB_URI, or MY_MONGODB_CLUSTER, names the one "
            "that Atlas shows"
        )
    if isinstance(exc, ConfigurationError | InvalidURI):
        return QueryError("STREAMGUARD_MONGODB_URI is not a MongoDB URI: mongodb://USER:PASSWORD@HOST:PORT/")
    return QueryError(f"{query.mongodb_file}: MongoDB gives {type(exc).__name__}")
