"""Which kind of groups a query has."""

from __future__ import annotations

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.groups import Groups
from streamguard.engine.execution.groups_of_streams import StreamGroups
from streamguard.engine.execution.groups_of_tables import ChangedGroups, TableGroups


def groups_of(plan: QueryPlan) -> type[Groups]:
    """What writes the lines of an aggregating query."""
    if plan.grouping is not None and plan.grouping.changes is not None:
        return ChangedGroups
    return TableGroups if plan.source.is_table else StreamGroups
