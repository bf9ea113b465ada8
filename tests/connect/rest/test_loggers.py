from __future__ import annotations

import pytest

from streamguard.connect.rest.answers import Logger
from streamguard.connect.rest.loggers import leaks, level_of, notable, parse_duration, set_for
from streamguard.errors import UnknownName
from tests.connect.conftest import Answer, Script

LISTED = {"root": {"level": "WARN"}, "a.b": {"level": "INFO"}, "a.b.c": {"level": "INFO"}, "x": {"level": "WARN"}}


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("1.5h", 5400), ("90", 90)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10d", "-1m", "0s", "1e9"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UnknownName, match="is no duration"):
        parse_duration(text)


def test_of_hundreds_of_loggers_those_that_differ_from_what_is_above_them_are_shown() -> None:
    listed = [Logger(name, entry["level"]) for name, entry in LISTED.items()]
    assert [logger.name for logger in notable(listed)] == ["root", "a.b"]


def test_a_logger_that_is_not_listed_logs_like_the_nearest_above_it(script: Script) -> None:
    script.rest = Answer(body=LISTED)
    assert level_of(script.client(), "a.b.d.e") == "INFO"
    assert level_of(script.client(), "nowhere") == "WARN"


@pytest.mark.parametrize("ends", [None, KeyboardInterrupt, SystemExit])
def test_the_level_is_set_back_whatever_ends_the_wait(script: Script, ends: type[BaseException] | None) -> None:
    script.answers = [Answer(body=LISTED), Answer(204), Answer(204), Answer(body=LISTED)]

    def wait() -> None:
        if ends is not None:
            raise ends

    if ends is None:
        assert set_for(script.client(), "a.b", "TRACE", "cluster", wait=wait) == ("INFO", "INFO")
    else:
        with pytest.raises(ends):
            set_for(script.client(), "a.b", "TRACE", "cluster", wait=wait)
    puts = [(asked.path, asked.body) for asked in script.asked if asked.method == "PUT"]
    path = "/admin/loggers/a.b?scope=cluster"
    assert puts == [(path, {"level": "TRACE"}), (path, {"level": "INFO"})]


def test_the_next_one_finds_the_level_of_before_since_it_is_waited_for(script: Script) -> None:
    late = Answer(body={"a": {"level": "TRACE"}})
    script.answers = [Answer(body={"a": {"level": "INFO"}}), Answer(204), Answer(204), late, late]
    script.rest = Answer(body={"a": {"level": "INFO"}})
    looks: list[float] = []
    levels = set_for(script.client(), "a", "TRACE", "cluster", wait=lambda: None, sleep=looks.append)
    assert levels == ("INFO", "INFO")
    assert len(looks) == 2
    script.answers, script.rest = [Answer(body={"a": {"level": "INFO"}}), Answer(204), Answer(204)], late
    times = iter(range(0, 100, 3))
    levels = set_for(
        script.client(), "a", "TRACE", "cluster", wait=lambda: None, clock=lambda: next(times), sleep=looks.append
    )
    assert levels == ("INFO", "TRACE")


@pytest.mark.parametrize(
    ("name", "level", "wanted"),
    [
        ("root", "INFO", True),
        ("org.apache.kafka.connect.runtime.ConnectorConfig", "DEBUG", True),
        ("org.apache.kafka.common.config.AbstractConfig", "INFO", True),
        ("org.apache.kafka.common.config.AbstractConfig", "ERROR", False),
        ("org.apache.iceberg.connect.channel", "DEBUG", False),
    ],
)
def test_levels_at_which_workers_log_resolved_configs_are_known(name: str, level: str, wanted: bool) -> None:
    assert leaks(name, level) is wanted
