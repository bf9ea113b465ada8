"""What Iceberg tables remember of the control topics by which their rows came.

The sink writes with each commit how far it has read the control topic into the snapshot, and never puts into the table
what events before that say: so a commit that is repeated repeats no row. A control topic that was deleted and made
again begins before that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from streamguard.catalog import catalog_errors, open_catalog, open_table
from streamguard.connect.offsets.moves import Remembered, Standing
from streamguard.connect.offsets.reading import Control
from streamguard.errors import CatalogError
from streamguard.settings import GLUE

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from streamguard.settings import GLUE, Settings

PROPERTY = "kafka.connect.offsets"
"""Of a snapshot's summary, with the control topic and the sink's own group behind it: offsets by partition, as JSON."""
COORDINATOR = "-coord"


def with_tables(
    settings: Settings, stand: Mapping[str, Standing], configs: Mapping[str, Mapping[str, str]]
) -> dict[str, Standing]:
    """Where sinks stand, with what their tables remember where the catalog is that of the settings and answers."""
    found = dict(stand)
    asked = [name for name, one in stand.items() if one.control and _catalog(configs[name]) == settings.s3_catalog]
    if not asked:
        return found
    try:
        catalog = open_catalog(settings)
    except CatalogError:
        return found
    for name in asked:
        control = stand[name].control
        assert control is not None
        remembered = [
            one
            for table in _tables(configs[name])
            for one in _of(settings, catalog, table, control, configs[name].get("iceberg.tables.default-commit-branch"))
        ]
        found[name] = replace(stand[name], remembered=tuple(remembered))
    return found


def _catalog(config: Mapping[str, str]) -> str:
    if config.get("iceberg.catalog.catalog-impl", "").endswith(".GlueCatalog"):
        return GLUE
    return config.get("iceberg.catalog.uri", "").rstrip("/")


def _tables(config: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in config.get("iceberg.tables", "").split(",") if "." in name]


def _of(settings: Settings, catalog: Catalog, name: str, control: Control, branch: str | None) -> list[Remembered]:
    """Nothing of a table that is not there, or can not be read."""
    namespace, _, table = name.rpartition(".")
    try:
        with catalog_errors(settings):
            offsets = newest(open_table(catalog, settings, namespace, table), control, branch)
    except CatalogError:
        return []
    return [Remembered(name, control.topic, partition, offset) for partition, offset in offsets.items()]


def newest(table: Table, control: Control, branch: str | None) -> dict[int, int]:
    """Of the newest snapshot that remembers the topic: others have written to the table too."""
    key = f"{PROPERTY}.{control.topic}.{control.group.removesuffix(COORDINATOR)}"
    snapshot = table.snapshot_by_name(branch) if branch else table.current_snapshot()
    while snapshot is not None:
        said = snapshot.summary.additional_properties.get(key) if snapshot.summary else None
        if said:
            return {int(partition): int(offset) for partition, offset in json.loads(said).items()}
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None
    return {}
