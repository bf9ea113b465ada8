"""Lint: every rule over every connector. Pure.

A finding is silenced in the template, above the key that it points at, with a reason:

    {#- lint: ignore mongodb-ordered: a user may repeat within a batch, and the last record must win #}
    "bulk.write.ordered": "true",

`ignore-file` in place of `ignore` silences a rule for all that a file writes. Findings about a key that is not there
point at `connector.class`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from streamguard.connect.lint import (  # noqa: F401 - each registers its rules
    rules_common,
    rules_files,
    rules_iceberg,
    rules_keys,
    rules_letters,
    rules_mongodb,
    rules_security,
)
from streamguard.connect.lint.finding import Finding, Severity, finding
from streamguard.connect.lint.rule import RULES, Facts, Remark, Rule, Subject, rule
from streamguard.connect.lint.rules_iceberg import CONTROL
from streamguard.connect.secrecy.secrets import shown
from streamguard.connect.templates.environment import Silence
from streamguard.connect.templates.render import Connector
from streamguard.errors import Refused, StreamguardError
from streamguard.project import did_you_mean

ORDER = {"error": 0, "warning": 1}


@rule("ignore-without-reason", can_be_silenced=False)
def ignore_without_reason(s: Subject) -> Iterator[Remark]:
    """A finding that is silenced without a reason, or not in a way that streamguard reads.

    Write `{# lint: ignore RULE: reason #}`. Rules about secrets and names can not be silenced.
    """
    for silence in s.connector.silences:
        key = _key_at(s.connector, silence)
        if not silence.rules or not silence.reason:
            yield key, "a finding is silenced with its rule and a reason: {# lint: ignore RULE: reason #}"
        for name in silence.rules:
            if name not in RULES:
                yield key, f"there is no rule {name}{_near(name)}"
            elif not RULES[name].can_be_silenced:
                yield key, f"{name} can not be silenced"


@rule("unused-ignore", "warning", can_be_silenced=False)
def unused_ignore(_: Subject) -> Iterator[Remark]:
    """A silenced finding that there is not any more.

    Remove the comment. (Told of for keys that no parameter changes, in the connector's own template.)
    """
    return iter(())  # `lint` knows what was silenced


def all_rules() -> list[Rule]:
    """Every rule, by name."""
    return sorted(RULES.values(), key=lambda entry: entry.name)


def lint(connectors: Sequence[Connector], facts: Facts | None = None) -> list[Finding]:
    """What speaks against the connectors, errors first, without what is silenced."""
    facts = facts or Facts()
    rules = [entry for entry in RULES.values() if _can_run(entry, facts)]
    neighbours: dict[str, list[str]] = {}
    for connector in connectors:
        neighbours.setdefault(connector.config.get(CONTROL, ""), []).append(connector.name)
    found = [entry for connector in connectors for entry in _lint_one(Subject(connector, facts, neighbours), rules)]
    return sorted(found, key=lambda f: (ORDER[f.severity], f.connector, str(f.file), f.line, f.rule, f.key))


def lint_rendering(
    connectors: Sequence[Connector], failed: Mapping[str, StreamguardError], facts: Facts | None = None
) -> list[Finding]:
    """As `lint`, with the templates that did not render, by name, each as an error at its file and line."""
    unrendered = [_unrendered(name, error) for name, error in sorted(failed.items())]
    return [*unrendered, *lint(connectors, facts)]


def _unrendered(name: str, error: StreamguardError) -> Finding:
    place = re.match(r"(?P<file>.+?), line (?P<line>\d+)(, column \d+)?: (?P<text>.*)", str(error), re.DOTALL)
    if place is None:
        return Finding("render", "error", name, "", str(error), policy=isinstance(error, Refused))
    return Finding("render", "error", name, "", place["text"], Path(place["file"]), int(place["line"]), policy=True)


def of_values(unasked: Mapping[str, tuple[str, str]]) -> list[Finding]:
    """Values that no template asks for, by name, with place and hint; of no connector, and maybe meant for all."""
    made = []
    for name, (place, hint) in unasked.items():
        file, _, line = place.rpartition(", line ")
        text = f"no template asks for it{hint}"
        made.append(Finding("unused-value", "warning", "", name, text, Path(file), int(line)))
    return made


def errors(findings: Sequence[Finding]) -> list[Finding]:
    """Those that keep a connector from being deployed."""
    return [entry for entry in findings if entry.severity == "error"]


def refuse_secrets(connectors: Sequence[Connector]) -> None:
    """Raise `Refused` if a config holds a secret in clear; called before configs are printed."""
    for connector in connectors:
        for entry in (RULES["inline-secret"], RULES["looks-like-a-secret"]):
            for key, text in entry.check(Subject(connector)):
                made = _finding(connector, entry, key, text)
                if not is_silenced(connector, made):
                    raise Refused(f"{connector.name}: {made}")


def is_silenced(connector: Connector, made: Finding) -> bool:
    """Does a comment of the template silence this finding?"""
    entry = RULES.get(made.rule)
    return entry is not None and entry.can_be_silenced and bool(_silencing(connector, entry, made))


def _lint_one(subject: Subject, rules: Sequence[Rule]) -> list[Finding]:
    connector, facts = subject.connector, subject.facts
    found: list[Finding] = []
    used: set[Silence] = set()
    for entry in rules:
        for key, text in entry.check(subject):
            made = _finding(connector, entry, key, text)
            silences = _silencing(connector, entry, made) if entry.can_be_silenced else []
            used.update(silences)
            if not silences:
                found.append(made)
    return found + [_unused(connector, silence) for silence in _idle(connector, facts, used)]


def _can_run(entry: Rule, facts: Facts) -> bool:
    if entry.needs == "topics":
        return facts.topics is not None
    return entry.needs == "nothing" or facts.definitions.plugins is not None


def _finding(connector: Connector, entry: Rule, key: str, text: str) -> Finding:
    severity: Severity = entry.severity
    value = connector.config.get(key, "")
    harmless = shown(key, value) or ""
    if value and harmless != value:
        text = text.replace(value, harmless)
    return finding(connector, key, entry.name, text, severity=severity, policy=severity == "error")


def _silencing(connector: Connector, entry: Rule, made: Finding) -> list[Silence]:
    return [
        silence
        for silence in connector.silences
        if entry.name in silence.rules
        and silence.reason
        and silence.file == made.file
        and (silence.whole_file or silence.line == made.line)
    ]


def _idle(connector: Connector, facts: Facts, used: set[Silence]) -> Iterator[Silence]:
    for silence in connector.silences:
        runnable = silence.rules and all(name in RULES and _can_run(RULES[name], facts) for name in silence.rules)
        if not runnable or silence in used or silence.whole_file or silence.file != connector.template:
            continue
        here = [o for o in connector.origins.values() if o.file == silence.file and o.line == silence.line]
        if here and not any(origin.parameters for origin in here):
            yield silence


def _unused(connector: Connector, silence: Silence) -> Finding:
    key = _key_at(connector, silence)
    return _finding(connector, RULES["unused-ignore"], key, f"there is no finding of {', '.join(silence.rules)} here")


def _key_at(connector: Connector, silence: Silence) -> str:
    """The key that a comment stands above."""
    for key, origin in connector.origins.items():
        if origin.file == silence.file and origin.line == silence.line:
            return key
    return "connector.class"


def _near(name: str) -> str:
    hint = did_you_mean(name, RULES)
    return hint if hint.startswith(" (did") else ""
