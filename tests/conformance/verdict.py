"""One case, run and judged."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.execution.topology import Record
from streamguard.engine.language import syntax as s
from streamguard.engine.language.formatter import formatted
from streamguard.engine.language.parse import parse_one
from streamguard.errors import QueryStopped, StatementError
from tests.conformance import fixtures
from tests.conformance.cases import Case
from tests.conformance.judge import matches
from tests.conformance.rest_cases import RestCase
from tests.conformance.session import Session
from tests.conformance.wire import dumped, key_of, value_of

NOT_YET = "not supported yet by the embedded engine"


@dataclass(frozen=True)
class Verdict:
    """`reason` is why a case failed. `rejected` counts for negative cases, whatever the words were."""

    case: Case | RestCase
    passed: bool
    rejected: bool = False
    reason: str = ""


def judged(case: Case) -> Verdict:
    """Run a case."""
    with fixtures.known():
        return _positive(case) if case.error is None else _negative(case, case.error)


def _positive(case: Case) -> Verdict:
    session = Session(case)
    try:
        session.run()
        reason = _records(session) or _post(session)
    except StatementError as exc:
        reason = f"refused: {exc}"
    except Exception as exc:  # noqa: BLE001  whatever happens, the other cases are still run
        reason = f"{type(exc).__name__}: {exc}"
    if reason and session.errors:
        reason += f" (log: {session.errors[:3]})"
    return Verdict(case, not reason, reason=reason)


def _negative(case: Case, error: dict[str, Any]) -> Verdict:
    session = Session(case)
    try:
        session.run()
    except StatementError as exc:
        if not session.last and session.executing:
            return Verdict(case, passed=False, reason=f"refused before the last statement: {exc}")
        return _worded(session, error, exc)
    except QueryStopped as exc:
        return _worded(session, error, StatementError(str(exc)))
    except Exception as exc:  # noqa: BLE001  a crash is no refusal
        return Verdict(case, passed=False, reason=f"{type(exc).__name__}: {exc}")
    return Verdict(case, passed=False, reason="not rejected")


def _worded(session: Session, error: dict[str, Any], exc: StatementError) -> Verdict:
    """Whether the words are in the refusal, with its place in any of the forms that ksqlDB gives it.

    What the engine refuses because it lacks something is not what the case is about.
    """
    case = session.case
    if NOT_YET in exc.reason:
        return Verdict(case, passed=False, reason=str(exc))
    wanted = [words for words in (error.get("message"), error.get("causeMessage")) if words]
    forms = [
        str(exc),
        getattr(exc, "told", ""),
        f"Line: {exc.line}, Col: {exc.column}: {exc.reason}",
        f"line {exc.line}:{exc.column - 1}: {exc.reason}",
        f"Failed to prepare statement: line {exc.line}:{exc.column - 1}: {exc.reason}",
        f"Failed to prepare statement: {exc.reason}",
    ]
    if isinstance(session.statement, s.CreateAs | s.InsertInto):
        forms.append(f"{exc.reason}\nStatement: {formatted(session.statement)}")
    missing = [words for words in wanted if not any(words in form for form in forms)]
    if missing:
        return Verdict(case, passed=False, rejected=True, reason=f"expected {missing[0]!r}, got {str(exc)!r}")
    return Verdict(case, passed=True, rejected=True)


def _records(session: Session) -> str:
    expected: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in session.case.outputs:
        expected[each["topic"]].append(each)
    for topic, wanted in expected.items():
        made = session.logs[topic]
        if len(made) != len(wanted):
            return f"{topic}: {len(made)} records instead of {len(wanted)}: {[_short(each) for each in made[:4]]}"
        source = session.source(topic)
        for number, (record, each) in enumerate(zip(made, wanted, strict=True), start=1):
            difference = _difference(session, source, record, each)
            if difference:
                return f"{topic}, record {number}: {difference}"
    return ""


def _short(record: Record) -> str:
    return f"{record.raw_key!r}: {record.raw_value!r} @ {record.time}"


def _difference(session: Session, source: Source, record: Record, expected: dict[str, Any]) -> str:
    exact = session.case.properties.get("use.exact.numeric.comparison", "true").lower() != "false"
    key, window = key_of(source, record.raw_key, exact=exact)
    if window != expected.get("window"):
        return f"the window is {window}, not {expected.get('window')}"
    if not matches(key, expected.get("key")):
        return f"the key is {key!r}, not {expected.get('key')!r}"
    value = value_of(source, record.raw_value, exact=exact)
    if not matches(value, expected.get("value")):
        return f"the value is {record.raw_value!r}, not {dumped(expected.get('value'))}"
    time = expected.get("timestamp")
    if time is not None and int(time) != record.time and (session.case.inputs or time):
        return f"the timestamp is {record.time}, not {time}"
    return _headers(record, expected)


def _headers(record: Record, expected: dict[str, Any]) -> str:
    wanted = [
        (each["KEY"], None if each["VALUE"] is None else base64.b64decode(each["VALUE"]))
        for each in expected.get("headers") or ()
    ]
    made = list(record.with_headers or ())
    return "" if made == wanted else f"the headers are {made}, not {wanted}"


def _post(session: Session) -> str:
    post = session.case.post or {}
    for wanted in post.get("sources", ()):
        reasons = [_source(source, wanted) for source in session.metastore.sources.values()]
        if all(reasons):
            named = [reason for reason in reasons if not reason.startswith("named")]
            return f"no source is {wanted}: {named[:1] or 'no such name'}"
    pattern = post.get("topics", {}).get("blacklist")
    if pattern and any(plan.repartitioned for plan in session.plans.values()):
        return "a query needs a repartition topic"
    for wanted in post.get("topics", {}).get("topics", ()):
        reason = _topic(session, wanted)
        if reason:
            return reason
    return ""


def _source(source: Source, wanted: dict[str, Any]) -> str:
    if source.name != wanted["name"]:
        return "named otherwise"
    if source.kind.lower() != wanted["type"].lower():
        return f"it is a {source.kind}"
    if "schema" in wanted and _columns(source) != _declared(wanted["schema"]):
        return f"its columns are {source.schema()}"
    form = wanted.get("keyFormat")
    window = source.window
    if form is not None and (form["format"], form.get("windowType"), form.get("windowSize")) != (
        source.key_format,
        window.type if window else None,
        window.size if window else None,
    ):
        return f"its key format is {source.key_format}, its window {window}"
    form = wanted.get("valueFormat")
    if form is not None and (form if isinstance(form, str) else form["format"]) != source.value_format:
        return f"its value format is {source.value_format}"
    for name, features in (("keyFeatures", source.key_features), ("valueFeatures", source.value_features)):
        if name in wanted and set(wanted[name]) != set(features):
            return f"its {name} are {sorted(features)}"
    if "isSource" in wanted and bool(wanted["isSource"]) != source.is_source:
        return f"it is {'' if source.is_source else 'not '}a source table"
    return ""


def _columns(source: Source) -> list[tuple[str, str, bool]]:
    keys = [(column.name, str(column.type), True) for column in source.keys]
    return keys + [(column.name, str(column.type), False) for column in source.values]


def _declared(schema: str) -> list[tuple[str, str, bool]]:
    kind = "TABLE" if re.search(r"\bPRIMARY\s+KEY\b", schema, re.IGNORECASE) else "STREAM"
    made = parse_one(f"CREATE {kind} X ({schema}) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON');")
    columns = [(column.name, str(column.type), column.is_key) for column in made.columns]  # type: ignore[attr-defined]
    return sorted(columns, key=lambda column: not column[2])


def _topic(session: Session, wanted: dict[str, Any]) -> str:
    if wanted["name"].startswith("_confluent-ksql-"):
        return ""  # topics of Kafka Streams, which this engine does not have
    found = [each for each in session.metastore.sources.values() if each.topic == wanted["name"]]
    if not found:
        return f"no topic {wanted['name']}"
    source = session.source(wanted["name"])
    for part, form, features in (
        ("keyFormat", source.key_format, source.key_features),
        ("valueFormat", source.value_format, source.value_features),
    ):
        if part in wanted and (
            wanted[part]["format"] != form or set(wanted[part].get("features") or ()) != set(features)
        ):
            return f"{wanted['name']}: its {part} is {form} {sorted(features)}, not {wanted[part]}"
    return ""
