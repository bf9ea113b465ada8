"""Rules for MongoDB's sink."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, rule, short
from streamguard.connect.lint.rules_letters import TOPIC

ID = "document.id.strategy"
WRITE = "writemodel.strategy"
MADE_UP = ("BsonOidStrategy", "UuidStrategy")
FROM_KEY = ("ProvidedInKeyStrategy", "FullKeyStrategy", "PartialKeyStrategy", "UuidProvidedInKeyStrategy")
PLAIN = ("StringConverter", "ByteArrayConverter", "LongConverter", "IntegerConverter", "DoubleConverter")
PUT_IN_FIELD = re.compile(r"(?!org\.apache\.kafka\.connect\.transforms\.).*|.*\.(HoistField\$Key|ValueToKey)")
"""Transforms that may make a document of a key: Kafka's own two, and any of others."""
REMOVED = {"max.num.retries": "1.7", "retries.defer.timeout": "1.7"}


def _tolerance(s: Subject) -> str:
    """What of MongoDB's own errors is tolerated: `mongo.errors.tolerance`, else as for everything."""
    return s.config.get("mongo.errors.tolerance") or s.get("errors.tolerance")


@rule("mongodb-duplicates")
def mongodb_duplicates(s: Subject) -> Iterator[Remark]:
    """MongoDB: every replay inserts its documents again.

    Connect delivers at least once. By default the sink makes up an `_id` for each record (`BsonOidStrategy`), so that a
    record that comes twice becomes two documents. Take the id from the record: `ProvidedInKeyStrategy` with
    `ReplaceOneDefaultStrategy`, or `PartialValueStrategy` with `ReplaceOneBusinessKeyStrategy`. A time series has no
    unique ids at all: silence this with the reason why duplicates do no harm.
    """
    if s.kind != "mongodb" or s.config.get("change.data.capture.handler"):
        return
    strategy = short(s.get(ID))
    if strategy in MADE_UP:
        key = next(key for key in (ID, "timeseries.timefield", "connector.class") if key in s.config)
        yield key, f"{strategy} makes up an id for each delivery: a replay duplicates every document"


@rule("mongodb-plain-key", "warning")
def mongodb_plain_key(s: Subject) -> Iterator[Remark]:
    """MongoDB: an id from a key that is no document.

    `ProvidedInKeyStrategy`, `FullKeyStrategy` and `PartialKeyStrategy` read fields of the key. A key of plain text or
    a number has none, and every record ends in the dead-letter topic. Put the key into a field:
    `org.apache.kafka.connect.transforms.HoistField$Key` with `field=_id`. Where keys are texts of JSON documents,
    silence this with that reason.
    """
    plain = short(s.config.get("key.converter", "")) in PLAIN
    makes_document = any(PUT_IN_FIELD.fullmatch(value) for key, value in s.config.items() if key.endswith(".type"))
    if s.kind == "mongodb" and plain and short(s.get(ID)) in FROM_KEY and not makes_document:
        converter = short(s.config["key.converter"])
        yield ID, f"reads fields of the key, and a plain one of {converter} has none: add HoistField$Key, field=_id"


@rule("mongodb-insert", "warning")
def mongodb_insert(s: Subject) -> Iterator[Remark]:
    """MongoDB: inserts with ids that may exist.

    `InsertOneDefaultStrategy` fails on a record that was delivered before: a replay ends in the dead-letter topic. It
    is for time series only; write `ReplaceOneDefaultStrategy`.
    """
    if s.kind != "mongodb" or s.config.get("timeseries.timefield"):
        return
    if short(s.get(WRITE)) == "InsertOneDefaultStrategy" and short(s.get(ID)) not in MADE_UP:
        yield WRITE, "a record that is delivered again fails as a duplicate: write ReplaceOneDefaultStrategy"


@rule("mongodb-business-key")
def mongodb_business_key(s: Subject) -> Iterator[Remark]:
    """MongoDB: a business key that is none.

    `…BusinessKeyStrategy` finds the document by the fields of `PartialKeyStrategy` or `PartialValueStrategy` with
    `projection.type=AllowList`, and needs `document.id.strategy.overwrite.existing=true`, or an `_id` in the value is
    taken instead.
    """
    if s.kind != "mongodb" or "BusinessKey" not in s.get(WRITE):
        return
    part = {"PartialKeyStrategy": "key", "PartialValueStrategy": "value"}.get(short(s.get(ID)))
    if part is None:
        yield WRITE, f"needs {ID} PartialKeyStrategy or PartialValueStrategy, which say what the business key is"
        return
    if s.config.get(f"{ID}.partial.{part}.projection.type", "").lower() not in ("allowlist", "whitelist"):
        yield ID, f"needs {ID}.partial.{part}.projection.type=AllowList and a list of fields"
    if not s.is_true(f"{ID}.overwrite.existing"):
        yield ID, f"needs {ID}.overwrite.existing=true: otherwise an _id in the record is used instead"


@rule("mongodb-unique-index", "warning")
def mongodb_unique_index(s: Subject) -> Iterator[Remark]:
    """MongoDB: upserts by fields without a unique index.

    Two tasks that upsert the same business key at once insert it twice, unless a unique index on its fields forbids
    that. Nothing in the config shows the index: make it (`connectors new mongodb` prints the script) and silence this
    with where it is made. Or let the key be the `_id`, which is unique.
    """
    if s.kind == "mongodb" and "BusinessKey" in s.get(WRITE):
        fields = s.config.get(f"{ID}.partial.value.projection.list") or s.config.get(
            f"{ID}.partial.key.projection.list"
        )
        yield (
            WRITE,
            f"two tasks can insert the same document, unless there is a unique index on {fields or 'its fields'}",
        )


