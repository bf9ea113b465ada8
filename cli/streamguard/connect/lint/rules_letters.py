"""Rules about records that can not be handled: tolerance, dead-letter topics, retries, what is logged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, rule

TOPIC = "errors.deadletterqueue.topic.name"
HEADERS = "errors.deadletterqueue.context.headers.enable"


@rule("dead-letter-loop")
def dead_letter_loop(s: Subject) -> Iterator[Remark]:
    """A dead-letter topic that the sink reads itself.

    Each record that it can not handle would come back to it. Kafka Connect refuses that, but not for MongoDB's sink,
    which defines `topics` itself. Name a topic of its own; a `topics.regex` must not match it.
    """
    topic = s.config.get(TOPIC, "")
    if not topic:
        return
    if topic in s.connector.topics:
        yield TOPIC, "is a topic that the sink reads"
    pattern = s.config.get("topics.regex", "")
    try:
        matches = bool(pattern) and re.fullmatch(pattern, topic) is not None
    except re.error:
        matches = False
    if matches:
        yield TOPIC, "is a topic that the sink reads: topics.regex matches it"


@rule("silent-loss")
def silent_loss(s: Subject) -> Iterator[Remark]:
    """Tolerance without a dead-letter topic.

    `errors.tolerance=all` skips what can not be handled. Without `errors.deadletterqueue.topic.name` nothing remains of
    it; a source connector has no dead-letter topic at all.
    """
    if s.config.get("errors.tolerance") == "all" and (not s.config.get(TOPIC) or not s.is_sink):
        yield "errors.tolerance", "all, without errors.deadletterqueue.topic.name, loses records silently"


@rule("unused-dead-letter-topic", "warning")
def unused_dead_letter_topic(s: Subject) -> Iterator[Remark]:
    """A dead-letter topic that gets nothing.

    Without `errors.tolerance=all` the first bad record fails the task, whatever topic is named.
    """
    if s.config.get(TOPIC) and s.get("errors.tolerance") in ("none", ""):
        yield TOPIC, "gets nothing without errors.tolerance=all: the first bad record fails the task"


@rule("dead-letter-context", "warning")
def dead_letter_context(s: Subject) -> Iterator[Remark]:
    """Dead letters that do not say where they come from.

    Without `errors.deadletterqueue.context.headers.enable=true` a record has neither its topic nor its error with it:
    it can not be grouped by cause, nor replayed.
    """
    if s.config.get(TOPIC) and not s.is_true(HEADERS):
        yield TOPIC, f"without {HEADERS}=true the records do not say why, and can not be replayed"


@rule("no-retries", "warning")
def no_retries(s: Subject) -> Iterator[Remark]:
    """Tolerance without retries.

    `errors.retry.timeout` is 0 by default, so that a moment without Schema Registry sends good records to the
    dead-letter topic. 60000 and more gives it time.
    """
    if s.config.get("errors.tolerance") == "all" and s.number("errors.retry.timeout") == 0:
        yield "errors.tolerance", "all, without errors.retry.timeout, gives up on a record at the first failure"


@rule("records-in-log", "warning")
def records_in_log(s: Subject) -> Iterator[Remark]:
    """Records in the worker's log.

    `errors.log.enable=true` writes the exception of each bad record into a log that other people read, and many quote
    a piece of the record (`Unrecognized token 'Smith'`): the headers of a dead letter say the same to those who may
    read the topic. `errors.log.include.messages=true` adds the place of a sink's record, and of a source's record its
    key, value and headers.
    """
    if s.is_true("errors.log.include.messages"):
        yield "errors.log.include.messages", "writes records into the worker's log: use a dead-letter topic"
    if s.is_true("errors.log.enable") and s.config.get(TOPIC) and s.is_true(HEADERS):
        yield "errors.log.enable", "exceptions quote pieces of records in the worker's log: dead letters have them too"
