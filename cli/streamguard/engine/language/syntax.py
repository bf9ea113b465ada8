"""The syntax tree: what was written, nothing decided yet. Expressions are in `nodes`; this module names all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamguard.engine.language.nodes import *  # noqa: F403  one tree, two files
from streamguard.engine.language.nodes import NOWHERE, Expression, Node
from streamguard.engine.language.places import Place
from streamguard.engine.language.types import Type


@dataclass(frozen=True)
class Star(Node):
    """``*`` or ``t.*``."""

    source: str | None = None


@dataclass(frozen=True)
class Item(Node):
    """One expression of a SELECT list."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True)
class StructStar(Node):
    """``struct->*``."""

    struct: Expression


@dataclass(frozen=True)
class Window(Node):
    """``WINDOW …``: `kind` is TUMBLING, HOPPING or SESSION; times in milliseconds, `size` of a session is its gap."""

    kind: str
    size: int
    advance: int | None = None
    retention: int | None = None
    grace: int | None = None


@dataclass(frozen=True)
class Within(Node):
    """``WITHIN (before, after) GRACE PERIOD grace`` in milliseconds; one number is both."""

    before: int
    after: int
    grace: int | None = None


@dataclass(frozen=True)
class Join(Node):
    """``kind JOIN source alias WITHIN … ON condition``; `kind` is INNER, LEFT, RIGHT or OUTER (a full one)."""

    kind: str
    source: str
    alias: str | None
    condition: Expression
    within: Within | None = None
    source_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Select(Node):
    """A query. `partition` and `group` None mean no such clause; an empty one was written ``()``."""

    items: tuple[Item | Star | StructStar, ...]
    source: str
    alias: str | None = None
    where: Expression | None = None
    partition: tuple[Expression, ...] | None = None
    emit_changes: bool = False
    limit: int | None = None
    group: tuple[Expression, ...] | None = None
    window: Window | None = None
    having: Expression | None = None
    joins: tuple[Join, ...] = ()
    final: bool = False
    source_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Column(Node):
    """A declared column. `is_key`: KEY or PRIMARY KEY; `header`: "" for HEADERS, "k" for HEADER('k')."""

    name: str
    type: Type
    is_key: bool = False
    is_primary: bool = False
    header: str | None = None


@dataclass(frozen=True)
class Property(Node):
    """``NAME = value`` of a WITH clause; the name in upper case."""

    name: str
    value: bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Statement(Node):
    """The root of a tree; `text` is the statement as written, without the semicolon."""

    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class CreateSource(Statement):
    """``CREATE [OR REPLACE] [SOURCE] kind [IF NOT EXISTS] name (columns) WITH (…)``; `kind` is STREAM or TABLE."""

    kind: str
    name: str
    columns: tuple[Column, ...]
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    is_source: bool = False


@dataclass(frozen=True)
class CreateAs(Statement):
    """``CREATE [OR REPLACE] kind [IF NOT EXISTS] name WITH (…) AS SELECT …``; `kind` is STREAM or TABLE."""

    kind: str
    name: str
    query: Select
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class InsertInto(Statement):
    """``INSERT INTO name [WITH (QUERY_ID = 'x')] SELECT …``."""

    target: str
    query: Select
    properties: tuple[Property, ...] = ()
    target_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class InsertValues(Statement):
    """``INSERT INTO name [(columns)] VALUES (…)``; `columns` None means all, in order."""

    target: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]
    target_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Query(Statement):
    """A SELECT on its own: a push query, or without EMIT a pull query."""

    query: Select


@dataclass(frozen=True)
class Show(Statement):
    """``SHOW`` or ``LIST``; `what` is STREAMS, TOPICS … as written, `everything` is ``ALL``."""

    what: str
    extended: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Describe(Statement):
    """``DESCRIBE name [EXTENDED]``."""

    name: str
    extended: bool = False
    name_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class DescribeAll(Statement):
    """``DESCRIBE STREAMS|TABLES [EXTENDED]``."""

    kind: str
    extended: bool = False


@dataclass(frozen=True)
class DescribeOther(Statement):
    """``DESCRIBE FUNCTION|CONNECTOR name``; `kind` is the word."""

    kind: str
    name: str


@dataclass(frozen=True)
class Explain(Statement):
    """``EXPLAIN`` a statement or the id of a query; exactly one of the two is set."""

    statement: CreateAs | InsertInto | Query | None = None
    query_id: str | None = None


@dataclass(frozen=True)
class Terminate(Statement):
    """``TERMINATE id`` or ``TERMINATE ALL`` (`query_id` None)."""

    query_id: str | None


@dataclass(frozen=True)
class Drop(Statement):
    """``DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]``; `kind` is STREAM or TABLE."""

    kind: str
    name: str
    if_exists: bool = False
    delete_topic: bool = False
    name_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class SetProperty(Statement):
    """``SET 'name' = 'value'``; ``UNSET 'name'`` has value None."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Define(Statement):
    """``DEFINE name = 'value'``; ``UNDEFINE name`` has value None."""

    name: str
    value: str | None


@dataclass(frozen=True)
class CreateType(Statement):
    """``CREATE TYPE [IF NOT EXISTS] name AS type``."""

    name: str
    type: Type
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropType(Statement):
    """``DROP TYPE [IF EXISTS] name``."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class CreateConnector(Statement):
    """``CREATE SOURCE|SINK CONNECTOR [IF NOT EXISTS] name WITH (…)``; `kind` is SOURCE or SINK."""

    kind: str
    name: str
    properties: tuple[Property, ...]
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropConnector(Statement):
    """``DROP CONNECTOR [IF EXISTS] name``."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class Alter(Statement):
    """``ALTER STREAM|TABLE name ADD COLUMN a INT, …``."""

    kind: str
    name: str
    columns: tuple[Column, ...]
    name_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class AlterSystem(Statement):
    """``ALTER SYSTEM 'name' = 'value'``."""

    name: str
    value: str


@dataclass(frozen=True)
class AssertTopic(Statement):
    """``ASSERT [NOT EXISTS] TOPIC name [WITH (…)] [TIMEOUT …]``; `timeout` in milliseconds."""

    topic: str
    properties: tuple[Property, ...] = ()
    exists: bool = True
    timeout: int | None = None


@dataclass(frozen=True)
class AssertSchema(Statement):
    """``ASSERT [NOT EXISTS] SCHEMA [SUBJECT name] [ID number] [TIMEOUT …]``; `timeout` in milliseconds."""

    subject: str | None = None
    id: int | None = None
    exists: bool = True
    timeout: int | None = None


@dataclass(frozen=True)
class RunScript(Statement):
    """``RUN SCRIPT 'path'``."""

    path: str


@dataclass(frozen=True)
class PrintTopic(Statement):
    """``PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]``."""

    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Pause(Statement):
    """``PAUSE id``; ``PAUSE ALL`` has `query_id` None."""

    query_id: str | None


@dataclass(frozen=True)
class Resume(Statement):
    """``RESUME id``; ``RESUME ALL`` has `query_id` None."""

    query_id: str | None
