"""Requests of statements: check all of them on a copy, then carry them out.

A request is refused as a whole when any of its statements is bad: nothing has happened then. Otherwise its commands
are written to the log in one transaction, and the queries change once, after the last of them. Requests are carried out
one after the other, and between them what other servers of the same service id have written (see `commands`).
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streamguard.engine.analysis.changes import CHANGING, Change, Changing, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import QueryPlan, SourcePlan
from streamguard.engine.execution.compile import compile_source
from streamguard.engine.execution.inserts import Insertion, insert
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse, parse_one
from streamguard.engine.language.types import quoted
from streamguard.engine.runtime.queries import Queries
from streamguard.engine.runtime.source_task import PersistentQuery
from streamguard.engine.server import answers
from streamguard.engine.server.commands import Command, CommandLog
from streamguard.engine.server.describe import Describer, Pushes
from streamguard.engine.server.rejection import (
    COMMAND_TIMEOUT,
    QUERY_ENDPOINT,
    SERVER_ERROR,
    Rejection,
    bad_request,
    bad_statement,
    told,
)
from streamguard.engine.server.request import StatementRequest
from streamguard.engine.server.session import after_set, checked, from_beginning
from streamguard.engine.server.topics import Topics
from streamguard.errors import Fenced, KafkaError, StatementError, StreamguardError
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.sender import Sender

LOG = logging.getLogger("streamguard.engine.server.execute")
COMMAND_SECONDS = 5.0
"""Longest wait for a command that a client wants to have been carried out, as ksqlDB's."""
ATTEMPTS = 8
SHORTEST_PAUSE = 0.05
"""At most so many seconds before the second attempt to write commands, twice as many before each further one."""
PAUSE = 1.0
TO_QUERY_ENDPOINT = (
    "The following statement types should be issued to the websocket endpoint '/query':\n\t* PRINT\n\t* SELECT"
)


@dataclass
class Step:
    """A statement that was checked. `properties` and `variables` are those in force where it stands."""

    statement: s.Statement
    properties: dict[str, str]
    variables: dict[str, str]
    change: Change | None = None
    command: Command | None = None
    push: str | None = None
    insertion: Insertion | None = None


@dataclass
class Draft:
    """The copy on which a request is checked: what would exist after the statements so far."""

    metastore: Metastore
    properties: dict[str, str]
    variables: dict[str, str]
    topics: Topics
    number: int
    steps: list[Step] = field(default_factory=list)


