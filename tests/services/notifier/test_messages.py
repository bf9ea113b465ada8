"""A message says what was decided, to whom it may be said, in words of the channel."""

from __future__ import annotations

import json

import pytest

from streamguard.services.notifier.decision import Reason
from streamguard.services.notifier.grouping import Group, Item, groups
from streamguard.services.notifier.messages import message, sample_group
from tests.services.notifier.made import channel, decision, items


def group(*decisions: object) -> Group:
    return Group("all", "", tuple(Item(number, each) for number, each in enumerate(decisions)))  # type: ignore[arg-type]


def test_the_built_in_text_has_every_decision_and_every_reason() -> None:
    (all_of_them,) = groups(items(30), "all", 50)
    text = message(channel(), "card", all_of_them).text
    assert text.startswith("30 decisions of card, 30 decline: high")
    assert all(f"d-{number}" in text for number in range(30))
    assert text.count("because") == 30


def test_a_message_about_an_account_names_its_end_only() -> None:
    (first, *_) = groups(items(7), "account", 50)
    made = message(channel(grouping=channel().grouping), "card", first)
    assert "account ****0000" in made.subject
    assert "ACC-" not in made.subject + made.text + json.dumps(made.document)


def test_whole_ids_are_told_where_a_channel_wants_them() -> None:
    made = message(channel(mask=False), "card", group(decision(1)))
    assert made.document["decisions"][0]["account_id"] == "ACC-00000001"
    assert "ACC-00000001" in made.text


def test_no_record_can_mention_people_or_make_a_link_in_slack() -> None:
    hostile = decision(merchant_id="<!channel> & <https://evil|bank>", reasons=(Reason("R", "<@U1>"),))
    text = message(channel("slack"), "card", group(hostile)).text
    assert "<" not in text
    assert "&lt;!channel&gt; &amp; &lt;https://evil|bank&gt;" in text


def test_a_subject_is_one_line_whatever_a_record_says() -> None:
    options = {"subject": "{{ decisions[0].merchant_id }}"}
    made = message(channel("email", options=options), "card", group(decision(merchant_id="a\r\nBcc: you@b.c")))
    assert made.subject == "a Bcc: you@b.c"


def test_a_template_of_the_channel_is_used() -> None:
    template = "{{ count }} for {{ channel }}: {% for d in decisions %}{{ d.decision_id }} {% endfor %}"
    assert message(channel(template=template), "card", group(decision(1), decision(2))).text == "2 for desk: d-1 d-2"


def test_a_template_that_fails_for_a_decision_does_not_keep_it_from_being_told() -> None:
    failing = channel(template="{{ decisions[0].amount + 1 }}")
    assert message(failing, "card", group(decision(amount=1.0))).text == "2.0"
    assert "d-0" in message(failing, "card", group(decision(amount="1.00"))).text


def test_a_template_can_not_reach_what_is_not_told() -> None:
    escape = channel(template="{{ decisions.__class__.__base__.__subclasses__() }}")
    assert "d-0" in message(escape, "card", group(decision())).text


@pytest.mark.parametrize("kind", ["slack", "webhook", "email"])
def test_a_test_message_says_that_it_is_one(kind: str) -> None:
    made = message(channel(kind), "card", sample_group(), test=True)
    assert made.text.startswith("TEST, nothing has happened")
    assert "TEST" in made.subject
    assert made.document["test"] is True


def test_the_severity_of_a_message_is_the_highest() -> None:
    mixed = group(decision(severity="low"), decision(1, severity="critical"), decision(2, severity="medium"))
    assert message(channel(), "card", mixed).document["severity"] == "critical"
