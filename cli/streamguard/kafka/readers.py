"""Who reads a topic: the consumer groups that would get a record that is written to it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from confluent_kafka import ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from streamguard.kafka import clients
from streamguard.kafka.topics import ANSWER_SECONDS
from streamguard.settings import Settings


def readers(settings: Settings, partitions: Mapping[str, int]) -> dict[str, list[str]]:
    """For each of some topics, given with their number of partitions, the groups that read it.

    A group whose members have settled reads what they are assigned; any other reads what it has committed offsets of,
    such as that of a connector that is stopped.
    """
    with clients.translated(settings):
        groups = _described(clients.admin(settings))
        found: defaultdict[str, set[str]] = defaultdict(set)
        for group in groups:
            settled = group.state is ConsumerGroupState.STABLE
            read = _assigned(group) if settled else _committed(settings, group.group_id, partitions)
            for topic in read & partitions.keys():
                found[topic].add(group.group_id)
    return {topic: sorted(names) for topic, names in found.items()}


def _described(admin: AdminClient) -> list[ConsumerGroupDescription]:
    listed = admin.list_consumer_groups(request_timeout=ANSWER_SECONDS).result(ANSWER_SECONDS)
    for error in listed.errors:  # of a broker that does not answer for its groups
        raise error
    names = [group.group_id for group in listed.valid]
    if not names:
        return []
    answers = admin.describe_consumer_groups(names, request_timeout=ANSWER_SECONDS)
    return [answer.result(ANSWER_SECONDS) for answer in answers.values()]


def _assigned(group: ConsumerGroupDescription) -> set[str]:
    places: Iterable[TopicPartition] = (
        place for member in group.members if member.assignment for place in member.assignment.topic_partitions
    )
    return {place.topic for place in places}


def _committed(settings: Settings, group: str, partitions: Mapping[str, int]) -> Collection[str]:
    reader = clients.offsets_reader(settings, group)
    try:
        places = [TopicPartition(topic, number) for topic, count in partitions.items() for number in range(count)]
        return {place.topic for place in reader.committed(places, ANSWER_SECONDS) if place.offset >= 0}
    finally:
        reader.close()