class Statements:
    """Everything that /ksql does. `metastore` is replaced as a whole, so it may be read at any time."""

    def __init__(
        self,
        log: CommandLog,
        queries: Queries,
        cluster: Cluster,
        pushes: Pushes,
        send: Sender,
        *,
        fixed: Mapping[str, str],
    ) -> None:
        self.metastore = Metastore()
        self._describer = Describer(self, queries, cluster, pushes, fixed)
        self._pushes = pushes
        self._send = send
        self.statuses: dict[str, dict[str, Any]] = {}
        self.skipped = 0
        self.running: dict[str, PersistentQuery] = {}
        self._log = log
        self._queries = queries
        self._cluster = cluster
        self._lock = threading.Condition()
        self._executed = -1
        self._stale = False

    def restore(self) -> None:
        """Make everything again from the command log, and start the queries."""
        with self._lock:
            self._catch_up()

    def follow(self, stop: threading.Event) -> None:
        """Carry out what other servers write, until `stop`."""
        while not stop.is_set():
            try:
                with self._lock:
                    self._run_queries()  # those that could not be had the last time
                for commands in self._log.follow(self._executed, stop):
                    with self._lock:
                        self._take(commands)
                        self._run_queries()
            except StreamguardError as exc:
                LOG.warning("the command log can not be followed: %s", exc)
                stop.wait(PAUSE)

    def execute(self, request: StatementRequest) -> list[dict[str, Any]]:
        """Check all statements, then carry them out; the answers of those that have one."""
        with self._lock:
            self._wait_for(request.after)
            return self._carry_out(*self._written(request))

    def terminate_all(self, topics: Sequence[str]) -> list[dict[str, Any]]:
        """End every query, forget every source, and delete those of their topics that a pattern of `topics` fits."""
        sources = list(self.metastore.sources.values())
        text = "TERMINATE ALL;" + "".join(f"DROP {each.kind} {quoted(each.name)};" for each in reversed(sources))
        try:
            patterns = [re.compile(each) for each in topics]
        except re.error as exc:
            raise bad_request(f"Invalid pattern: {exc}") from exc
        entities = self.execute(StatementRequest(text))
        mine = {each.topic for each in sources}
        self._cluster.delete([topic for topic in mine if any(each.fullmatch(topic) for each in patterns)])
        status = {"status": "QUEUED", "message": "Cluster is terminating", "queryId": None}
        number = entities[-1].get("commandSequenceNumber", -1)
        command_id = "cluster/TerminateCluster/terminate"
        text = "TERMINATE CLUSTER;"
        return [
            answers.entity(
                "currentStatus", text, commandId=command_id, commandStatus=status, commandSequenceNumber=number
            )
        ]

    def parsed(self, request: StatementRequest) -> list[s.Statement]:
        """The statements of a request, or a Rejection."""
        try:
            return parse(request.text, request.variables, self.metastore.types)
        except StatementError as exc:
            raise bad_statement(told(exc), request.text) from exc
        except RecursionError:
            raise bad_statement("the statement is nested too deeply", request.text[:200]) from None

    # ---- check

    def _check(self, request: StatementRequest) -> Draft:
        statements = self.parsed(request)
        variables = {name.upper(): value for name, value in request.variables.items()}
        partitions = self._cluster.partitions() if any(isinstance(each, CHANGING) for each in statements) else {}
        topics = Topics(self._cluster, partitions)
        draft = Draft(self.metastore, checked(request.properties), variables, topics, self._log.next_number)
        for statement in statements:
            try:
                step = Step(statement, dict(draft.properties), dict(draft.variables))
                self._check_one(statement, step, draft)
            except StatementError as exc:
                raise bad_statement(told(exc), statement.text + ";") from exc
            except RecursionError:
                raise bad_statement("the statement is nested too deeply", statement.text[:200]) from None
            draft.steps.append(step)
        return draft

    def _check_one(self, statement: s.Statement, step: Step, draft: Draft) -> None:
        match statement:
            case s.Query() | s.PrintTopic():
                raise Rejection(QUERY_ENDPOINT, TO_QUERY_ENDPOINT, statement=statement.text + ";")
            case s.SetProperty(name=name, value=value):
                draft.properties = after_set(draft.properties, name, value)
            case s.Define(name=name, value=value):
                if value is None:
                    draft.variables.pop(name.upper(), None)
                else:
                    draft.variables[name.upper()] = value
            case s.Terminate(query_id=query_id) if query_id and (push := self._pushes.find(query_id)):
                step.push = push
            case s.InsertValues():
                now = time.time_ns() // 1_000_000
                step.insertion = insert(statement, draft.metastore, draft.properties, now)
            case _ if isinstance(statement, CHANGING):
                self._check_change(statement, step, draft)
            case _:
                self._describer.check(statement, draft.metastore)

    def _check_change(self, statement: Changing, step: Step, draft: Draft) -> None:
        made = change(statement, draft.metastore, draft.number, draft.properties)
        step.change = made
        if made.warning:
            return
        starts: dict[int, int] = {}
        if isinstance(made.plan, SourcePlan):
            assert isinstance(statement, s.CreateSource)
            draft.topics.declare(made.plan.source, statement)
        elif isinstance(made.plan, QueryPlan):
            compile_source({"": made.plan})
            draft.topics.write(made.plan, statement)
            starts = self._starts(made.plan, draft)
        draft.metastore = made.metastore
        draft.number += 1
        step.command = Command(made.command_id, statement.text, dict(draft.properties), starts)

    def _starts(self, made: QueryPlan, draft: Draft) -> dict[int, int]:
        """Where a query begins: at the end as of now, written down, unless it wants everything."""
        if from_beginning(draft.properties, made.source):
            return {}
        topic = made.source.topic
        return {} if draft.topics.is_new(topic) else self._cluster.ends(topic)

    # ---- carry out

    def _carry_out(self, draft: Draft, numbers: list[int]) -> list[dict[str, Any]]:
        entities: list[dict[str, Any]] = []
        dropped: list[str] = []
        for step in draft.steps:
            if step.command is not None:
                number = numbers.pop(0)
                made = self._apply(number, step.command)
                entities.append(self._status(step, made, number))
                if made.dropped and isinstance(step.statement, s.Drop) and step.statement.delete_topic:
                    dropped.append(made.dropped.topic)
            elif step.push is not None:
                self._pushes.close_query(step.push)
                text = step.statement.text + ";"
                entities.append(answers.entity("terminate_query", text, queryId=step.push, wasTerminated=True))
            elif step.change is not None:
                entities.append(
                    answers.entity("warning_entity", step.statement.text + ";", message=step.change.warning)
                )
            elif step.insertion is not None:
                self._write_record(step.insertion, step.statement)
            elif not isinstance(step.statement, s.SetProperty | s.Define):
                entities.append(self._describer.answer(step.statement, self.metastore, step.properties, step.variables))
        self._run_queries()
        self._cluster.delete(dropped)
        return entities

    def _write_record(self, insertion: Insertion, statement: s.Statement) -> None:
        try:
            self._send([insertion])
        except KafkaError as exc:
            reason = f"Failed to insert values into '{insertion.source.name}'. {exc}"
            raise Rejection(SERVER_ERROR, reason, statement=statement.text + ";") from exc

    def _status(self, step: Step, made: Change, number: int) -> dict[str, Any]:
        text = step.statement.text + ";"
        return answers.current_status(text, made.command_id, made.message, number=number, query_id=made.query_id)

    def _apply(self, number: int, command: Command) -> Change:
        """One command: the metastore, the queries that are to run, its status."""
        statement = parse_one(command.statement, types=self.metastore.types)
        assert isinstance(statement, CHANGING)
        made = change(statement, self.metastore, number, command.properties)
        self.metastore = made.metastore
        self._executed, self._stale = number, True
        if made.query is not None:
            self.running[made.query.id] = _persistent(made, number, command, self.running.get(made.query.id))
        queries = made.metastore.queries
        self.running = {
            name: replace(query, paused=queries[name].paused) for name, query in self.running.items() if name in queries
        }
        self.statuses[made.command_id] = {"status": "SUCCESS", "message": made.message, "queryId": made.query_id}
        return made

    # ---- the command log

    def _wait_for(self, number: int) -> None:
        """Return when the command with that number has been carried out here, whoever wrote it."""
        if self._executed < number:
            coming = self._log.has(number)
            if not coming or not self._lock.wait_for(lambda: self._executed >= number, COMMAND_SECONDS):
                reason = f"Timed out while waiting for a previous command to execute. {number}"
                raise Rejection(COMMAND_TIMEOUT, reason)

    def _written(self, request: StatementRequest) -> tuple[Draft, list[int]]:
        """A request that was checked against everything in the log, and the numbers of its commands there."""
        for attempt in range(ATTEMPTS):
            try:
                draft = self._draft(request)
                commands = [step.command for step in draft.steps if step.command is not None]
                if not commands:
                    return draft, []
                draft.topics.make()
                return draft, self._log.append(commands)
            except Fenced:
                LOG.info("another server of this service id writes a command, this one tries again")
                self._lock.wait(random.uniform(0, SHORTEST_PAUSE * 2**attempt))  # noqa: S311  not together again
            except KafkaError as exc:  # written or not: the log will tell, before the next request
                raise Rejection(SERVER_ERROR, f"the command log could not be written, ask again: {exc}") from exc
        raise Rejection(SERVER_ERROR, "other servers of this service id write commands all the time: ask again")

    def _draft(self, request: StatementRequest) -> Draft:
        """Check a request; one that changes something, with the lease of the log and all of its commands."""
        if self._log.leased:
            try:
                return self._check(request)
            except Rejection:
                if not self._log.has(self._log.next_number):
                    raise
        elif not any(isinstance(each, CHANGING) for each in self.parsed(request)):
            return self._check(request)
        self._catch_up()
        return self._check(request)

    def _catch_up(self) -> None:
        """Take the lease of the log, and carry out what others wrote."""
        try:
            self._take(self._log.take(self._executed))
        finally:
            self._run_queries()

    def _take(self, commands: Iterable[tuple[int, Command]]) -> None:
        for number, command in commands:
            if number <= self._executed:
                continue
            try:
                self._apply(number, command)
            except (StreamguardError, AssertionError) as exc:
                self._executed = number
                self.skipped += 1
                what = {"number": number, "command": command.id, "error": str(exc)}
                LOG.error("a command of the log can not be carried out", extra=what)
            self._stale = True

    def _run_queries(self) -> None:
        """Have the queries run that the commands say."""
        if self._stale:
            self._queries.have(list(self.running.values()), self._executed)
            self._stale = False
            self._lock.notify_all()


