"""What a message says: a group of decisions through a Jinja template, in a sandbox."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamguard.services.notifier.channels import Channel
from streamguard.services.notifier.decision import Decision, Reason, amount_text
from streamguard.services.notifier.grouping import Group, Item

LOG = logging.getLogger("streamguard.services.notifier")
TITLE = """\
{{ "TEST, nothing has happened. " if test }}{{ count }} decision{{ "s" if count != 1 }} of {{ pipeline }}, \
{% for name, number in actions.items() %}{{ number }} {{ name }}{{ ", " if not loop.last }}{% endfor %}: \
{{ severity }}{{ ", " ~ by ~ " " ~ value if value and by != "severity" }}"""
TEXT = """\
{{ title }}
{% for decision in decisions %}
- {{ decision.severity | upper }} {{ decision.action }}
  {%- if decision.amount is not none %} {{ decision.amount | money }} {{ decision.currency }}{% endif %}
  {%- if decision.account_id %}, account {{ decision.account_id }}{% endif %}
  {%- if decision.merchant_id %}, merchant {{ decision.merchant_id }}{% endif %}
  {%- if decision.event_time %}, {{ decision.event_time }}{% endif %}: {{ decision.decision_id }}
  {%- if decision.revision > 1 %} (revision {{ decision.revision }}){% endif %}
  {%- for reason in decision.reasons %}
    {{ reason.rule }}{{ ": " ~ reason.text if reason.text }}
  {%- endfor %}
{%- endfor %}
"""
SAMPLE = Decision(
    decision_id="d-sample",
    revision=1,
    action="decline",
    severity="critical",
    transaction_id="sample",
    account_id="ACC-00000000",
    card_hash="c0ffee00c0ffee00",
    user_id="user-00000000",
    merchant_id="M-0000",
    currency="EUR",
    amount=4321.0,
    score=95,
    reasons=(Reason("HIGH_AMOUNT", "the amount is above 3000"), Reason("VELOCITY", "5 transactions within a minute")),
    alert_ids=("HIGH_AMOUNT-sample",),
    event_time="2026-01-31T12:00:00.000Z",
    decided_at="2026-01-31T12:00:00.250Z",
)
"""What templates are checked with, and what a test message tells."""


@dataclass(frozen=True)
class Message:
    """What a channel sends. `document` is all of it as JSON; the `message_id` is the same if it is sent again."""

    message_id: str
    subject: str
    text: str
    document: Mapping[str, Any]


class _Environment(ImmutableSandboxedEnvironment):
    """A template that was edited by mistake takes no gigabytes: no powers, and no text times a number."""

    intercepted_binops = frozenset({"**", "*"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(value, int | float) for value in (left, right)):
            raise jinja2.TemplateRuntimeError(f"{operator} is for numbers only here, and ** for none")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Environment(undefined=jinja2.StrictUndefined, autoescape=False)
_ENVIRONMENT.filters["money"] = amount_text


def sample_group(by: str = "all", severity: str = SAMPLE.severity) -> Group:
    """A group of one made-up decision."""
    return Group(by, "", (Item(0, replace(SAMPLE, severity=severity)),))


def check_template(channel: Channel) -> None:
    """ValueError, with the reason, if a template of a channel can not be used."""
    for name, source in (("template", channel.template), ("subject", str(channel.options.get("subject", "")))):
        if source:
            try:
                _rendered(source, _context(channel, "sample", sample_group(), test=False))
            except jinja2.TemplateSyntaxError as exc:
                raise ValueError(f"line {exc.lineno} of the {name}: {exc.message}") from None
            except Exception as exc:  # noqa: BLE001  a template may raise anything
                raise ValueError(f"the {name} does not render: {exc}") from None


def message(channel: Channel, pipeline: str, group: Group, *, test: bool = False) -> Message:
    """The message of a group. A template that fails for these decisions is replaced by the built-in one."""
    context = _context(channel, pipeline, group, test=test)
    subject = " ".join(
        _either(channel, str(channel.options.get("subject", "")), f"[{pipeline}] {TITLE}", context).split()
    )
    text = _either(channel, channel.template, TEXT, context)
    message_id = group.message_id(channel.name)
    document = {
        "message_id": message_id,
        "pipeline": pipeline,
        "channel": channel.name,
        "test": test,
        "group": {"by": group.by, "value": context["value"]},
        "severity": group.severity,
        "count": len(group.items),
        "text": text,
        "decisions": [decision.document for decision in _shown(channel, group)],
    }
    return Message(message_id, subject, text, document)


def _shown(channel: Channel, group: Group) -> list[Decision]:
    """The decisions as the readers of a channel may see them."""
    return [item.decision.masked() if channel.mask else item.decision for item in group.items]


def _context(channel: Channel, pipeline: str, group: Group, *, test: bool) -> dict[str, Any]:
    escape: Callable[[Any], Any] = _slack_escaped if channel.kind == "slack" else lambda value: value
    shown = _shown(channel, group)
    value = shown[0].account_id if group.by == "account" else group.value
    context = {
        "test": test,
        "pipeline": pipeline,
        "channel": channel.name,
        "by": group.by,
        "value": escape(value),
        "severity": group.severity,
        "count": len(shown),
        "actions": dict(Counter(decision.action for decision in shown).most_common()),
        "decisions": [escape(decision.document) for decision in shown],
    }
    return {**context, "title": _rendered(TITLE, context)}


def _either(channel: Channel, own: str, built_in: str, context: Mapping[str, Any]) -> str:
    if own:
        try:
            return _rendered(own, context)
        except Exception as exc:  # noqa: BLE001  people are told, whatever a template does
            LOG.warning("a template of %s fails, the built-in one is used: %s", channel.name, type(exc).__name__)
    return _rendered(built_in, context)


def _rendered(source: str, context: Mapping[str, Any]) -> str:
    return _compiled(source).render(context).strip()


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(source)


def _slack_escaped(value: Any) -> Any:
    """Texts of records can not mention anybody or pose as a link."""
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(value, dict):
        return {key: _slack_escaped(each) for key, each in value.items()}
    return [_slack_escaped(each) for each in value] if isinstance(value, list | tuple) else value
