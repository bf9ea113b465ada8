"""The notifier: one loop that checks and counts all decisions, and one for each channel, which tells them.

Guarantee: every revision of a decision that a channel wants is told by it at least once. Twice only what was under way
when the process was killed or lost its place: one message for each channel; and what was published again after so long
that it is no longer among the decisions that are remembered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from streamguard.errors import KafkaError, ProjectError, TopicError
from streamguard.kafka import group_offsets, logs, metrics
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.batches import AskFirst
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.positions import Positions
from streamguard.kafka.sender import Sender
from streamguard.model import Pipeline
from streamguard.project import Project
from streamguard.services.frame import PATIENCE, Decision, Frame, Service, stop_on_signals
from streamguard.services.notifier.channels import Channel, Lookup
from streamguard.services.notifier.courier import Courier
from streamguard.services.notifier.decision import parse
from streamguard.services.notifier.delivery import NAME, Delivery
from streamguard.services.notifier.measures import Measures
from streamguard.services.notifier.reading import channels_file, read_channels, require_variables
from streamguard.services.notifier.senders import sender
from streamguard.services.notifier.told import TOPIC as SENT
from streamguard.services.notifier.told import Told
from streamguard.settings import Settings, variable_in

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Record

LOG = logging.getLogger("streamguard.services.notifier")
SOURCE = "fraud-decisions"
BATCH_RECORDS = 1_000
"""Decisions that a channel has in hand at most."""
LAST_MESSAGE_SECONDS = 2.0
"""What is under way gets at a stop."""
RETRY_SECONDS = 1.0
NO_CHANNEL = "no-channel"

Run = Callable[[threading.Event], None]


def run(settings: Settings, project: Project, pipeline: Pipeline, *, verbose: bool = False) -> None:
    """Run the notifier of a pipeline until SIGTERM or SIGINT, then return within 5 s; `Fenced` when another instance
    takes over.

    Raises:
        ProjectError: notifications.yml is wrong, or a variable that it names is not set.
        PortTaken: another process listens on the port.
    """
    logs.configure(settings, verbose=verbose)
    stop = stop_on_signals()
    require_topics(pipeline)
    channels = open_channels(project, pipeline)
    with metrics.listen(settings.notifier_port, NAME, address=settings.listen_address) as listener:
        send = Sender(settings)
        deliveries = [delivery(channel, lookup, pipeline, send) for channel, lookup in channels]
        frame = Frame(counting(settings, pipeline, told=bool(deliveries)))
        loops = [_counting_loop(settings, frame), *(_loop(settings, pipeline, each) for each in deliveries)]
        health = partial(_health, loops, deliveries, settings.kafka_bootstrap, time.monotonic())
        metrics.serve(listener, NAME, frame.counts, health, [Measures(deliveries)])
        _say(project, pipeline, [channel for channel, _ in channels])
        threading.Thread(target=_tell_of_waiting, args=(settings, loops, stop), daemon=True).start()
        first, *others = loops
        runs: list[Run] = [first.run]
        runs += [partial(_run_channel, settings, loop, each) for loop, each in zip(others, deliveries, strict=True)]
        try:
            run_all(runs, stop)
        finally:
            end = time.monotonic() + LAST_MESSAGE_SECONDS
            for each in deliveries:
                each.close(max(0.0, end - time.monotonic()))
    LOG.info("stopped", extra={"service": NAME})


def require_topics(pipeline: Pipeline) -> None:
    """`ProjectError` if the pipeline lacks a topic of the notifier's."""
    for topic in (SOURCE, SENT, dead_letters.topic_for(SOURCE)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the notifier needs")


def open_channels(project: Project, pipeline: Pipeline) -> list[tuple[Channel, Lookup]]:
    """The channels of a pipeline, whose variables are all set, each with what gives their values."""
    path, lookup = channels_file(project, pipeline), partial(variable_in, project.root)
    channels = read_channels(path)
    for channel in channels:
        require_variables(path, channel, lookup)
    return [(channel, lookup) for channel in channels]


def delivery(channel: Channel, lookup: Lookup, pipeline: Pipeline, send: Sender) -> Delivery:
    """What tells decisions through a channel."""
    told = Told(pipeline.name, channel.name, send)
    return Delivery(Courier(channel, pipeline.name, sender(channel, lookup), told.add), told)


def group_of(pipeline: Pipeline, channel: str = "") -> str:
    """The consumer group of the counting loop, or of a channel."""
    return f"sg.{pipeline.name}.{NAME}" + (f".{channel}" if channel else "")


def counting(settings: Settings, pipeline: Pipeline, *, told: bool) -> Service:
    """Counts decisions, and makes what is none a dead letter: once, however many channels there are."""

    def decide(record: Record) -> Decision:
        parse(record.value())
        return () if told else NO_CHANNEL

    return Service(NAME, group_of(pipeline), SOURCE, settings.notifier_port, decide=decide)


def _counting_loop(settings: Settings, frame: Frame) -> Loop:
    return Loop(
        settings,
        group=frame.service.group,
        topics=[SOURCE],
        handle=frame.handle,
        batch_records=frame.service.batch_records,
        on_commit=frame.counts.commit,
    )


def _loop(settings: Settings, pipeline: Pipeline, each: Delivery) -> Loop:
    channel = each.courier.channel
    return Loop(
        settings,
        group=group_of(pipeline, channel.name),
        topics=[SOURCE],
        handle=AskFirst(each.ask, each.handle),
        batch_records=BATCH_RECORDS,
        batch_wait=channel.grouping.seconds,
        prepare=each.told.prepare(settings),
        on_commit=each.counts.commit,
    )


def _run_channel(settings: Settings, loop: Loop, each: Delivery, stop: threading.Event) -> None:
    channel = each.courier.channel
    while channel.start == "now" and not stop.is_set():
        try:
            begin_now(settings, loop.group)
            break
        except TopicError:
            raise
        except KafkaError as exc:
            LOG.warning("%s waits: %s", channel.name, exc)
            stop.wait(RETRY_SECONDS)
    loop.run(stop)


def begin_now(settings: Settings, group: str) -> None:
    """Have a group that has never read anything begin with what comes next.

    Committed before anything is read: otherwise what comes before the first message would be lost with a process that
    dies until then. A partition that is added later is read from its beginning.
    """
    places = Positions(settings).places([SOURCE])
    readers = group_offsets.GroupReaders(settings)
    try:
        if readers.committed(group, places):
            return
    finally:
        readers.close()
    bounds = group_offsets.bounds(settings, places)
    group_offsets.commit(settings, group, {place: bounds[place].end for place in places})


def run_all(runs: Sequence[Run], stop: threading.Event) -> None:
    """Run all until they return; the first error stops the others, and is raised."""
    errors: list[BaseException] = []

    def guarded(each: Run) -> None:
        try:
            each(stop)
        except BaseException as exc:  # noqa: BLE001  raised below
            errors.append(exc)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(each,), daemon=True) for each in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _say(project: Project, pipeline: Pipeline, channels: Sequence[Channel]) -> None:
    if channels:
        for channel in channels:
            LOG.info("channel", extra={"channel": channel.name, "kind": channel.kind})
    else:
        LOG.warning("nobody is told: %s has no channel; decisions are counted", channels_file(project, pipeline))


def _health(
    loops: Sequence[Loop], deliveries: Sequence[Delivery], kafka: str, started: float
) -> tuple[str, Mapping[str, Any]]:
    """What is missing, "" if nothing is, and facts."""
    waiting = [loop.group for loop in loops if not loop.ready.is_set()]
    troubles = [trouble for each in deliveries if (trouble := each.courier.missing())]
    facts = {
        "channels": {each.courier.channel.name: each.courier.missing() or "ready" for each in deliveries},
        "messages": sum(each.courier.messages["sent"] for each in deliveries),
        "uptime_seconds": round(time.monotonic() - started, 1),
    }
    missing = f"Kafka at {kafka} has given no partition to {', '.join(waiting)}" if waiting else "; ".join(troubles)
    return missing, facts


def _tell_of_waiting(settings: Settings, loops: Sequence[Loop], stop: threading.Event) -> None:
    end = time.monotonic() + PATIENCE
    ready = [loop.ready.wait(max(0.0, end - time.monotonic())) for loop in loops]
    if not all(ready) and not stop.is_set():
        at = settings.kafka_bootstrap
        LOG.warning("%s waits: Kafka at %s has given it no partition yet; does it answer there?", NAME, at)
