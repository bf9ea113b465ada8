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

from streamguard.errors import ProjectError
from streamguard.kafka import logs, metrics
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.loop import Loop
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
from streamguard.services.notifier.tellers import Teller, Tellers
from streamguard.services.notifier.told import TOPIC as SENT
from streamguard.services.notifier.told import Told
from streamguard.services.together import Together
from streamguard.services.watched import Watched
from streamguard.settings import Settings, variable_in

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Record

LOG = logging.getLogger("streamguard.services.notifier")
SOURCE = "fraud-decisions"
NO_CHANNEL = "no-channel"


def run(settings: Settings, project: Project, pipeline: Pipeline, *, verbose: bool = False) -> None:
    """Run the notifier of a pipeline until SIGTERM or SIGINT, then return within 5 s; `Fenced` when another instance
    takes over. An edit of notifications.yml begins, ends and changes channels; a wrong one changes nothing.

    Raises:
        ProjectError: notifications.yml is wrong from the start, or a variable that it names is not set.
        PortTaken: another process listens on the port.
    """
    logs.configure(settings, verbose=verbose)
    stop = stop_on_signals()
    require_topics(pipeline)
    together, lookup = Together(stop), partial(variable_in, project.root)
    watched = Watched(
        channels_file(project, pipeline), channels_in(project, pipeline, lookup), what="channels", log=LOG
    )
    with metrics.listen(settings.notifier_port, NAME, address=settings.listen_address) as listener:
        send = Sender(settings)

        def begin(channel: Channel) -> Teller:
            own = delivery(channel, lookup, pipeline, send)
            return Teller(settings, group_of(pipeline, channel.name), SOURCE, own, together)

        tellers = Tellers(begin)
        frame = Frame(counting(settings, pipeline, told=lambda: bool(tellers.now)))
        counted = _counting_loop(settings, frame)

        def loops() -> list[Loop]:
            return [counted, *(each.loop for each in tellers.now)]

        health = partial(_health, loops, tellers, watched, settings.kafka_bootstrap, time.monotonic())
        metrics.serve(listener, NAME, frame.counts, health, [Measures(tellers, watched)])
        take = partial(_take, tellers, watched)
        take(watched.value)
        together.start(counted.run)
        together.start(lambda until: watched.watch(until, take))
        threading.Thread(target=_tell_of_waiting, args=(settings, loops(), stop), daemon=True).start()
        stop.wait()
        tellers.stop()
        together.join()
        tellers.close()
        together.raise_first()
    LOG.info("stopped", extra={"service": NAME})


def require_topics(pipeline: Pipeline) -> None:
    """`ProjectError` if the pipeline lacks a topic of the notifier's."""
    for topic in (SOURCE, SENT, dead_letters.topic_for(SOURCE)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the notifier needs")


def channels_in(project: Project, pipeline: Pipeline, lookup: Lookup) -> Callable[[bytes | None], tuple[Channel, ...]]:
    """What reads the channels of a pipeline, whose variables are all set. A file that was there must not vanish."""
    path, there = channels_file(project, pipeline), threading.Event()

    def read(content: bytes | None) -> tuple[Channel, ...]:
        if content is None and there.is_set():
            raise ProjectError(f"{path} is gone: to tell nobody any more, write `channels: {{}}` into it")
        channels = read_channels(path)
        for channel in channels:
            require_variables(path, channel, lookup)
        if content is not None:
            there.set()
        return channels

    return read


def delivery(channel: Channel, lookup: Lookup, pipeline: Pipeline, send: Sender) -> Delivery:
    """What tells decisions through a channel."""
    told = Told(pipeline.name, channel.name, send)
    return Delivery(Courier(channel, pipeline.name, sender(channel, lookup), told.add), told)


def group_of(pipeline: Pipeline, channel: str = "") -> str:
    """The consumer group of the counting loop, or of a channel."""
    return f"sg.{pipeline.name}.{NAME}" + (f".{channel}" if channel else "")


def counting(settings: Settings, pipeline: Pipeline, *, told: Callable[[], bool]) -> Service:
    """Counts decisions, and makes what is none a dead letter: once, however many channels there are. `told`: is there
    any?"""

    def decide(record: Record) -> Decision:
        parse(record.value())
        return () if told() else NO_CHANNEL

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


def _take(tellers: Tellers, watched: Watched[tuple[Channel, ...]], channels: Sequence[Channel]) -> None:
    tellers.take(channels)
    if not channels:
        LOG.warning("nobody is told: %s has no channel; decisions are counted", watched.path)


def _health(
    loops: Callable[[], Sequence[Loop]],
    tellers: Tellers,
    watched: Watched[tuple[Channel, ...]],
    kafka: str,
    started: float,
) -> tuple[str, Mapping[str, Any]]:
    """What is missing, "" if nothing is, and facts."""
    waiting = [loop.group for loop in loops() if not loop.ready.is_set()]
    couriers = [each.delivery.courier for each in tellers.now]
    facts = {
        "channels": {each.channel.name: each.missing() or "ready" for each in couriers},
        "messages": sum(each.messages["sent"] for each in couriers),
        "refused_channels": watched.trouble,
        "uptime_seconds": round(time.monotonic() - started, 1),
    }
    troubles = "; ".join(trouble for each in couriers if (trouble := each.missing()))
    return f"Kafka at {kafka} has given no partition to {', '.join(waiting)}" if waiting else troubles, facts


def _tell_of_waiting(settings: Settings, loops: Sequence[Loop], stop: threading.Event) -> None:
    end = time.monotonic() + PATIENCE
    ready = [loop.ready.wait(max(0.0, end - time.monotonic())) for loop in loops]
    if not all(ready) and not stop.is_set():
        at = settings.kafka_bootstrap
        LOG.warning("%s waits: Kafka at %s has given it no partition yet; does it answer there?", NAME, at)
