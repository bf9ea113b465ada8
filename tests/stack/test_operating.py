"""Stop, offsets and deletion on two real workers: what one is told is seen by the other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest

from streamguard.commands import run
from streamguard.connect.rest.answers import Offset
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError
from streamguard.kafka import group_offsets
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.group_offsets import GroupReaders
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until

NAME = f"operating-{os.getpid()}"
OTHER = f"{NAME}-other"
"""A topic that the sink does not read."""
RECORDS = 300
PLACES = [(NAME, number) for number in range(3)]
CONFIG = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "tasks.max": "2",
    "topics": NAME,
    "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
    "database": NAME,
    "collection": "rows",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


@pytest.fixture(scope="module")
def clients(workers: tuple[str, str], settings: Settings) -> Iterator[tuple[ConnectClient, ConnectClient]]:
    """A client of each worker, and a sink that writes each record once more each time that it reads it."""
    cluster = Cluster(settings)
    cluster.create({NAME: (len(PLACES), 1), OTHER: (1, 1)})
    writer = producer(settings)
    for number in range(RECORDS):
        writer.produce(NAME, json.dumps({"number": number}).encode(), str(number).encode())
    assert writer.flush(10) == 0
    first, second = (ConnectClient(url) for url in workers)
    first.create(NAME, CONFIG)
    yield first, second
    if NAME in first.connectors():
        first.delete(NAME)
    cluster.delete([NAME, OTHER])
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as mongodb:
        mongodb[NAME]["rows"].drop()


def rows(settings: Settings) -> int:
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as client:
        return client[NAME]["rows"].count_documents({})


def eventually(look: Callable[[], Any], wanted: Any, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while (seen := look()) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    assert seen == wanted


def command(project: Project, settings: Settings, url: str, *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STREAMGUARD_KAFKA_BOOTSTRAP", settings.kafka_bootstrap)
        return run(["--project", str(project.root), "connectors", *arguments, "--url", url])


def ends(settings: Settings) -> dict[tuple[str, int], int]:
    return {place: found.end for place, found in group_offsets.bounds(settings, PLACES).items()}


def test_offsets_are_altered_while_it_is_stopped_and_only_those_that_kafka_has(
    clients: tuple[ConnectClient, ConnectClient],
    workers: tuple[str, str],
    project: Project,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = clients
    eventually(lambda: rows(settings), RECORDS)
    with pytest.raises(ConnectError, match="must be in the STOPPED state"):
        second.alter_offsets(NAME, [Offset(NAME, 0, 0)])
    assert command(project, settings, workers[1], "stop", NAME, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "STOPPED"
    assert first.status(NAME).tasks == ()
    assert first.restart(NAME).parts == ("connector",), "a worker says that it restarts what is STOPPED"
    assert first.status(NAME).tasks == ()

    second.alter_offsets(NAME, [Offset(NAME, 0, 99_999), Offset(OTHER, 0, 0), Offset(NAME, 1, None)])
    assert {(one.topic, one.partition): one.offset for one in first.offsets(NAME)} == {
        (NAME, 0): 99_999,
        (NAME, 2): ends(settings)[NAME, 2],
        (OTHER, 0): 0,
    }, "a worker takes an offset beyond the end, and one of a topic that the sink does not read"
    with pytest.raises(ConnectError, match=r"Failed to (alter|modify)"):
        second.alter_offsets(NAME, [Offset("no-such-topic", 0, 0)])
    assert command(project, settings, workers[0], "offsets", "set", NAME, f"{NAME}=99999", "--yes") == 3
    assert "has the offsets 0 to" in capsys.readouterr().err

    assert command(project, settings, workers[0], "offsets", "reset", NAME, "--yes", "-o", "json") == 0
    moves = json.loads(capsys.readouterr().out)
    assert [(move["partition"], move["after"]) for move in moves] == [(0, 0), (1, 0), (2, 0)]
    wait_until(lambda: first.status(NAME).state == "STOPPED", "it is as it was before")
    assert command(project, settings, workers[1], "resume", NAME) == 0
    eventually(lambda: rows(settings), 2 * RECORDS)


def test_a_deleted_connector_goes_on_where_it_was_and_anew_with_reset_offsets(
    clients: tuple[ConnectClient, ConnectClient], workers: tuple[str, str], project: Project, settings: Settings
) -> None:
    first, second = clients
    assert command(project, settings, workers[0], "stop", NAME) == 0  # so that everything is committed
    assert command(project, settings, workers[1], "delete", NAME, "--yes") == 0
    readers = GroupReaders(settings)
    assert readers.committed(f"connect-{NAME}", PLACES) == ends(settings), "the group stays"
    second.create(NAME, CONFIG, "stopped")
    wait_until(lambda: NAME in first.connectors(), "the other worker has heard of it")
    assert {(one.topic, one.partition): one.offset for one in first.offsets(NAME) if one.topic == NAME} == ends(
        settings
    )
    assert command(project, settings, workers[0], "delete", f"{NAME}*", "--reset-offsets", "--yes") == 0
    assert readers.committed(f"connect-{NAME}", PLACES) == {}
    readers.close()
    wait_until(lambda: NAME not in second.connectors(), "the other worker has heard of it")
