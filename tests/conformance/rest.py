"""REST cases against a live server on a real broker: ``python -m tests.conformance --rest FILE``.

The runner starts a server of its own, with a service id and a port of its own. Every case gets topics of its own, which
are deleted at the end; streams, tables and queries go before the next case.
"""

from __future__ import annotations

import base64
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from confluent_kafka.admin import NewTopic

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.analysis.stages import topic as repartition_topic
from streamguard.engine.language.parse import parse
from streamguard.engine.server.commands import topic_name
from streamguard.errors import StatementError
from streamguard.settings import Settings
from tests.conformance import wire
from tests.conformance.judge import matches
from tests.conformance.rest_cases import RestCase, moved
from tests.conformance.rest_judge import error_difference, lines_of, query_difference, subset_difference
from tests.conformance.verdict import Verdict
from tests.stack.ksql_process import KsqlProcess, Topics, wait_for

PARTITIONS = 4
SECONDS = 20.0


class Failed(Exception):
    """What a case wanted and did not get."""


class Runner:
    """A server, and the cases that are run against it."""

    def __init__(self, settings: Settings) -> None:
        self.service_id = f"conformance-{uuid.uuid4().hex[:8]}"
        log = Path(tempfile.mkdtemp(prefix="streamguard-conformance-")) / "ksql.log"
        self.server = KsqlProcess(settings, self.service_id, log)
        self.topics = Topics(settings, self.service_id)
        self.session = requests.Session()
        self._number = 0

    def __enter__(self) -> Runner:
        self.server.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.end()
        names = self.topics.admin.list_topics(timeout=SECONDS).topics
        internal = [name for name in names if name.startswith(f"_streamguard-ksql-{self.service_id}")]
        self.topics.delete([topic_name(self.service_id), *internal])

    def judged(self, case: RestCase) -> Verdict:
        """Run a case."""
        self._number += 1
        own = moved(case, f"{self.service_id}-{self._number}-")
        reason = ""
        try:
            self._run(own)
        except Failed as exc:
            reason = str(exc)
        except Exception as exc:  # noqa: BLE001  whatever happens, the other cases are still run
            reason = f"{type(exc).__name__}: {exc}"
        finally:
            self._empty()
        return Verdict(case, not reason, rejected=not reason, reason=reason)

    # ---- one case

    def _run(self, case: RestCase) -> None:
        metastore = _metastore(case)
        self._make_topics(case, metastore)
        found: list[Any] = []
        if case.admin:
            status, body = self._post("/ksql", "\n".join(case.admin), case)
            if status >= 400:
                self._refused(status, body, case)
                return
            found += body
        if not case.waits:
            self._send(case, metastore)
            if case.error is None and len(case.responses) > len(found):
                self._settle()
        for query in case.queries:
            status, answer = self._query(query, case, metastore)
            if status >= 400:
                self._refused(status, answer, case)
                return
            found.append(answer)
        if case.error is not None:
            raise Failed(f"not refused: {str(found)[:300]}")
        self._judge(case, found)
        self._judge_outputs(case, metastore)

    def _query(self, text: str, case: RestCase, metastore: Metastore) -> tuple[int, Any]:
        body = {"ksql": text, "streamsProperties": _properties(case)}
        url = f"{self.server.client.url}/query"
        with self.session.post(url, json=body, stream=case.waits, timeout=SECONDS) as answer:
            if answer.status_code >= 400:
                return answer.status_code, answer.json()
            if case.waits:
                lines = answer.iter_lines(chunk_size=None)
                first = next(lines)
                self._send(case, metastore)
                rest = b"\n".join([first, *lines])
                return answer.status_code, lines_of(rest.decode())
            return answer.status_code, lines_of(answer.text)

    def _post(self, path: str, text: str, case: RestCase) -> tuple[int, Any]:
        body = {"ksql": text, "streamsProperties": _properties(case)}
        answer = self.session.post(self.server.client.url + path, json=body, timeout=SECONDS)
        return answer.status_code, answer.json()

    def _refused(self, status: int, body: Any, case: RestCase) -> None:
        if case.error is None:
            raise Failed(f"refused, {status}: {body.get('message') if isinstance(body, dict) else body}")
        difference = error_difference(status, body, case.error, case.statements[-1])
        if difference:
            raise Failed(difference)

    def _judge(self, case: RestCase, found: list[Any]) -> None:
        for number, expected in enumerate(case.responses):
            [(kind, wanted)] = expected.items()
            if kind == "queryProto":
                raise Failed("the runner has no Protobuf")
            if number >= len(found):
                raise Failed(f"answer {number} is missing")
            if kind == "admin":
                difference = subset_difference(found[number], wanted, case.statements)
            else:
                difference = query_difference(found[number], wanted, case.statements, ordered=case.ordered)
            if difference:
                raise Failed(f"answer {number}: {difference}")

    # ---- records

    def _make_topics(self, case: RestCase, metastore: Metastore) -> None:
        wanted: dict[str, int] = {}
        for source in metastore.sources.values():
            if source.topic not in wanted and _is_declared(source):
                wanted[source.topic] = source.partitions or PARTITIONS
        for given in case.inputs:
            wanted.setdefault(given["topic"], PARTITIONS)
        wanted |= {each["name"]: each.get("partitions", 1) for each in case.topics}
        config = {"retention.ms": "-1"}  # the records of cases are from 1970
        if wanted:
            made = self.topics.admin.create_topics([NewTopic(name, n, 1, config=config) for name, n in wanted.items()])
            for future in made.values():
                future.result(SECONDS)

    def _send(self, case: RestCase, metastore: Metastore) -> None:
        producer = self.topics.producer
        for given in case.inputs:
            source = next(each for each in metastore.sources.values() if each.topic == given["topic"])
            producer.produce(
                given["topic"],
                wire.value_bytes(source, given.get("value")),
                wire.key_bytes(source, given.get("key"), given.get("window")),
                timestamp=int(given.get("timestamp") or 0),
                headers=[(each["KEY"], base64.b64decode(each["VALUE"])) for each in given.get("headers") or ()],
            )
        producer.flush(SECONDS)

    def _settle(self) -> None:
        """Wait until every query has consumed its sources, and what the others wrote meanwhile."""
        client = self.server.client
        [listed] = client.ksql("SHOW QUERIES EXTENDED;")
        streams, tables = client.ksql("SHOW STREAMS; SHOW TABLES;")
        topics = {row["name"]: row["topic"] for row in [*streams["streams"], *tables["tables"]]}
        existing = self.topics.admin.list_topics(timeout=SECONDS).topics
        reads: list[tuple[str, str]] = []
        for query in listed["queryDescriptions"]:
            reads += [(topics[source], query["consumerGroupId"]) for source in query["sources"]]
            between = repartition_topic(self.service_id, query["id"])
            if between in existing:
                reads.append((between, f"sg.ksql.{self.service_id}.{between}"))
        sinks = {topics[sink] for each in listed["queryDescriptions"] for sink in each["sinks"]}
        wait_for(lambda: self._done(reads, sinks), SECONDS, "the queries to be done")

    def _done(self, reads: Iterable[tuple[str, str]], sinks: Iterable[str]) -> bool:
        """From the sources to the results: whether nothing is left to read, and everything is committed."""
        read = all(not self.topics.is_open(topic) and self.topics.is_read(topic, group) for topic, group in reads)
        return read and not any(self.topics.is_open(topic) for topic in sinks)

    def _judge_outputs(self, case: RestCase, metastore: Metastore) -> None:
        by_topic: dict[str, list[Mapping[str, Any]]] = {}
        for each in case.outputs:
            by_topic.setdefault(each["topic"], []).append(each)
        for topic, expected in by_topic.items():
            source = next(each for each in metastore.sources.values() if each.topic == topic)
            records = self.topics.raw(topic)
            if len(records) != len(expected):
                raise Failed(f"{topic}: {len(records)} records instead of {len(expected)}")
            for record, wanted in zip(records, expected, strict=True):
                key, window = wire.key_of(source, record.key(), exact=True)
                value = wire.value_of(source, record.value(), exact=True)
                if not matches(key, wanted.get("key")) or (window is None) != (wanted.get("window") is None):
                    raise Failed(f"key {key!r} instead of {wanted.get('key')!r}")
                if not matches(value, wanted.get("value")):
                    raise Failed(f"value {value!r} instead of {wanted.get('value')!r}")
                if "timestamp" in wanted and record.timestamp()[1] != int(wanted["timestamp"]):
                    raise Failed(f"time {record.timestamp()[1]} instead of {wanted['timestamp']}")

    def _empty(self) -> None:
        """Terminate every query and drop every source, the youngest first."""
        client = self.server.client
        client.ksql("TERMINATE ALL;")
        streams, tables = client.ksql("SHOW STREAMS; SHOW TABLES;")
        rows = [*streams["streams"], *tables["tables"]]
        if rows:
            client.ksql("".join(f"DROP {row['type']} `{row['name']}`;" for row in rows))


def _properties(case: RestCase) -> dict[str, Any]:
    return {"auto.offset.reset": "earliest", "ksql.query.push.v2.enabled": "true", **case.properties}


def _is_declared(source: Source) -> bool:
    return "SELECT" not in source.statement.upper().split()


def _metastore(case: RestCase) -> Metastore:
    """What the statements make, as far as they can be understood."""
    metastore = Metastore()
    with suppress(StatementError):
        for number, statement in enumerate(parse("\n".join(case.admin))):
            if isinstance(statement, CHANGING):
                metastore = change(statement, metastore, number).metastore
    return metastore


def run(cases: Iterable[RestCase], settings: Settings) -> list[Verdict]:
    """The verdicts of cases, with one server for all."""
    with Runner(settings) as runner:
        return [runner.judged(case) for case in cases]


def with_kafka(settings: Settings, address: str | None) -> Settings:
    """The settings with another broker."""
    return settings if address is None else replace(settings, kafka_bootstrap=address)
