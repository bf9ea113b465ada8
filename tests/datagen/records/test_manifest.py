"""A manifest gives a run again, without the project, without Kafka; what differs is told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.manifest import Entry, Manifest, differences, read_manifest, rederived, versions
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.sums import Account, Summer, Tally
from streamguard.errors import ProjectError, StorageError
from tests.datagen.small import DOCUMENT, FAULTS, TRUTH, world

RUN = Run(world(faults=FAULTS, truth=TRUTH), "r", 7, datetime(2026, 3, 1, tzinfo=UTC), counts={"person": 30})
COUNT = BLOCK + 100


@cache
def entry() -> Entry:
    source, summer, account = Source(RUN, "payments"), Summer(), Account()
    for block in source.blocks(0, COUNT):
        summer.take(block)
    account.add(summer.done() + summer.rest())
    return Entry.of(source, account)


def manifest() -> Manifest:
    return Manifest(RUN, (entry(),), versions())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    manifest().write(tmp_path / "run.json")
    return tmp_path / "run.json"


def test_a_manifest_gives_the_run_again(path: Path) -> None:
    found = read_manifest(path)
    assert found == manifest()
    assert differences(found) == []


def test_it_says_what_was_written(path: Path) -> None:
    document = orjson.loads(path.read_bytes())
    (stream,) = document["streams"]
    assert (stream["stream"], stream["topic"], stream["count"]) == ("payments", "payments", COUNT)
    assert len(stream["sha256"]) == 64
    assert set(stream["faults"]) == set(FAULTS)
    assert stream["campaigns"]["spending"] > 0
    assert stream["written"] == COUNT + stream["faults"]["duplicate"] - stream["faults"]["dropped"]
    assert document["run"]["seed"] == 7 and document["run"]["world_hash"] == RUN.world.digest
    assert document["world"]["streams"] == RUN.world.document["streams"]
    assert {"streamguard", "python", "numpy", "faker"} <= set(document["versions"])


def test_the_drift_of_campaigns_is_written_down() -> None:
    campaigns = {"spending": {**DOCUMENT["campaigns"]["spending"], "drift": [{"from": "2d", "times": 3}]}}
    document = Manifest(replace(RUN, world=world(campaigns=campaigns)), (), {}).document()
    assert document["drift"] == [{"campaign": "spending", "from": "2026-03-03T00:00:00+00:00", "times": 3.0}]


def other_tally(**changes: Any) -> Entry:
    return replace(entry(), tally=Tally.of({**entry().tally.document(), **changes}))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda: replace(entry(), sha256="0" * 64), "stream payments: the 4,196 records have the hash"),
        (lambda: other_tally(written=1), "written are 4,"),
        (lambda: other_tally(faults={}), "faults are .*, and the manifest says none"),
        (lambda: other_tally(counts={"fraudulent": 5}), "the manifest says fraudulent 5"),
    ],
)
def test_what_differs_is_a_sentence(changed: Callable[[], Entry], says: str) -> None:
    (sentence,) = differences(replace(manifest(), entries=(changed(),)))
    assert re.search(says, sentence)


def test_another_seed_differs_and_other_versions_are_named_with_it() -> None:
    told = {**versions(), "faker": "1.0"}
    sentences = differences(Manifest(replace(RUN, seed=8), (entry(),), told))
    assert any("have the hash" in sentence for sentence in sentences)
    assert sentences[-1] == f"made with other versions: faker {versions()['faker']} instead of 1.0"


def test_progress_is_told() -> None:
    seen: list[tuple[str, int, int]] = []
    differences(manifest(), show=lambda *at: seen.append(at))
    assert seen == [("payments", BLOCK, COUNT), ("payments", COUNT, COUNT)]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"null", b'{"manifest": 1, "run": {}, "world": {}}'])
def test_what_is_no_manifest_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=r"run\.json"):
        read_manifest(path)


def test_a_world_that_was_changed_in_the_manifest_is_refused(path: Path) -> None:
    document = orjson.loads(path.read_bytes())
    document["world"]["streams"]["payments"]["rate"] = 21
    path.write_bytes(orjson.dumps(document))
    with pytest.raises(ProjectError, match="the world small is not what it was then"):
        read_manifest(path)


def test_a_manifest_that_can_not_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="can not be read: No such file"):
        read_manifest(tmp_path / "missing.json")
    with pytest.raises(StorageError, match="can not be written: No such file"):
        manifest().write(tmp_path / "missing" / "run.json")


@pytest.mark.parametrize("watermark", [0, 1, BLOCK - 1, BLOCK, BLOCK + 50])
def test_a_run_that_goes_on_has_the_hash_of_one_that_was_not_interrupted(watermark: int) -> None:
    source, before = Source(RUN, "payments"), Account()
    before.add(_summed(source, 0, watermark).done())
    before.fold()
    after = Account.of(orjson.loads(orjson.dumps(before.document())))
    summer = rederived(source, after.number * BLOCK, watermark)
    for block in source.blocks(watermark, COUNT):
        summer.take(block)
    after.add(summer.done() + summer.rest())
    assert Entry.of(source, after) == entry()


def _summed(source: Source, first: int, stop: int) -> Summer:
    summer = Summer()
    for block in source.blocks(first, stop):
        summer.take(block)
    return summer
