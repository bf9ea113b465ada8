"""The rules in force: an edit counts; a mistake does not, and it is told. `test_watched` has how files are saved."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from streamguard.errors import ProjectError
from streamguard.services.decider.decisions import decide
from streamguard.services.decider.facts import NEW
from streamguard.services.decider.rules import rules_of
from streamguard.services.decider.watching import LOG, Rulebook
from tests.services.decider.rulebooks import PLAIN
from tests.services.decider.samples import PURCHASE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(PLAIN)
    return path


def edited() -> str:
    """With the account of PURCHASE on the blacklist, and as long as before."""
    return PLAIN.replace("[a-666]", "[ a-1 ]")


def is_declined(rulebook: Rulebook) -> bool:
    return decide(PURCHASE, [], NEW, rulebook.rules).action == "decline"


def look_twice(rulebook: Rulebook) -> None:
    rulebook.refresh()
    rulebook.refresh()


def test_an_edit_of_the_blacklist_counts_and_the_log_has_its_version(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rulebook = Rulebook(file)
    assert not is_declined(rulebook)
    file.write_text(edited())
    with caplog.at_level(logging.INFO, logger=LOG.name):
        look_twice(rulebook)
    assert is_declined(rulebook)
    assert (rulebook.taken, rulebook.refused, rulebook.trouble) == (1, 0, "")
    (told,) = caplog.records
    assert vars(told)["version"] == rulebook.rules.version


def test_a_version_with_a_mistake_is_refused_and_the_one_before_stays(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rulebook = Rulebook(file)
    before = rulebook.rules
    file.write_text(PLAIN.replace("account.mean", "acount.mean"))
    with caplog.at_level(logging.ERROR, logger=LOG.name):
        for _ in range(5):
            rulebook.refresh()
    assert rulebook.rules is before
    assert len(caplog.records) == 1
    assert rulebook.trouble.startswith(f"{file}, line 20, column 25: ")
    assert rulebook.trouble.endswith("(and 1 more)")
    file.write_text(edited())
    look_twice(rulebook)
    assert (rulebook.trouble, rulebook.taken, rulebook.refused) == ("", 1, 1)


@pytest.mark.parametrize("content", [b"", b"\xff", b"a: [", None])
def test_what_is_no_file_of_rules_is_refused(file: Path, content: bytes | None) -> None:
    rulebook = Rulebook(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    look_twice(rulebook)
    assert rulebook.trouble.startswith(str(file))
    file.write_text(PLAIN)
    look_twice(rulebook)
    assert rulebook.trouble == ""


def test_a_mistake_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"rules\.yml can not be read"):
        Rulebook(tmp_path / "rules.yml")


def test_prometheus_sees_whether_the_file_is_in_force(file: Path) -> None:
    rulebook, registry = Rulebook(file), CollectorRegistry()
    registry.register(rulebook)
    assert "streamguard_rules_valid 1.0" in generate_latest(registry).decode()
    version = rulebook.rules.version
    file.write_text("a: 1")
    look_twice(rulebook)
    told = generate_latest(registry).decode()
    assert "streamguard_rules_valid 0.0" in told
    assert 'streamguard_rules_reloads_total{result="refused"} 1.0' in told
    assert f'streamguard_rules_info{{version="{version}"}} 1.0' in told


def test_an_edit_counts_within_a_second(file: Path) -> None:
    rulebook, stop = Rulebook(file), threading.Event()
    watching = threading.Thread(target=rulebook.watch, args=(stop,))
    watching.start()
    began = time.monotonic()
    file.write_text(edited())
    while not is_declined(rulebook) and time.monotonic() < began + 10:
        time.sleep(0.02)
    took = time.monotonic() - began
    stop.set()
    watching.join(5)
    assert not watching.is_alive()
    assert took < 1


@given(st.data())
def test_any_edit_is_right_or_refused_with_the_file(data: st.DataObject) -> None:
    text = PLAIN
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(
            st.sampled_from(["", "\n", "  ", ":", "- ", "{", "}", "'", '"', "&a ", "*a", "|", "0", "~"])
            | st.text(max_size=3)
        )
        text = text[:at] + put + text[at + data.draw(st.integers(0, 20)) :]
    try:
        rules_of(Path("rules.yml"), text)
    except ProjectError as exc:
        assert str(exc).startswith("rules.yml")
