"""Every error that streamguard raises on purpose, and the exit code each one ends the command with.

* StreamguardError               1   an error: one sentence that says where, and what next
  x SettingsError                1   a setting is missing or malformed; names the variable and where it was read
  x ProjectError                 1   no project folder, or a file of it is wrong; names file and line
    + UnknownName                64  a pipeline, server or query of that name does not exist; names the ones that do
    + RuleError                  1   an expression of a rule is none, or does not fit; carries the place in it
  x KafkaError                   1
    + KafkaUnavailable           1   no broker answers at that address
    + TopicError                 1   a topic is missing, or differs in a way that can not be changed
    + Fenced                     6   another instance has the same transactional id; this one must end
    + RecordRefused              1   one record can not be handled; it goes to the dead-letter topic
  x TemplateError                1   a connector template did not render; names file and line
  x ConnectError                 1
    + ConnectUnavailable         1   no answer at that URL
    + ConnectorNotFound          1
    + ConnectorExists            1   a connector of that name is there already, and it is not as it was to be made
    + ConnectorInvalid           1   the plugin refused the config; carries the field errors
    + ConnectorFailed            1   deployed, but a task is FAILED; carries its first cause
  x StatementError               1   a ksql statement was refused; carries line, column, excerpt
    + ParseError                 1
    + AnalysisError              1
    + StatementRefused           1   a ksql server refused it: its words, its code, the statement if it named one
  x QueryStopped                 1   a query met a record that its settings do not let it pass over
  x KsqlUnavailable              1   no ksql server answers at that URL
  x StackError                   1   a local server did not become ready; carries the end of its log
    + PortTaken                  1   names the port and the process that holds it
    + LockFileError              1   the lock file of the jars, or a file that it names, is not what it should be
  x CatalogError                 1   the Iceberg catalog does not answer or refuses, or a table is missing or differs
  x PostgresError                1   PostgreSQL refuses, or its schema is not what it should be
    + PostgresUnavailable        1   no PostgreSQL answers at that address
  x QueryError                   1   a query did not run
  x ChannelError                 1   a channel of the notifier has not taken a message
  x Refused                      3   refused by lint or policy before anything was changed
  x WaitTimedOut                 4
  x PartlyDone                   5   some of the work was done, some was not; says which
  x StorageError                 74  the disk is full or can not be written

A class exists only where some caller does something different because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class StreamguardError(Exception):
    """The root: one sentence for a person, and an exit code for the shell."""

    exit_code: ClassVar[int] = 1


class SettingsError(StreamguardError):
    """A setting is missing or malformed."""


class ProjectError(StreamguardError):
    """There is no project folder, or a file of it is wrong."""


class UnknownName(ProjectError):
    """A pipeline, server or query of that name does not exist."""

    exit_code = 64


class RuleError(ProjectError):
    """An expression of a rule is none, or does not fit. `at` counts its characters from 0."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.at = at


class KafkaError(StreamguardError):
    """Kafka refused something."""


class KafkaUnavailable(KafkaError):
    """No broker answers."""


class TopicError(KafkaError):
    """A topic is missing, or differs in a way that can not be changed."""


class Fenced(KafkaError):
    """Another instance with the same transactional id has taken over."""

    exit_code = 6


class RecordRefused(KafkaError):
    """One record can not be handled. `code` groups the causes, as in ``E_JSON``."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class TemplateError(StreamguardError):
    """A connector template did not render."""


class ConnectError(StreamguardError):
    """Kafka Connect answered with an error."""


class ConnectUnavailable(ConnectError):
    """No answer from Kafka Connect."""


class ConnectorNotFound(ConnectError):
    """Kafka Connect has no connector of that name."""


class ConnectorExists(ConnectError):
    """Kafka Connect has a connector of that name already."""


class ConnectorInvalid(ConnectError):
    """The plugin refused the config."""


class ConnectorFailed(ConnectError):
    """The connector is deployed, but it or one of its tasks is FAILED."""


class StatementError(StreamguardError):
    """A ksql statement was refused. Lines and columns count from 1.

    `told` is the refusal as ksqlDB words it, for those who know its words.
    """

    def __init__(self, reason: str, *, line: int = 0, column: int = 0, excerpt: str = "", told: str = "") -> None:
        where = f"line {line}, column {column}: " if line else ""
        super().__init__(f"{where}{reason}{excerpt}")
        self.reason = reason
        self.line = line
        self.column = column
        self.excerpt = excerpt
        self.told = told or str(self)


class ParseError(StatementError):
    """The text is not a statement."""


class AnalysisError(StatementError):
    """The statement names something that does not exist, or does not fit."""


class StatementRefused(StatementError):
    """The server refused a statement: its own words, the code, and the statement if it named one."""

    def __init__(self, message: str, *, code: int = 0, statement: str = "", entities: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.statement = statement
        self.entities = list(entities)


class QueryStopped(StreamguardError):
    """A query met a record that its settings do not let it pass over."""


class KsqlUnavailable(StreamguardError):
    """No ksql server answers."""


class StackError(StreamguardError):
    """A local server did not become ready."""


class PortTaken(StackError):
    """Another process holds a port that a server needs."""


class LockFileError(StackError):
    """The lock file of the jars, or a file that it names, is not what it should be."""


class CatalogError(StreamguardError):
    """The Iceberg catalog does not answer or refuses, or a table of it is missing or differs."""


class PostgresError(StreamguardError):
    """PostgreSQL refuses, or its schema is not what it should be."""


class PostgresUnavailable(PostgresError):
    """No PostgreSQL answers."""


class QueryError(StreamguardError):
    """A query did not run."""


class ChannelError(StreamguardError):
    """A channel of the notifier has not taken a message."""


class Refused(StreamguardError):
    """Refused by lint or policy before anything was changed."""

    exit_code = 3


class WaitTimedOut(StreamguardError):
    """Something did not happen in time."""

    exit_code = 4


class PartlyDone(StreamguardError):
    """Some of the work was done, some was not."""

    exit_code = 5


class StorageError(StreamguardError):
    """The disk is full or can not be written."""

    exit_code = 74
