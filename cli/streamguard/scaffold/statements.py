"""The statements of a new pipeline, and which way they send a record: run in memory, by the engine itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from streamguard.engine.execution.topology import Record, Topology
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.printing import name as quoted_if_needed
from streamguard.engine.testing.cases import Run, Script, execute
from streamguard.errors import Refused, StatementError
from streamguard.scaffold.answers import Answers

_WHERE = "WHERE "
_ALL_OTHERS = "WHERE NOT COALESCE("
STATEMENTS = 4
"""SET, and three streams."""


def sql(answers: Answers) -> str:
    """The text of the file of statements."""
    width = max(len(column) for column in (answers.key, *(each.column for each in answers.fields)))
    columns = [f"{answers.key:{width}} STRING KEY"]
    columns += [f"{each.column:{width}} {each.type}" for each in answers.fields]
    listing = ",\n  ".join(columns)
    return f"""-- What the rule takes of {answers.topic} goes to {answers.flagged}, everything else to {answers.passed}.

SET 'auto.offset.reset' = 'earliest';

-- The key is kept: the records of one key stay in their order.
CREATE STREAM IF NOT EXISTS {_stream(answers)} (
  {listing}
) WITH (
  KAFKA_TOPIC = '{answers.topic}',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
);

-- OR REPLACE: another rule replaces the two in place, and they go on where they were.
CREATE OR REPLACE STREAM {_stream(answers, "_flagged")} WITH (
  KAFKA_TOPIC = '{answers.flagged}'
) AS
SELECT *
FROM {_stream(answers)}
{_WHERE}{answers.rule}
EMIT CHANGES;

-- What the rule says nothing about, since a field is missing, is among the others.
CREATE OR REPLACE STREAM {_stream(answers, "_passed")} WITH (
  KAFKA_TOPIC = '{answers.passed}'
) AS
SELECT *
FROM {_stream(answers)}
{_ALL_OTHERS}{answers.rule}, FALSE)
EMIT CHANGES;
"""  # noqa: S608  no database is near, and the engine reads it before anybody runs it


def streams(answers: Answers) -> tuple[str, ...]:
    """The names that the statements declare, as ksqlDB has them."""
    return tuple(f"{answers.stream}{end}".upper() for end in ("", "_flagged", "_passed"))


def condition(answers: Answers) -> s.Expression:
    """The rule, read. Raises Refused if it is not one condition in one line; says where."""
    if len(answers.rule.splitlines()) != 1 or not answers.rule.strip():
        raise Refused("the rule is one line, a condition in SQL such as amount >= 900")
    alone = f"SELECT *\nFROM x\n{_WHERE}{answers.rule}\nEMIT CHANGES;"
    for text in (alone, sql(answers)):  # alone first, since its mistakes may spoil what comes after it
        try:
            made = parse(text, answers.variables)
        except StatementError as exc:
            raise _refusal(exc, answers, text) from exc
    flagged = next(each for each in made if isinstance(each, s.CreateAs))
    plain = s.Select(flagged.query.items, flagged.query.source, where=flagged.query.where, emit_changes=True)
    if len(made) != STATEMENTS or flagged.query != plain or plain.where is None:
        raise Refused(f"the rule is one condition, and {answers.rule!r} is more than that")
    return plain.where


class Split:
    """The statements, run in memory: `of` says which way a record goes."""

    def __init__(self, answers: Answers) -> None:
        """Raises Refused if the engine refuses the rule or a field; says where."""
        condition(answers)
        run = Run()
        try:
            execute(run, Script("", sql(answers)), answers.variables)
        except StatementError as exc:
            told = exc.__cause__ if isinstance(exc.__cause__, StatementError) else exc  # the one that knows its place
            raise _refusal(told, answers, sql(answers)) from exc
        plans = {query.id: query.plan for query in run.metastore.queries.values()}
        self._topology = Topology(plans, lambda _record, _query, reason: self._said.append(reason))
        self._said: list[str] = []
        self._answers = answers

    def of(self, value: Mapping[str, Any]) -> bool | None:
        """Whether the rule takes a record; None if it can not be worked out, as when it divides by 0."""
        self._said.clear()
        record = Record(json.dumps(value).encode(), b"k")
        topics = [topic for topic, _ in self._topology.process(self._answers.topic, record)]
        return None if self._said or len(topics) != 1 else topics[0] == self._answers.flagged


def _stream(answers: Answers, end: str = "") -> str:
    name = f"{answers.stream}{end}"
    quoted = quoted_if_needed(name.upper())
    return name if quoted == name.upper() else quoted


def _refusal(exc: StatementError, answers: Answers, text: str) -> Refused:
    """What is wrong with `text`; at a place in the rule, if it is there."""
    lines = text.splitlines()
    reason = exc.reason.rstrip().replace("(DEFINE it, or pass it with the statement)", "(say it with -D NAME=VALUE)")
    where = lines[exc.line - 1] if 0 < exc.line <= len(lines) else ""
    for head in (_WHERE, _ALL_OTHERS):
        column = exc.column - len(head)
        if where.startswith(head + answers.rule) and 0 < column <= len(answers.rule):
            return Refused(f"the rule, column {column}: {reason}\n    {answers.rule}\n    {' ' * (column - 1)}^")
    near = lines[max(exc.line - 2, 0) : exc.line]  # a rule that is not whole is noticed in the line behind it
    if any(line.startswith((_WHERE, _ALL_OTHERS)) for line in near):
        return Refused(f"the rule {answers.rule!r} does not end as a condition does: write one like 'amount >= 900'")
    return Refused(f"the pipeline can not be written: {reason}")
