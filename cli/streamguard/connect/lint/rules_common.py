"""Rules for every connector: names, topics, tasks, converters, transforms, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, rule, short
from streamguard.connect.offsets.reading import topics_of
from streamguard.connect.rest.answers import UNREACHABLE
from streamguard.project import did_you_mean

MASK = re.compile(r"[•*]{3,}|\[hidden\]")
PATH_FORMAT = "path.format"
DATE_KEYS = re.compile(
    r"path\.format|file\.name\.template|timeseries\.timefield\.auto\.convert\.date\.format"
    r"|transforms\.[^.]+\.(format|timestamp\.format)|(table|collection|topic)\.(name\.)?format"
)
SCHEMA_REGISTRY = re.compile(r"io\.confluent\.connect\..*Converter")
HOLES = {
    "CVE-2019-12399": ((2, 0, 0), (2, 3, 1)),
    "CVE-2021-38153": ((2, 0, 0), (2, 8, 1)),
    "CVE-2023-25194": ((2, 3, 0), (3, 4, 0)),
    "CVE-2024-31141": ((2, 3, 0), (3, 8, 0)),
    "CVE-2025-27817": ((3, 1, 0), (3, 9, 1)),
    "CVE-2025-27818": ((2, 3, 0), (3, 9, 1)),
}
"""The versions of Kafka from which and before which a worker has them."""
SINCE = {
    "connector.plugin.version": (4, 1, 0),
    "key.converter.plugin.version": (4, 1, 0),
    "value.converter.plugin.version": (4, 1, 0),
    "header.converter.plugin.version": (4, 1, 0),
    "tasks.max.enforce": (3, 8, 0),
    "key.converter.schema.content": (4, 2, 0),
    "value.converter.schema.content": (4, 2, 0),
}


@rule("unreachable-name", can_be_silenced=False)
def unreachable_name(s: Subject) -> Iterator[Remark]:
    r"""A connector's name that REST can not reach.

    `POST /connectors` takes a name with `/`, `%` or `\`; afterwards no request can read, change or delete the
    connector, since the worker's web server refuses such a path. `;`, `{` and `}` are lost where a worker forwards a
    request to the leader: deleting `a;b` deletes `a`. Rename the template.
    """
    found = [character for character in UNREACHABLE if character in s.connector.name]
    if found or not s.connector.name.strip():
        yield "name", f"no request can read or delete a connector named {s.connector.name!r}"


@rule("server-key")
def server_key(s: Subject) -> Iterator[Remark]:
    """A key that servers add, or that belongs beside the config.

    `initial_state` in a config is not obeyed but stored as one more key: write `"streamguard.state": "stopped"`.
    `__internal.*` and `task.class` are put in by servers, and mean that a config was copied from one.
    """
    for key in s.config:
        if key == "initial_state":
            yield key, 'is stored as a key and does nothing: write "streamguard.state": "paused" or "stopped"'
        elif key.startswith("__internal.") or key == "task.class":
            yield key, "is put in by servers: leave it out"


@rule("masked-value")
def masked_value(s: Subject) -> Iterator[Remark]:
    """A value that is a server's mask.

    Confluent Platform and others answer `***` or `•••` in place of a secret. Copied into a template and deployed, the
    mask becomes the secret. Write a reference, such as `{{ env(NAME) }}`.
    """
    for key, value in s.config.items():
        if MASK.fullmatch(value.strip()):
            yield key, "is the mask of a server, and would be deployed as the secret: write {{ env(NAME) }}"


@rule("topics")
def topics(s: Subject) -> Iterator[Remark]:
    """Both `topics` and `topics.regex`, an empty one, or none.

    A sink takes exactly one of the two; the worker refuses the rest.
    """
    if "topics" in s.config and "topics.regex" in s.config:
        yield "topics.regex", "a sink takes topics or topics.regex, not both"
    for key in ("topics", "topics.regex"):
        if key in s.config and not s.config[key].strip(" ,"):
            yield key, "names no topic"
    if s.is_sink and "topics" not in s.config and "topics.regex" not in s.config:
        yield "topics", "is not set: a sink takes topics or topics.regex"


@rule("missing-topic", needs="topics")
def missing_topic(s: Subject) -> Iterator[Remark]:
    """A topic that does not exist.

    A sink whose topic does not exist says RUNNING and writes nothing; so does one whose pattern matches no topic. An
    Iceberg sink needs its control topic as well.
    """
    known = s.facts.topics or {}
    needed = [("topics", topic) for topic in s.connector.topics]
    if s.kind == "iceberg":
        needed.append(("iceberg.control.topic", s.get("iceberg.control.topic")))
    for key, topic in needed:
        if topic not in known and not s.is_unknown(key):
            near = did_you_mean(topic, known)
            yield key, f"there is no topic {topic}{near}: create it with `streamguard topics apply`"
    if "topics.regex" in s.config and not topics_of(s.config, known) and _compiles(s.config["topics.regex"]):
        yield "topics.regex", "matches no topic that exists"


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


@rule("tasks-above-partitions", "warning", needs="topics")
def tasks_above_partitions(s: Subject) -> Iterator[Remark]:
    """More tasks than partitions.

    A partition is read by one task, so the tasks beyond are idle and still cost a consumer each.
    """
    known = s.facts.topics or {}
    partitions = sum(known.get(topic, 0) for topic in topics_of(s.config, known))
    tasks = s.number("tasks.max")
    if s.is_sink and tasks is not None and 0 < partitions < tasks:
        yield "tasks.max", f"{tasks} tasks for {partitions} partition{'s' if partitions > 1 else ''}: the rest is idle"


@rule("start-at-end")
def start_at_end(s: Subject) -> Iterator[Remark]:
    """A sink that starts at the end of its topics.

    With `consumer.override.auto.offset.reset=latest`, what was written before the first start is never read, and a
    partition that is added later loses its first records. Leave it out: workers start sinks at `earliest`.
    """
    key = "consumer.override.auto.offset.reset"
    if s.config.get(key, "earliest").startswith(("latest", "none", "by_duration")):
        yield key, f"{s.config[key]} skips records that were there before: write earliest"


@rule("auto-commit")
def auto_commit(s: Subject) -> Iterator[Remark]:
    """Offsets that are committed before records are written.

    `consumer.override.enable.auto.commit=true` commits what was read, not what the sink has written: a crash loses it.
    """
    key = "consumer.override.enable.auto.commit"
    if s.config.get(key, "").lower() == "true":
        yield key, "commits records that the sink has not written yet: leave it out"


@rule("read-uncommitted", "warning")
def read_uncommitted(s: Subject) -> Iterator[Remark]:
    """A sink that reads records of aborted transactions.

    Set `consumer.override.isolation.level=read_committed`, or leave it to the worker.
    """
    key = "consumer.override.isolation.level"
    if s.config.get(key, "").lower() == "read_uncommitted":
        yield key, "also reads what was rolled back: write read_committed"


@rule("inherited-converter", "warning")
def inherited_converter(s: Subject) -> Iterator[Remark]:
    """A connector without converters of its own.

    It then reads records in whatever way the worker is set up, and breaks when it moves to another worker.
    """
    missing = [key for key in ("key.converter", "value.converter") if not s.config.get(key)]
    if missing:
        yield missing[0], f"{' and '.join(missing)}: not set, so the worker's own is used, whatever it is"


@rule("converter-incomplete")
def converter_incomplete(s: Subject) -> Iterator[Remark]:
    """A converter without the setting that it can not do without.

    `JsonConverter` expects `{"schema": …, "payload": …}` unless `schemas.enable` is `false`: say which. The converters
    of Schema Registry need its address.
    """
    for part in ("key", "value"):
        converter = s.config.get(f"{part}.converter", "")
        if short(converter) == "JsonConverter" and f"{part}.converter.schemas.enable" not in s.config:
            wanted = f"{part}.converter.schemas.enable"
            yield (
                f"{part}.converter",
                f"JsonConverter takes records with a schema inside unless {wanted} is false: set it",
            )
        if SCHEMA_REGISTRY.fullmatch(converter) and f"{part}.converter.schema.registry.url" not in s.config:
            yield f"{part}.converter", f"{short(converter)} needs {part}.converter.schema.registry.url"


@rule("transform-list")
def transform_list(s: Subject) -> Iterator[Remark]:
    """Transforms and predicates whose keys and list do not agree.

    `transforms.x.…` is ignored without a word unless `transforms` lists `x`; one that is listed needs a type; a
    predicate that a transform names needs to exist.
    """
    for group in ("transforms", "predicates"):
        listed = [name.strip() for name in s.config.get(group, "").split(",") if name.strip()]
        written = {key.split(".")[1]: key for key in sorted(s.config, reverse=True) if key.startswith(f"{group}.")}
        for name in listed:
            if f"{group}.{name}.type" not in s.config:
                yield group, f"lists {name}, and there is no {group}.{name}.type"
        for name, key in sorted(written.items()):
            if name not in listed:
                yield key, f"is ignored: {group} does not list {name}{did_you_mean(name, listed)}"
    predicates = [name.strip() for name in s.config.get("predicates", "").split(",")]
    for key, value in s.config.items():
        if re.fullmatch(r"transforms\.[^.]+\.predicate", key) and value not in predicates:
            yield key, f"there is no predicate {value}{did_you_mean(value, [name for name in predicates if name])}"


@rule("date-pattern")
def date_pattern(s: Subject) -> Iterator[Remark]:
    """A date pattern that is wrong for a few days or hours.

    In Java's patterns `YYYY` is the year of the *week* (29 December 2025 is in `2026`), `DD` the day of the *year*, and
    `hh` an hour from 1 to 12. Write `yyyy`, `dd`, `HH`. In `path.format`, which Confluent's sinks read by the library
    Joda, the year of the week is `xxxx`.
    """
    for key, pattern in _date_patterns(s):
        week_year = "x" if key == PATH_FORMAT else "Y"
        if week_year in pattern:
            yield key, f"{week_year} is the year of the week, wrong around New Year: write yyyy"
        if re.search(r"(?<!D)D{1,3}(?!D)", pattern):
            yield key, "D is the day of the year: write dd"
        if re.search(r"h", pattern) and "a" not in pattern and key == PATH_FORMAT:
            yield key, "hh counts from 1 to 12: write HH"


@rule("date-year", "warning")
def date_year(s: Subject) -> Iterator[Remark]:
    """YYYY in a path format.

    Confluent's sinks take it for the year, and their own examples have it. Everywhere else in Java it is the year of
    the week, 2026 for 29 December 2025: in transforms, in other sinks, in whatever reads the folders by the same
    pattern. `yyyy` is the year in all of them.
    """
    for key, pattern in _date_patterns(s):
        if key == PATH_FORMAT and "Y" in pattern:
            yield key, "YYYY is the year for this sink, and the year of the week for most of Java: write yyyy"


def _date_patterns(s: Subject) -> Iterator[tuple[str, str]]:
    """Keys that hold patterns, without what is quoted in them and without the units of Aiven's templates."""
    for key, value in s.config.items():
        if DATE_KEYS.fullmatch(key):
            yield key, re.sub(r"\{\{.*?unit=", "", re.sub(r"'[^']*'", "", value))


@rule("version-gate", needs="worker")
def version_gate(s: Subject) -> Iterator[Remark]:
    """A key or state that this worker is too old for.

    `schema.content` of a converter needs Kafka 4.2, `connector.plugin.version` and its kin 4.1, `tasks.max.enforce`
    3.8, to be created paused or stopped 3.7. An older worker takes the key and ignores it.
    """
    worker = s.facts.worker
    if worker is None:
        return
    for key, since in SINCE.items():
        if key in s.config and worker < since:
            yield key, f"needs Kafka {_text(since)}, and the worker has {_text(worker)}: it would be ignored"
    if s.connector.state != "running" and worker < (3, 7, 0):
        yield (
            "connector.class",
            f"to be created {s.connector.state} needs Kafka 3.7, and the worker has {_text(worker)}",
        )
    plugin = s.plugin_version()
    if s.kind == "mongodb" and plugin and plugin < (1, 12, 0) and "mongo.errors.tolerance" in s.config:
        yield "mongo.errors.tolerance", f"data needs the plugin's version 1.12, and the worker has {_text(plugin)}"


@rule("worker-too-old", "warning", needs="worker")
def worker_too_old(s: Subject) -> Iterator[Remark]:
    """A worker with known holes.

    Up to Kafka 3.9.0: CVE-2025-27817 (a config reads files and asks addresses of the worker's network) and
    CVE-2025-27818 (LdapLoginModule); up to 3.7 CVE-2024-31141 (a config reads files and environment); up to 3.3
    CVE-2023-25194 (JndiLoginModule runs code); up to 2.8.0 CVE-2021-38153 (passwords are guessed by the time that a
    check takes); up to 2.3.0 CVE-2019-12399 (`/tasks` answers with secrets in clear).
    """
    worker = s.facts.worker
    open_ones = [cve for cve, (since, fixed) in HOLES.items() if worker is not None and since <= worker < fixed]
    if worker and open_ones:
        yield "connector.class", f"the worker runs Kafka {_text(worker)}, open to {', '.join(open_ones)}: update it"


def _text(version: tuple[int, int, int]) -> str:
    return ".".join(str(number) for number in version)
