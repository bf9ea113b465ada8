"""What an Iceberg table should hold of a topic's records, and what it holds: rows are known by partition and offset.

A data file that the table lists twice is read twice, so that each of its rows is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from streamguard.catalog import catalog_errors, catalog_place, open_catalog, open_table
from streamguard.errors import CatalogError
from streamguard.kafka.tail import Record
from streamguard.settings import Settings
from streamguard.verify.entries import Found, Wanted
from streamguard.verify.records import document_of, place_of
from streamguard.verify.sinks import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow
    from pyiceberg.table import Table as Stored

T = TypeVar("T")
PARTITION, OFFSET = "_partition", "_offset"
ANSWER_SECONDS = 15.0


def wanted_in(records: Iterable[Record]) -> list[Wanted]:
    """A row for each record that is a JSON object."""
    wanted = []
    for record in records:
        if document := document_of(record):
            row = {name.lower(): value for name, value in document.items() if value is not None}
            wanted.append(Wanted((record.partition, record.offset), 0, _key(row), row, place_of(record)))
    return wanted


def found_in(rows: Iterable[Mapping[str, Any]]) -> list[Found]:
    """The rows of a table; a column without a value is as if it was not there."""
    found = []
    for row in rows:
        at = (row[PARTITION], row[OFFSET])
        fields = {name: value for name, value in row.items() if name not in (PARTITION, OFFSET) and value is not None}
        found.append(Found(at, 0, _key(fields), fields, f"{at[0]}/{at[1]}"))
    return found


def _key(row: Mapping[str, Any]) -> Any:
    """By what a row is known again when its position is wrong: the id of the transaction or of the user."""
    return row.get("transaction_id", row.get("id"))


class Rows:
    """The rows of a table."""

    def __init__(self, settings: Settings, table: Table) -> None:
        self._settings, self._table = settings, table
        self._last: tuple[int | None, dict[int, int]] | None = None

    def last(self, starts: Mapping[int, int]) -> tuple[int | None, dict[int, int]]:
        """The present snapshot, and the highest offset of each partition in it; `starts` as in `since`."""

        def read() -> tuple[int | None, dict[int, int]]:
            stored = self._open()
            snapshot = stored.current_snapshot()
            number = snapshot.snapshot_id if snapshot else None
            if self._last is None or self._last[0] != number:
                rows = self._scan(stored, starts, (PARTITION, OFFSET))
                highest: dict[int, int] = {}
                for partition, offset in zip(rows[PARTITION].to_pylist(), rows[OFFSET].to_pylist(), strict=True):
                    highest[partition] = max(offset, highest.get(partition, -1))
                self._last = (number, highest)
            return self._last

        return self._answered(read)

    def since(self, starts: Mapping[int, int]) -> list[dict[str, Any]]:
        """Every row from an offset of each partition on."""
        rows = self._answered(lambda: self._scan(self._open(), starts, ("*",)))
        return [row for row in rows.to_pylist() if row[OFFSET] >= starts.get(row[PARTITION], 0)]

    def _open(self) -> Stored:
        return open_table(open_catalog(self._settings), self._settings, self._table.namespace, self._table.name)

    def _scan(self, stored: Stored, starts: Mapping[int, int], columns: tuple[str, ...]) -> pyarrow.Table:
        with catalog_errors(self._settings):
            some = f"{OFFSET} >= {min(starts.values(), default=0)}"
            return stored.scan(row_filter=some, selected_fields=columns).to_arrow()

    def _answered(self, read: Callable[[], T]) -> T:
        """The result of `read`, in a thread that is left to itself when a server neither answers nor hangs up."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(read())
            except BaseException as exc:  # noqa: BLE001  it belongs to whoever waits for the future
                future.set_exception(exc)

        Thread(target=run, name=f"read-{self._table.name}", daemon=True).start()
        try:
            return future.result(ANSWER_SECONDS)
        except TimeoutError:
            s3 = f"S3 at {self._settings.s3_endpoint}" if self._settings.s3_endpoint else "S3"
            raise CatalogError(
                f"{catalog_place(self._settings)} or {s3} has not answered for {ANSWER_SECONDS:.0f} s"
            ) from None
