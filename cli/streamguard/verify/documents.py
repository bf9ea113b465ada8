"""What a MongoDB collection should hold after a topic's records, and what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from streamguard.errors import QueryError
from streamguard.kafka.tail import Record
from streamguard.settings import Settings
from streamguard.verify.entries import Found, Wanted
from streamguard.verify.records import document_of
from streamguard.verify.sinks import Collection

if TYPE_CHECKING:
    from pymongo import MongoClient

ID_FIELDS = ("TRANSACTION_ID", "ID")
"""The id of a document, again, as a field of its own: the first one that is there."""
TIMES = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS")
ANSWER_MS = 10_000
BATCH = 1_000


def wanted_in(records: Iterable[Record]) -> list[Wanted]:
    """One document for each key, equal to the last record of that key; `records` in the order of each partition."""
    values: dict[str, list[Any]] = {}
    for record in records:
        if document := document_of(record):
            values.setdefault(_id_of(record), []).append(document)
    return [
        Wanted((key,), 0, key, all_of_key[-1], key, earlier=tuple(all_of_key[:-1]))
        for key, all_of_key in values.items()
    ]


def found_in(documents: Iterable[Mapping[str, Any]], wanted: Iterable[Wanted]) -> list[Found]:
    """The documents of a collection; one whose `_id` is none of the wanted is known by its own field."""
    keys = {entry.key for entry in wanted}
    found = []
    for document in documents:
        fields = {name: value for name, value in document.items() if name != "_id"}
        name = _name(document["_id"])
        own = next((fields[field] for field in ID_FIELDS if field in fields), None)
        known = name if name in keys else own
        found.append(Found((known,) if isinstance(known, str) else None, 0, name, fields, name))
    return found


def keys_of(records: Iterable[Record]) -> set[str]:
    """The keys of records as the ids of documents."""
    return {_id_of(record) for record in records}


class Documents:
    """A collection since a moment: what was there before is only looked at for whether it is still there."""

    def __init__(self, settings: Settings, collection: Collection) -> None:
        self._settings, self._collection = settings, collection
        self._before: set[str] = set()

    def begin(self) -> None:
        """Take note of what is there."""
        self._before = {_name(document["_id"]) for document in self._ids()}

    def read(self, keys: Set[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """The documents with one of these ids and those that were not there before; the ids of those that are gone."""
        there = self._ids()
        chosen = [
            document["_id"]
            for document in there
            if not keys.isdisjoint(_ids_of(document)) or _name(document["_id"]) not in self._before
        ]
        gone = self._before - {_name(document["_id"]) for document in there} - keys
        return list(self._documents(chosen)), sorted(gone)

    def _ids(self) -> list[dict[str, Any]]:
        with self._client() as client:
            found = client[self._collection.database][self._collection.name].find({}, dict.fromkeys(ID_FIELDS, 1))
            return list(found)

    def _documents(self, ids: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """By id in batches: a range of ids would read the whole collection each time."""
        remaining = iter(ids)
        with self._client() as client:
            collection = client[self._collection.database][self._collection.name]
            while batch := list(islice(remaining, BATCH)):
                yield from collection.find({"_id": {"$in": batch}})

    @contextmanager
    def _client(self) -> Iterator[MongoClient[dict[str, Any]]]:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        times: dict[str, Any] = dict.fromkeys(TIMES, ANSWER_MS)
        try:
            with MongoClient[dict[str, Any]](self._settings.mongodb_uri, **times) as client:
                yield client
        except PyMongoError as exc:
            advice = (
                "are STREAMGUARD_MONGODB_URI, or MY_MONGODB_…, right, and does it let this machine in?"
                if self._settings.mode == "external"
                else "is the stack up (streamguard status), and STREAMGUARD_MONGODB_URI right?"
            )
            raise QueryError(
                f"MongoDB does not give the collection {self._collection.name} ({type(exc).__name__}): {advice}"
            ) from None  # the original may quote the URI


def _id_of(record: Record) -> str:
    return (record.key or b"").decode(errors="replace")


def _ids_of(document: dict[str, Any]) -> list[Any]:
    return [value for value in (document["_id"], *map(document.get, ID_FIELDS)) if isinstance(value, str)]


def _name(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)
