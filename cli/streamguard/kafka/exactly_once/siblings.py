"""A consumer group that several processes share: what one needs to know of the others.

Every commit says in the offset's metadata who made it. Whoever gets a partition whose last owner is no longer in the
group ends that one's transaction, which would otherwise stay open, and withhold offsets and records, for as long as
`clients.TRANSACTION_TIMEOUT_MS` and the broker's next look at its transactions. An owner that is alive after all, and
had only been silent, is fenced by this: the partitions are no longer its own, and it begins again as a member.

A process that ends leaves the group by itself. For a static member librdkafka does not say so, because it may come
back; the others would then wait for the time of a session before they have its partitions.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition

from streamguard.errors import KafkaError
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.leaving import leave
from streamguard.kafka.exactly_once.steps import Steps

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.session import Membership

LOG = logging.getLogger("streamguard.kafka.exactly_once.loop")
OWNER = " by "
"""Between the text of a commit and its maker."""
SECONDS = 2.0
LEAVE_SECONDS = 1.0


class Siblings:
    """The other processes of our group."""

    def __init__(self, place: Membership, steps: Steps) -> None:
        self._place = place
        self._steps = steps
        self._name = place.instance.removeprefix(f"{place.group}.")
        self._buried: set[str] = set()

    def sign(self, text: str) -> str:
        """The metadata of a commit of ours."""
        return text + OWNER + self._name

    def begin(self) -> None:
        """Partitions are assigned anew: who was found dead before may have been alive since."""
        self._buried.clear()

    def bury(self, owners: Iterable[str]) -> bool:
        """End the transactions of owners that are gone; whether there was one to end."""
        strangers = {f"{self._place.group}.{owner}" for owner in owners if owner}
        strangers -= {self._place.instance, *self._buried}
        if not strangers:
            return False
        try:
            members = self._steps.made(self._place.clients.members, self._place.settings, self._place.group)
        except KafkaError:
            return False
        gone = strangers - members.keys()
        for transactional_id in sorted(gone):
            self._buried.add(transactional_id)
            self._end_transaction(transactional_id)
        return bool(gone)

    def _end_transaction(self, transactional_id: str) -> None:
        LOG.info("%s takes over from %s", self._place.instance, transactional_id)
        producer = self._place.clients.transactional_producer(self._place.settings, transactional_id)
        try:
            self._steps.made(producer.init_transactions, SECONDS, within=2 * SECONDS)
        except KafkaException as exc:  # then its time-out ends it
            LOG.warning("the transaction of %s was not ended: %s", transactional_id, exc)
        finally:
            clients.discard(producer)

    def are_none_of(self, partitions: list[TopicPartition]) -> bool:
        """Of partitions whose offsets are withheld: whether we were their last owner. Ends what another one left."""
        owners = self._owners(partitions)
        return not self.bury(owners) and set(owners) == {self._name}

    def _owners(self, partitions: list[TopicPartition]) -> list[str]:
        """Who committed last, also where a transaction that is still open withholds the offsets."""
        reader = clients.offsets_reader(self._place.settings, self._place.group)
        try:
            found = self._steps.made(reader.committed, partitions, SECONDS, within=2 * SECONDS)
        except KafkaException:
            return []
        finally:
            reader.close()
        return [unsigned(each)[1] for each in found]

    def leave(self) -> None:
        """Tell the group that we are gone, if there is anybody to take over. Takes a second at most."""
        place = self._place
        ended = threading.Thread(target=leave_to_others, args=(place,), name="leave", daemon=True)
        ended.start()
        ended.join(LEAVE_SECONDS)


def unsigned(partition: TopicPartition) -> tuple[TopicPartition, str]:
    """A committed offset without its maker, and the maker, which may be unknown."""
    text, signature, owner = (partition.metadata or "").rpartition(OWNER)
    if not signature:
        return partition, ""
    return TopicPartition(partition.topic, partition.partition, partition.offset, text), owner


def leave_to_others(place: Membership) -> None:
    """A static member may come back, so librdkafka does not say that it is gone; to nobody it need not be said."""
    try:
        members = place.clients.members(place.settings, place.group)
        if place.instance in members and len(members) > 1:
            leave(place.settings, place.group, members[place.instance], place.instance)
    except (KafkaError, OSError) as exc:
        LOG.warning("%s could not leave its group, which will notice: %s", place.instance, exc)
