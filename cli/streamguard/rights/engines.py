"""The rights of the ksql server that runs a pipeline's statements: the embedded one, or ksqlDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamguard.engine.analysis import stages
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.client.declared import Declared, plans
from streamguard.engine.execution import changelog
from streamguard.engine.language import syntax as s
from streamguard.engine.runtime import processing_log
from streamguard.engine.server.commands import topic_name
from streamguard.model import Pipeline
from streamguard.rights.granting import Grants
from streamguard.rights.model import CLUSTER, Right


@dataclass(frozen=True)
class Flow:
    """The topics that statements read and write; `stateful`: some query remembers something."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    declares: tuple[str, ...]
    stateful: bool

    @property
    def topics(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.reads, *self.writes, *self.declares)))


def flow_of(declared: Sequence[Declared]) -> Flow:
    """What the statements do. Raises StatementError if one does not fit."""
    made = plans(declared)
    queries = [plan for _, plan in made if isinstance(plan, QueryPlan) and plan.sink is not None]
    named = {
        each.statement.name: plan.source.topic
        for each, plan in made
        if isinstance(each.statement, s.CreateSource) and not isinstance(plan, QueryPlan)
    }
    named |= {query.sink.name: query.sink.topic for query in queries if query.sink is not None}
    rows = [each.statement.target for each in declared if isinstance(each.statement, s.InsertValues)]
    return Flow(
        reads=tuple(dict.fromkeys(query.source.topic for query in queries)),
        writes=tuple(
            dict.fromkeys(
                (
                    *(query.sink.topic for query in queries if query.sink is not None),
                    *(named[name] for name in rows if name in named),
                )
            )
        ),
        declares=tuple(dict.fromkeys(named.values())),
        stateful=any(query.stateful or query.repartitioned for query in queries),
    )


def embedded(who: Grants, service_id: str, flow: Flow, pipeline: Pipeline) -> Iterator[Right]:
    """Of streamguard's own server."""
    yield from who.topics(flow.reads, "read", why="queries read it")
    yield from who.topics(flow.writes, "write", why="queries write it")
    new = [topic for topic in flow.topics if pipeline.topic(topic) is None]
    yield from who.topics(new, "create", why="a statement makes it, no init/ file does")
    yield from who.topics(flow.reads if new else (), "describe_configs", why="a new stream keeps records as long")
    log = topic_name(service_id)
    yield from who.topics([log], "read", "write", "create", why="the statements that were accepted")
    yield from who.topics(
        [processing_log.topic(service_id)], "write", "create", why="the processing log: records that queries refuse"
    )
    if flow.stateful:
        prefix = f"_streamguard-ksql-{service_id}-"
        assert changelog.topic(service_id, "").startswith(prefix)
        assert stages.topic(service_id, "").startswith(prefix)
        why = "what queries remember, and what goes from one stage to the next; ends with its query"
        yield from who.topics([prefix], "read", "write", "create", "delete", why=why, pattern="prefixed")
    own = f"sg.ksql.{service_id}."
    yield from who.groups([own], "read", why="one group for each topic that is read", pattern="prefixed")
    yield from who.transactions(own, why="exactly once; who may write statements")
    yield from who.reading_without_group()


def ksqldb(who: Grants, service_id: str, flow: Flow, pipeline: Pipeline) -> Iterator[Right]:
    """Of ksqlDB with exactly_once_v2, as its own documentation has them; not tried here."""
    yield from who.topics(flow.reads, "read", why="queries read it")
    yield from who.topics(flow.writes, "write", why="queries write it")
    declared = [topic for topic in flow.topics if topic not in {*flow.reads, *flow.writes}]
    yield from who.topics(declared, "describe", why="a statement declares it")
    yield from who.topics(flow.topics, "describe_configs", why="ksqlDB looks how a topic is kept")
    new = [topic for topic in flow.topics if pipeline.topic(topic) is None]
    yield from who.topics(new, "create", why="a statement makes it, no init/ file does")
    own = f"_confluent-ksql-{service_id}"
    everything = ("read", "write", "create", "delete", "alter", "describe_configs", "alter_configs")
    why = "command topic, and what queries remember"
    yield from who.topics([own], *everything, why=why, pattern="prefixed")
    log = f"{service_id}ksql_processing_log"
    yield from who.topics([log], "read", "write", "create", "describe_configs", why="the processing log")
    why = "one group for each query; ends with it"
    yield from who.groups([own], "read", "delete", why=why, pattern="prefixed")
    yield from who.transactions(own, why="exactly_once_v2")
    yield from who.transactions(service_id, why="the command topic is written in transactions", pattern="literal")
    yield Right(
        who.principal, "cluster", CLUSTER, "literal", ("describe", "describe_configs"), "ksqlDB looks at its brokers"
    )
