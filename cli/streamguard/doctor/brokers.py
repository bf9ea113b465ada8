"""Kafka: does it answer, are the topics as a pipeline wants them, and what may we do there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamguard.doctor.checks import Check
from streamguard.errors import KafkaError
from streamguard.kafka import permissions, topics
from streamguard.kafka.permissions import Answered, Entry
from streamguard.kafka.topics import Action
from streamguard.model import Pipeline
from streamguard.rights.compare import missing, superfluous
from streamguard.rights.model import Right
from streamguard.settings import Settings

FEW = 5
"""Names in a row; the others are counted."""


def cluster(settings: Settings) -> Iterator[Check]:
    """It answers, and can have the replicas that are asked for."""
    found = permissions.brokers(settings)
    many = "1 broker" if found.count == 1 else f"{found.count} brokers"
    yield Check("kafka", "ok", f"{many} at {settings.kafka_bootstrap}, cluster {found.cluster_id}")
    wanted = settings.kafka_replication
    if wanted > found.count:
        advice = f"STREAMGUARD_KAFKA_REPLICATION={found.count}, or more brokers"
        yield Check("replication", "fail", f"{wanted} replicas of each topic, and {many}", advice)
    elif settings.mode == "external" and wanted < 3 <= found.count:
        found_text = f"{wanted} replica(s) of each topic, and {many}: a broker that dies takes records along"
        yield Check("replication", "warn", found_text, "STREAMGUARD_KAFKA_REPLICATION=3")
    if settings.mode == "external":
        yield Check(
            "kafka version",
            "unknown",
            "clients are not told",
            "kafka-features.sh --bootstrap-server … describe: streamguard wants 2.8 or newer, and is tried with 4.3",
        )


def wanted_topics(settings: Settings, pipeline: Pipeline) -> Iterator[Check]:
    """Each topic of init/NAME.yml, as it is there."""
    names = [topic.name for topic in pipeline.topics]
    try:
        existing = topics.existing_topics(settings, names)
    except KafkaError as exc:
        yield from _bare_topics(settings, pipeline, str(exc))
        return
    changes = topics.plan(pipeline.topics, existing)
    absent = [change.topic.name for change in changes if change.action is Action.CREATE]
    yield from _absent(pipeline, absent)
    apply = f"`streamguard topics apply {pipeline.name}`"
    for change in changes:
        if change.action in (Action.GROW, Action.CONFIGURE):
            yield Check(f"topic {change.topic.name}", "warn", f"differs: {change.detail}", apply)
        elif change.action is Action.DIFFERS:
            yield Check(f"topic {change.topic.name}", "warn", change.detail, f"or change init/{pipeline.name}.yml")
    same = [change for change in changes if change.action is Action.SAME]
    if same:
        yield Check("topics", "ok", f"{len(same)} of {len(names)} are as init/{pipeline.name}.yml says")


def _bare_topics(settings: Settings, pipeline: Pipeline, reason: str) -> Iterator[Check]:
    """Only whether they are there, for who may not see their configs."""
    answers = permissions.of_topics(settings, [topic.name for topic in pipeline.topics])
    yield from _absent(pipeline, [name for name, answered in answers.items() if answered.operations is None])
    advice = "`streamguard doctor` as the deployer sees them, see `streamguard rights`"
    yield Check("topic configs", "unknown", f"not shown to us: {reason}", advice)


def _absent(pipeline: Pipeline, names: Sequence[str]) -> Iterator[Check]:
    if names:
        found = f"missing, or not shown to us: {_some(names)}"
        yield Check("topics", "fail", found, f"`streamguard topics apply {pipeline.name}`")


def rights(settings: Settings, needed: Sequence[Right], principal: str) -> Iterator[Check]:
    """What Kafka grants: everybody, if its list is shown to us; else ourselves, compared with `principal`."""
    listed = permissions.entries(settings)
    if listed == "":
        yield _open_to_all(settings)
    elif isinstance(listed, list):
        yield from of_everybody(needed, listed)
    else:
        advice = "`streamguard doctor --as NAME` with the credentials of each service, or of an administrator"
        yield Check("rights of others", "unknown", f"the list is not shown to us: {listed}", advice)
        yield from _ours(settings, [right for right in needed if right.principal == principal], principal)


def _open_to_all(settings: Settings) -> Check:
    found = "no access control: everybody may do everything"
    if settings.mode != "external":
        return Check("rights", "ok", found)
    return Check("rights", "warn", found, "`streamguard rights` says what each service needs")


def of_everybody(needed: Sequence[Right], listed: Sequence[Entry]) -> Iterator[Check]:
    """A row for each principal; one row if they have other names."""
    principals = list(dict.fromkeys(right.principal for right in needed))
    if not {entry.principal for entry in listed} & {*principals}:
        advice = "`streamguard rights --format kafka-acls` grants them; if they are called otherwise: --prefix"
        yield Check("rights", "fail", f"nobody of these has any: {', '.join(principals)}", advice)
        return
    for principal in principals:
        own = [right for right in needed if right.principal == principal]
        lacking, more = missing(own, listed), superfluous(own, listed)
        if lacking:
            told = _some([f"{', '.join(right.operations)} on {_named(right)}" for right in lacking])
            advice = f"`streamguard rights --only {principal} --format kafka-acls`"
            yield Check(f"rights of {principal}", "fail", f"missing: {told}", advice)
        elif more:
            told = _some([f"{entry.operation} on {entry.resource} {entry.name}" for entry in more])
            yield Check(f"rights of {principal}", "warn", f"more than needed: {told}", "kafka-acls.sh --remove")
        else:
            yield Check(f"rights of {principal}", "ok", f"all {len(own)}, and no more")


def _ours(settings: Settings, needed: Sequence[Right], principal: str) -> Iterator[Check]:
    """By the operations that Kafka says we may do."""
    on_topics = [right for right in needed if right.resource == "topic" and right.pattern == "literal"]
    on_groups = [right for right in needed if right.resource == "group" and right.pattern == "literal"]
    yield from _compared(on_topics, permissions.of_topics(settings, _names(on_topics)), "topics", principal)
    yield from _compared(on_groups, permissions.of_groups(settings, _names(on_groups)), "groups", principal)
    hidden = [right for right in needed if right.pattern == "prefixed" or right.resource == "transactional_id"]
    if hidden:
        found = f"Kafka tells nobody but who may list rights: {_some([_named(right) for right in hidden])}"
        advice = "`doctor` with the credentials of an administrator lists them"
        yield Check(f"ours as {principal}", "unknown", found, advice)


def _compared(needed: Sequence[Right], answers: dict[str, Answered], what: str, principal: str) -> Iterator[Check]:
    lacking, silent = [], []
    for right in needed:
        answered = answers[right.name]
        if answered.operations is None:
            silent.append(right.name)
        elif absent := [each for each in right.operations if not {each, "all"} & answered.operations]:
            lacking.append(f"{', '.join(absent)} on {right.name}")
    if lacking:
        advice = "log in as another principal, or have it granted: `streamguard rights`"
        yield Check(f"our {what} as {principal}", "fail", f"missing: {_some(lacking)}", advice)
    if silent:
        advice = "missing, or not ours to see: `doctor` with the credentials of an administrator tells"
        yield Check(f"our {what} as {principal}", "unknown", f"nothing is said of {_some(silent)}", advice)
    granted = len(needed) - len(lacking) - len(silent)
    if granted:
        yield Check(f"our {what} as {principal}", "ok", f"{granted} of {len(needed)} granted")


def _names(rights: Sequence[Right]) -> list[str]:
    return list(dict.fromkeys(right.name for right in rights))


def _named(right: Right) -> str:
    return f"{right.resource.replace('_', ' ')} {right.name}{'*' if right.pattern == 'prefixed' else ''}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