def _persistent(made: Change, number: int, command: Command, replaced: PersistentQuery | None) -> PersistentQuery:
    """The query that a command made; one that takes another's place goes on where that one stands."""
    assert isinstance(made.plan, QueryPlan)
    assert made.query is not None
    if replaced is not None:
        return replace(replaced, plan=made.plan, statement=command.statement)
    topic = made.plan.source.topic
    return PersistentQuery(made.query.id, number, made.plan, command.statement, topic, command.starts)


def properties_of(request: StatementRequest, statements: Sequence[s.Statement]) -> dict[str, str]:
    """The properties in force after the SET statements of a request; a Rejection for an unknown one."""
    properties = checked(request.properties)
    for statement in statements:
        if isinstance(statement, s.SetProperty):
            properties = after_set(properties, statement.name, statement.value)
    return properties


def require_query(statements: list[s.Statement]) -> s.Query | s.PrintTopic:
    """The one SELECT or PRINT of a request to /query or /query-stream; a Rejection otherwise."""
    queries = [each for each in statements if not isinstance(each, s.SetProperty | s.Define)]
    if len(queries) != 1:
        raise bad_request(f"Expected exactly one KSQL statement; found {len(queries)} instead")
    if not isinstance(queries[0], s.Query | s.PrintTopic):
        raise bad_request(f"Statement type `{type(queries[0]).__name__}' not supported for this resource")
    return queries[0]
