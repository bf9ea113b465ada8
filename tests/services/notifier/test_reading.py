"""Channels are read from a file; what is wrong with it is told at once, each with its line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.errors import ProjectError, UnknownName
from streamguard.project import find_project
from streamguard.services.notifier.channels import Filter, Grouping, Rate
from streamguard.services.notifier.reading import channels_file, find_channel, read_channels, require_variables
from tests.services.notifier.made import decision


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notifications.yml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(ProjectError) as refused:
        read_channels(file)
    return str(refused.value)


def test_no_file_no_text_and_no_channels_are_all_nobody(file: Path) -> None:
    assert read_channels(file) == ()
    for text in ("", "channels:\n", "channels: {}\n"):
        file.write_text(text)
        assert read_channels(file) == ()


def test_a_channel_needs_no_more_than_kind_and_address(file: Path) -> None:
    file.write_text("channels:\n  desk: {kind: slack, url: '${env:DESK_URL}'}\n")
    (channel,) = read_channels(file)
    assert (channel.name, channel.kind, channel.mask, channel.start) == ("desk", "slack", True, "now")
    assert channel.grouping == Grouping("rule", 10.0, 50)
    assert channel.rate == Rate(60.0, 5)
    assert channel.variables == ("DESK_URL",)


def test_the_shipped_file_tells_nobody_and_its_examples_can_be_taken(file: Path) -> None:
    project = find_project(Path(__file__))
    shipped = channels_file(project, project.pipeline("card"))
    assert read_channels(shipped) == ()
    file.write_text(shipped.read_text().replace("channels: {}", "channels:").replace("\n#  ", "\n  "))
    assert [channel.kind for channel in read_channels(file)] == ["slack", "email", "webhook"]


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_a_mail_server_has_the_port_of_its_kind(file: Path, tls: str, port: int) -> None:
    file.write_text(f"channels:\n  m: {{kind: email, host: h, tls: {tls}, from: a@b.c, to: [d@e.f]}}\n")
    assert read_channels(file)[0].options["port"] == port


def test_every_mistake_is_told_with_its_line_and_what_to_write(file: Path) -> None:
    told = refusal(
        file,
        """channels:
  Desk: {kind: slack, url: '${env:A}'}
  a: {kind: slak, url: x}
  b:
    kind: email
    host: h
    from: me
    to: []
    pasword: x
  c: {kind: webhook, url: 'https://a.b', group: {by: acount}, rate: {burst: 0}, min_severity: hi}
  d: {url: x}
channel: 1
""",
    ).splitlines()
    expected = {
        2: "lower-case letters",
        3: "slack, email or webhook (did you mean slack?)",
        7: "an e-mail address",
        8: "a list of e-mail addresses",
        9: "unknown key pasword (did you mean password?)",
        10: "(did you mean account?)",
        11: "kind missing: add `kind: …`",
        12: "unknown key channel (did you mean channels?)",
    }
    for line, text in expected.items():
        assert any(f"line {line}: " in each and text in each for each in told), (line, text, told)
    assert [int(each.split("line ")[1].split(":")[0]) for each in told] == sorted(
        int(each.split("line ")[1].split(":")[0]) for each in told
    )


@pytest.mark.parametrize(
    "text",
    [
        "channels:\n  a: {kind: slack, url: 'https://hooks.slack.com/services/S3CRET'}",
        "channels:\n  a: {kind: webhook, url: 'https://me:S3CRET@b.c'}",
        "channels:\n  a: {kind: webhook, url: 'https://b.c/?key=S3CRET'}",
        "channels:\n  a: {kind: webhook, url: 'https://b.c', headers: {Authorization: S3CRET}}",
        "channels:\n  a: {kind: webhook, url: 'https://b.c', headers: {X-Api-Key: S3CRET}}",
        "channels:\n  a: {kind: email, host: h, from: a@b.c, to: [a@b.c], username: '${env:U}', password: S3CRET}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(file: Path, text: str) -> None:
    told = refusal(file, text)
    assert "${env:NAME}" in told
    assert "S3CRET" not in told


def test_a_header_may_have_a_word_before_its_secret(file: Path) -> None:
    file.write_text("channels:\n  a: {kind: webhook, url: 'http://b.c', headers: {Authorization: 'Bearer ${env:T}'}}")
    assert read_channels(file)[0].variables == ("T",)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ decisions[0].acount }}", "acount"),
        ("{% if %}", "line 1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 'a' * 1000000000 }}", "numbers only"),
        ("{{ 9 ** 9 ** 9 }}", "**"),
    ],
)
def test_a_template_that_can_not_be_used_is_refused(file: Path, template: str, why: str) -> None:
    told = refusal(file, f'channels:\n  a:\n    kind: slack\n    url: ${{env:U}}\n    template: "{template}"\n')
    assert "line 5: " in told
    assert why in told


def test_a_channel_that_is_not_there_is_told_with_those_that_are(file: Path) -> None:
    file.write_text("channels:\n  desk: {kind: slack, url: '${env:DESK_URL}'}\n")
    with pytest.raises(UnknownName, match="did you mean desk"):
        find_channel(file, "desk2")


def test_a_variable_that_is_not_set_is_named(file: Path) -> None:
    file.write_text("channels:\n  desk: {kind: slack, url: '${env:DESK_URL}'}\n")
    with pytest.raises(ProjectError, match=r"line 2: desk needs DESK_URL: set it in the environment or in \.env"):
        require_variables(file, find_channel(file, "desk"), lambda _name: "")


def test_a_filter_takes_what_is_bad_enough_of_its_rules_and_actions() -> None:
    wanted = Filter("high", frozenset({"VELOCITY"}), frozenset({"decline"}))
    assert wanted.refuses(decision(1)) == ""
    assert wanted.refuses(decision(1, severity="medium")) == "severity"
    assert wanted.refuses(decision(0)) == "rule"
    assert wanted.refuses(decision(1, action="review")) == "action"
    assert Filter().refuses(decision(severity="low", reasons=())) == ""
