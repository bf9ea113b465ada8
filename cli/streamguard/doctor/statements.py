"""The ksql server: does it answer, is it exactly once, does it run the pipeline's statements?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamguard.doctor.checks import Check
from streamguard.engine.client.applying import plan_files
from streamguard.engine.client.http import KsqlClient
from streamguard.errors import StatementError
from streamguard.model import Pipeline
from streamguard.project import Project

GUARANTEE = "processing.guarantee"
OFFSET_RESET = "auto.offset.reset"
EXACTLY_ONCE = "exactly_once_v2"


def server(client: KsqlClient) -> Iterator[Check]:
    """It answers, and works as the pipelines are promised to."""
    info = client.info()
    kind = "streamguard's own" if client.is_ours() else "ksqlDB"
    yield Check("ksql", "ok", f"{kind}, version {info.get('version', 'unknown')}, at {client.url}")
    status = str(info.get("serverStatus", "RUNNING"))
    if status != "RUNNING":
        advice = "its log says why: it passes over commands that it could not carry out"
        yield Check("ksql status", "fail", status, advice)
    known = _properties(client)
    guarantee = known.get(GUARANTEE)
    if guarantee == EXACTLY_ONCE:
        yield Check(GUARANTEE, "ok", EXACTLY_ONCE)
    elif guarantee is None:
        advice = f"ksql.streams.{GUARANTEE}={EXACTLY_ONCE} must be in its properties"
        yield Check(GUARANTEE, "unknown", "SHOW PROPERTIES does not say; ksqlDB's default is at_least_once", advice)
    else:
        told = f"{guarantee}: after a crash results and users are there twice"
        advice = f"KSQL_KSQL_STREAMS_PROCESSING_GUARANTEE={EXACTLY_ONCE}, ksql.streams.{GUARANTEE} in its properties"
        yield Check(GUARANTEE, "fail", told, advice)
    if not client.is_ours() and known.get(OFFSET_RESET, "latest") != "earliest":
        told = f"{known.get(OFFSET_RESET, 'latest')}: queries of others begin with the next record; ours say earliest"
        yield Check(OFFSET_RESET, "warn", told, f"ksql.streams.{OFFSET_RESET}=earliest in its properties")
    elif not client.is_ours():
        yield Check(OFFSET_RESET, "ok", "earliest")


def _properties(client: KsqlClient) -> dict[str, str]:
    """What SHOW PROPERTIES says, by bare names."""
    found: dict[str, str] = {}
    for entity in client.ksql("SHOW PROPERTIES;"):
        rows: Any = entity.get("properties", [])
        for row in rows if isinstance(rows, list) else []:
            name = str(row.get("name", "")).removeprefix("ksql.streams.").removeprefix("ksql.")
            if row.get("value") not in (None, ""):
                found.setdefault(name, str(row["value"]))
    return found


def applied(client: KsqlClient, project: Project, pipeline: Pipeline) -> Iterator[Check]:
    """The statements of the pipeline run there as the files have them."""
    files = project.statements(pipeline.name)
    if not files:
        return
    advice = f"`streamguard ksql apply {pipeline.name} --dry-run` shows them"
    try:
        planned = plan_files(client, files, pipeline.variables)
    except StatementError as exc:
        yield Check("statements", "fail", str(exc).partition("\n")[0], advice)
        return
    open_ones = [change for change in planned.changes if change.action not in ("unchanged", "run")]
    refused = [change for change in planned.changes if change.refusal]
    if refused:
        yield Check("statements", "warn", "; ".join(f"{each.name}: {each.refusal}" for each in refused), advice)
    elif open_ones:
        told = ", ".join(f"{each.action} {each.name}" for each in open_ones)
        apply = f"`streamguard ksql apply {pipeline.name}`"
        yield Check("statements", "warn", f"not as the files have them: {told}", apply)
    else:
        yield Check("statements", "ok", f"{len(planned.changes)} of ksql/{pipeline.name} are applied")
