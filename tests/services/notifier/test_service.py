"""How the notifier is put together: what it needs, what it says, and how it ends."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from streamguard.errors import Fenced, ProjectError, RecordRefused
from streamguard.model import Pipeline, Topic
from streamguard.project import Project, find_project
from streamguard.services.frame import Frame
from streamguard.services.notifier.service import (
    NO_CHANNEL,
    _say,
    counting,
    group_of,
    open_channels,
    require_topics,
    run_all,
)
from streamguard.settings import load
from tests.kafka.records import Written, record
from tests.services.notifier.made import value

SHIPPED = find_project(Path(__file__))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "init" / "p").mkdir(parents=True)
    return Project(tmp_path)


def counted(*, told: bool) -> Frame:
    frame = Frame(counting(load(Path("/nonexistent"), environ={}), Pipeline("p"), told=told))
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
    with caplog.at_level(logging.INFO, logger="streamguard"):
        _say(project, Pipeline("p"), [])
    assert "nobody is told" in caplog.text
    assert "notifications.yml" in caplog.text


def test_the_card_pipeline_has_the_topics_that_it_needs() -> None:
    require_topics(SHIPPED.pipeline("card"))
    with pytest.raises(ProjectError, match="no topic notifications-sent"):
        require_topics(Pipeline("p", (Topic("fraud-decisions", 6),)))


def test_every_channel_reads_in_a_group_of_its_own() -> None:
    assert group_of(Pipeline("card")) == "sg.card.notifier"
    assert group_of(Pipeline("card"), "desk") == "sg.card.notifier.desk"


def test_the_value_of_a_variable_may_stand_in_the_env_file_of_the_project(project: Project) -> None:
    (project.init / "p" / "notifications.yml").write_text("channels:\n  d: {kind: slack, url: '${env:SG_TEST_URL}'}\n")
    with pytest.raises(ProjectError, match="d needs SG_TEST_URL"):
        open_channels(project, Pipeline("p"))
    (project.root / ".env").write_text("SG_TEST_URL=http://127.0.0.1:1/x\n")
    ((channel, lookup),) = open_channels(project, Pipeline("p"))
    assert lookup("SG_TEST_URL") == "http://127.0.0.1:1/x"
    assert "127.0.0.1" not in repr(channel)


def test_the_error_of_one_loop_ends_the_others_and_is_the_one_that_is_told() -> None:
    stop = threading.Event()

    def fenced(_stop: threading.Event) -> None:
        raise Fenced("another one")

    def patient(stop: threading.Event) -> None:
        assert stop.wait(10)

    with pytest.raises(Fenced, match="another one"):
        run_all([patient, fenced, patient], stop)


def test_a_refusal_of_the_parser_is_one_of_the_frame() -> None:
    decide = counting(load(Path("/nonexistent"), environ={}), Pipeline("p"), told=True).decide
    assert decide is not None
    with pytest.raises(RecordRefused):
        decide(record(None))
