"""Who reads a topic: the consumer groups that would get a record that is written to it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from streamguard.kafka import clients
from streamguard.kafka.topics import ANSWER_SECONDS
from streamguard.settings import Settings


def readers(settings: Settings, partitions: Mapping[str, int]) -> dict[str, list[str]]:
    """For each of some topics, given with their number of partitions, the groups that read it.

    A group whose members have settled reads what they are assigned; any other reads what it has committed offsets of,
    such as that of a connector that is stopped.
    """
    places = [TopicPartition(topic, number) for topic, count in partitions.items() for number in range(count)]
    found: defaultdict[str, set[str]] = defaultdict(set)
    with clients.translated(settings):
        # A client of its own: one that is kept would bring the process down when a group's coordinator changes, see
        # `clients.offsets_reader`, and a consumer for each of hundreds of groups takes seconds.
        admin = clients.admin(settings)
        groups = _described(admin)
        settled = {group.group_id: _assigned(group) for group in groups if group.state is ConsumerGroupState.STABLE}
        others = [group.group_id for group in groups if group.group_id not in settled]
        for group, topics in (settled | _committed(admin, others, places)).items():
            for topic in topics & partitions.keys():
                found[topic].add(group)
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
    assignments = (member.assignment for member in group.members if member.assignment)
    return {place.topic for assignment in assignments for place in assignment.topic_partitions}


def _committed(admin: AdminClient, groups: Sequence[str], places: Sequence[TopicPartition]) -> dict[str, set[str]]:
    asked = {
        group: admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, list(places))], request_timeout=ANSWER_SECONDS
        )[group]
        for group in groups
    }
    answers = {group: answer.result(ANSWER_SECONDS).topic_partitions for group, answer in asked.items()}
    return {group: {place.topic for place in found if place.offset >= 0} for group, found in answers.items()}
