"""How the notifier is put together: what it needs, what it says, and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from streamguard.errors import ProjectError, RecordRefused
from streamguard.model import Pipeline, Topic
from streamguard.project import Project, find_project
from streamguard.services.frame import Frame
from streamguard.services.notifier.channels import Channel, Lookup
from streamguard.services.notifier.reading import channels_file
from streamguard.services.notifier.service import (
    NO_CHANNEL,
    _take,
    channels_in,
    counting,
    group_of,
    require_topics,
)
from streamguard.services.notifier.tellers import Tellers
from streamguard.services.watched import Watched
from streamguard.settings import load, variable_in
from tests.kafka.records import Written, record
from tests.services.notifier.made import value

SHIPPED = find_project(Path(__file__))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "init" / "p").mkdir(parents=True)
    return Project(tmp_path)


def counted(*, told: bool) -> Frame:
    frame = Frame(counting(load(Path("/nonexistent"), environ={}), Pipeline("p"), told=lambda: told))
    handle = frame.handle
    assert not hasattr(handle, "ask")
    handle([record(value(1)), record(b"{")], Written())
    frame.counts.commit()
    return frame


def test_decisions_are_counted_and_what_is_none_becomes_one_dead_letter() -> None:
    totals, _ = counted(told=True).counts.totals()
    assert totals["out",] == 1
    assert totals["dead_letter", "bank-transactions-dead-letter", "E_JSON"] == 1


def test_without_a_channel_decisions_are_counted_as_told_to_nobody() -> None:
    totals, _ = counted(told=False).counts.totals()
    assert totals["filtered", NO_CHANNEL] == 1


def test_without_a_channel_it_says_so(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    path = channels_file(project, Pipeline("p"))
    nothing: tuple[Channel, ...] = ()
    watched = Watched(path, lambda _content: nothing, what="channels", log=logging.getLogger())
    _take(Tellers(lambda _channel: pytest.fail("there is none")), watched, ())
    assert f"nobody is told: {path} has no channel" in caplog.text


def test_the_card_pipeline_has_the_topics_that_it_needs() -> None:
    require_topics(SHIPPED.pipeline("card"))
    with pytest.raises(ProjectError, match="no topic notifications-sent"):
        require_topics(Pipeline("p", (Topic("fraud-decisions", 6),)))


def test_every_channel_reads_in_a_group_of_its_own() -> None:
    assert group_of(Pipeline("card")) == "sg.card.notifier"
    assert group_of(Pipeline("card"), "desk") == "sg.card.notifier.desk"


def reading(project: Project) -> tuple[Path, Callable[[], tuple[Channel, ...]], Lookup]:
    """The file, what reads it as it is now, and what looks variables up."""
    path, lookup = channels_file(project, Pipeline("p")), partial(variable_in, project.root)
    read = channels_in(project, Pipeline("p"), lookup)
    return path, lambda: read(path.read_bytes() if path.exists() else None), lookup


def test_the_value_of_a_variable_may_stand_in_the_env_file_of_the_project(project: Project) -> None:
    path, read, lookup = reading(project)
    path.write_text("channels:\n  d: {kind: slack, url: '${env:SG_TEST_URL}'}\n")
    with pytest.raises(ProjectError, match="d needs SG_TEST_URL"):
        read()
    (project.root / ".env").write_text("SG_TEST_URL=http://127.0.0.1:1/x\n")
    (channel,) = read()
    assert lookup("SG_TEST_URL") == "http://127.0.0.1:1/x"
    assert "127.0.0.1" not in repr(channel)


def test_a_file_may_be_missing_and_must_not_vanish(project: Project) -> None:
    path, read, _ = reading(project)
    assert read() == ()
    path.write_text("channels: {}")
    assert read() == ()
    path.unlink()
    with pytest.raises(ProjectError, match=r"is gone: .* write `channels: \{\}` into it"):
        read()


def test_a_refusal_of_the_parser_is_one_of_the_frame() -> None:
    decide = counting(load(Path("/nonexistent"), environ={}), Pipeline("p"), told=bool).decide
    assert decide is not None
    with pytest.raises(RecordRefused):
        decide(record(None))
