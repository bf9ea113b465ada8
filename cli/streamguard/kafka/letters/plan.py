"""What a replay of dead letters is to write, and where to; nothing is written here.

A record goes back to the topic and partition where it was refused. There everybody who reads the topic gets it again:
one service, as a rule, but often several sinks. So what a connector refused goes there only if nobody else reads, or
the caller says that the others may have it twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from streamguard.errors import Refused, TopicError, UnknownName
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.dead_letters import MAX_REPLAYS
from streamguard.kafka.letters.reading import Choice, Letter, Replayed, Sender
from streamguard.kafka.letters.topics import LetterTopic, LetterTopics, OnRead
from streamguard.kafka.readers import readers
from streamguard.project import did_you_mean
from streamguard.settings import Settings

ANY_PARTITION = -1
EVERYTHING = Choice()

Destination = tuple[str, str, str, str]
"""Who refused the records, at which stage, with which code, and the topic that they go to."""


@dataclass(frozen=True)
class Target:
    """Where records go: to `topic`, or back. `others_too`: although others read there what a connector refused.

    `own_groups` read for the connector, beside the group that it has by default.
    """

    topic: str | None = None
    others_too: bool = False
    own_groups: frozenset[str] = frozenset()


BACK = Target()


@dataclass(frozen=True)
class Plan:
    """What a replay is to write: the letters of `topic` that are chosen and not replayed yet.

    `partitions` has the number of partitions of each topic that is written to; `records` counts what there is to write,
    `returned` what is left because it came back from a replay `max_replays` times.
    """

    topic: LetterTopic
    choice: Choice
    to: str | None
    max_replays: int
    partitions: Mapping[str, int] = field(default_factory=dict)
    records: Counter[Destination] = field(default_factory=Counter)
    returned: Counter[Destination] = field(default_factory=Counter)

    def selects(self, letter: Letter, done: Mapping[int, Replayed]) -> bool:
        """Whether it is to be written, if that much is done."""
        return letter.replays < self.max_replays and self._is_open(letter, done)

    def place(self, letter: Letter) -> tuple[str, int]:
        """The topic and the partition that the record goes to: where it was, or by its key."""
        topic, origin = destination(letter, self.to)[-1], letter.origin
        if self.to is not None or origin is None or origin.partition >= self.partitions[topic]:
            return topic, ANY_PARTITION
        return topic, origin.partition

    def count(self, letter: Letter) -> None:
        """Add a letter to what is written, or left, if it is either."""
        if self._is_open(letter, self.topic.replayed):
            counter = self.records if letter.replays < self.max_replays else self.returned
            counter[destination(letter, self.to)] += 1

    def _is_open(self, letter: Letter, done: Mapping[int, Replayed]) -> bool:
        return self.choice.has(letter) and not done[letter.record.partition].has(letter)


def prepare(
    settings: Settings,
    name: str,
    on_read: OnRead,
    *,
    choice: Choice = EVERYTHING,
    target: Target = BACK,
    max_replays: int = MAX_REPLAYS,
) -> Plan:
    """Look what there is to replay.

    Raises:
        TopicError: the dead-letter topic, or one to be written to, does not exist.
        UnknownName: no letter has that code, or that stage.
        Refused: the letters do not say where they came from, or others would get them twice.
    """
    if target.topic == name:
        raise Refused(f"{name} is what would be replayed: --to takes another topic")
    cluster = LetterTopics(settings)
    (topic,) = cluster.look(name)
    plan = Plan(topic, choice, target.topic, max_replays)
    codes, stages, origins = set[str](), set[str](), dict[str, set[str]]()
    by_name = choice.codes or choice.stages  # then all are read, to know the names
    for letter in plan.topic.read(settings, plan.topic.first if by_name else plan.topic.open, on_read):
        codes.add(letter.code)
        stages.add(letter.stage)
        plan.count(letter)
        if target.topic is None and plan.selects(letter, plan.topic.replayed):
            _require_origin(letter, name)
            if letter.sender is Sender.CONNECTOR:
                origins.setdefault(destination(letter, None)[-1], set()).add(letter.refused_by)
    _require_known("code", choice.codes, codes, dead_letters.CODES, name)
    _require_known("stage", choice.stages, stages, (), name)
    plan = Plan(plan.topic, choice, target.topic, max_replays, _partitions(cluster, plan), plan.records, plan.returned)
    if not target.others_too:
        _require_alone(settings, origins, plan, target.own_groups)
    return plan


def destination(letter: Letter, to: str | None) -> Destination:
    """Under what a letter is counted: who refused it, where, why, and the topic that the record goes to."""
    topic = to or (letter.origin.topic if letter.origin is not None else "")
    return letter.refused_by, letter.stage, letter.code, topic


def _require_origin(letter: Letter, name: str) -> None:
    if letter.origin is None:
        where = f"{name} {letter.record.partition}:{letter.record.offset}"
        raise Refused(f"{where} does not say where it came from: say with --to where it should go, or choose --cause")


def _require_known(what: str, chosen: Iterable[str], seen: Collection[str], known: Collection[str], name: str) -> None:
    for one in sorted(chosen):
        if one not in seen and one not in known:
            raise UnknownName(f"no record in {name} was refused with the {what} {one}{did_you_mean(one, seen)}")


def _partitions(cluster: LetterTopics, plan: Plan) -> dict[str, int]:
    wanted = sorted({topic for *_, topic in plan.records})
    for topic in wanted:
        if topic not in cluster.partitions:
            visible = [other for other in cluster.partitions if not other.startswith("__")]
            raise TopicError(
                f"records of {plan.topic.name} go to {topic}, and there is no such topic{did_you_mean(topic, visible)}"
            )
    return {topic: cluster.partitions[topic] for topic in wanted}


def _require_alone(
    settings: Settings, origins: Mapping[str, Collection[str]], plan: Plan, own: Collection[str]
) -> None:
    """Nobody but the connector whose records they are reads the topics that records go back to."""
    read = readers(settings, {topic: plan.partitions[topic] for topic in origins}) if origins else {}
    for topic, connectors in sorted(origins.items()):
        theirs = {f"connect-{connector}" for connector in connectors} if len(connectors) == 1 else set()
        others = [group for group in read.get(topic, ()) if group not in theirs and group not in own]
        if others:
            raise Refused(
                f"{topic} is read by {', '.join(others)} too, and written back to it the records of "
                f"{', '.join(sorted(connectors))} would reach all of them a second time: say with --to where they "
                f"should go, or --to-source if the others can have them twice"
            )