@rule("mongodb-replay-differs", "warning")
def mongodb_replay_differs(s: Subject) -> Iterator[Remark]:
    """MongoDB: a replay changes documents.

    `UpdateOneTimestampsStrategy` and `UpdateOneBusinessKeyTimestampStrategy` write `_modifiedTS`, so that a repeated
    record gives another document than the first time. Fine if nobody takes that for the time of the event.
    """
    if s.kind == "mongodb" and "Timestamp" in s.get(WRITE):
        yield WRITE, "writes the time of delivery: a replay changes _modifiedTS of every document"


@rule("mongodb-outage-to-dead-letters")
def mongodb_outage_to_dead_letters(s: Subject) -> Iterator[Remark]:
    """MongoDB: an outage sends every record to the dead-letter topic.

    Unless `mongo.errors.tolerance` says otherwise, `errors.tolerance=all` makes the sink tolerate *any* exception,
    "MongoDB is down" as well. With `mongo.errors.tolerance=data` only errors of the data go there; an outage fails the
    task, which is restarted and loses nothing.
    """
    if s.kind == "mongodb" and _tolerance(s) == "all":
        key = "mongo.errors.tolerance" if "mongo.errors.tolerance" in s.config else "errors.tolerance"
        yield key, "an outage of MongoDB sends every record to the dead-letter topic: write mongo.errors.tolerance=data"


@rule("mongodb-ordered", "warning")
def mongodb_ordered(s: Subject) -> Iterator[Remark]:
    """MongoDB: one bad document takes the rest of its batch along.

    With `bulk.write.ordered=true`, the default, all later records of a batch go to the dead-letter topic as skipped.
    Write `false` if no key repeats within a batch; keep `true` where the last record of a key must win, bound the
    damage by `max.batch.size`, let a replay bring the skipped ones, and silence this with that reason.
    """
    if s.kind == "mongodb" and s.is_true("bulk.write.ordered") and _tolerance(s) in ("all", "data"):
        key = "bulk.write.ordered" if "bulk.write.ordered" in s.config else "connector.class"
        yield key, "after one bad document all later ones of its batch go to the dead-letter topic: write false"


@rule("mongodb-unbounded-batch", "warning")
def mongodb_unbounded_batch(s: Subject) -> Iterator[Remark]:
    """MongoDB: ordered batches of any size.

    Together with `mongodb-ordered`: `max.batch.size=0`, the default, means all that one poll brought. 500 to 2000
    bounds what one bad document takes along.
    """
    unbounded = s.number("max.batch.size") == 0
    if s.kind == "mongodb" and unbounded and s.is_true("bulk.write.ordered") and _tolerance(s) in ("all", "data"):
        key = "max.batch.size" if "max.batch.size" in s.config else "connector.class"
        yield key, "max.batch.size is not set: one bad document takes a whole poll along; write 500 to 2000"


@rule("mongodb-delete-by-key")
def mongodb_delete_by_key(s: Subject) -> Iterator[Remark]:
    """MongoDB: deletes that can not find their document.

    A tombstone has a key and no value. `delete.on.null.values=true` needs an id strategy that reads the key.
    """
    if s.kind == "mongodb" and s.is_true("delete.on.null.values") and short(s.get(ID)) not in FROM_KEY:
        yield "delete.on.null.values", f"{short(s.get(ID))} takes no id from the key, and a tombstone has nothing else"


@rule("mongodb-write-concern", "warning")
def mongodb_write_concern(s: Subject) -> Iterator[Remark]:
    """MongoDB: an address that weakens writes.

    `retryWrites=false`, or `w` below `majority`, loses acknowledged documents when the primary changes.
    """
    address = s.config.get("connection.uri", "") if s.kind == "mongodb" else ""
    for word in re.findall(r"[?&](retryWrites=false|w=[01]\b|journal=false)", address, re.IGNORECASE):
        yield (
            "connection.uri",
            f"{word} loses acknowledged documents when the primary changes: w=majority, retryWrites=true",
        )


@rule("removed-key")
def removed_key(s: Subject) -> Iterator[Remark]:
    """A key that the plugin had once, and now ignores.

    MongoDB: `max.num.retries` and `retries.defer.timeout` are gone since 1.7, the driver repeats writes
    (`retryWrites=true` in the address). Iceberg: Apache's sink appends only; the upsert and CDC keys of Tabular's do
    nothing, so de-duplicate downstream. Iceberg: `iceberg.tables.default-commit-branch` replaced `commit-branch`.
    """
    if s.kind == "mongodb":
        for key, since in REMOVED.items():
            if key in s.config:
                yield key, f"is ignored since {since}: the driver repeats writes (retryWrites=true in the address)"
    if s.kind == "iceberg":
        for key in s.config:
            if re.fullmatch(r"iceberg\.tables\.(upsert-mode-enabled|cdc-field|cdc\..*)", key):
                yield key, "is ignored: this sink only appends; de-duplicate downstream, or keep the latest in MongoDB"


@rule("dead-letter-topic-unset", "warning")
def mongodb_data_without_topic(s: Subject) -> Iterator[Remark]:
    """MongoDB: errors of the data are tolerated, and there is nowhere to put them.

    `mongo.errors.tolerance=data` without `errors.deadletterqueue.topic.name` drops what MongoDB refuses.
    """
    if s.kind == "mongodb" and s.config.get("mongo.errors.tolerance") in ("data", "all") and not s.config.get(TOPIC):
        yield "mongo.errors.tolerance", f"without {TOPIC}, what MongoDB refuses is lost silently"
