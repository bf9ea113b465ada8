"""What the decider decides by: `init/NAME/rules.yml`, read, checked and compiled. The shipped one has all the words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from streamguard.errors import ProjectError, RuleError
from streamguard.model import Pipeline
from streamguard.project import Project, did_you_mean, read_text, yaml_in
from streamguard.services.decider.expressions.compile import condition
from streamguard.services.decider.expressions.kinds import Run
from streamguard.services.decider.expressions.template import Fill, template
from streamguard.services.decider.facts import Transaction
from streamguard.services.decider.mistakes import mistakes_in
from streamguard.services.decider.outcomes import ACTIONS, SEVERITIES, Decision, Outcome
from streamguard.services.decider.places import Places

FILE = "rules.yml"
PUBLISHED = ("review", "decline")
BLACKLISTS = {
    "accounts": "account_id",
    "cards": "card_hash",
    "users": "user_id",
    "merchants": "merchant_id",
    "countries": "country",
}
"""The blacklists and the fields that they are about."""
NEVER = 101
"""A threshold that no score reaches."""
DAY = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


class Blacklist(NamedTuple):
    """`field` is the number of a transaction's field; the reason's rule and text are the same for each entry."""

    rule: str
    text: str
    field: int
    entries: frozenset[str]
    outcome: Outcome


class Journey(NamedTuple):
    """Where a known traveller is from `first` to before `end`, in milliseconds since 1970."""

    countries: frozenset[str]
    first: int
    end: int


class Rule(NamedTuple):
    """A condition of the file, as it was written, and what it counts."""

    name: str
    when: Run
    outcome: Outcome
    text: Fill
    shown: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a file. `version` is the hash of what they mean: it stays when a comment changes.

    A known traveller's alerts of the rules in `weakened` count no more than `count_as`. `review` and `decline` are
    thresholds of the score. `approved` is the decision about a transaction that nothing is said about.
    """

    version: str
    publish: frozenset[str]
    blacklists: tuple[Blacklist, ...]
    journeys: Mapping[str, tuple[Journey, ...]]
    weakened: frozenset[str]
    count_as: Outcome
    alerts: Mapping[str, Outcome]
    other_alerts: Mapping[str, Outcome]
    rules: tuple[Rule, ...]
    review: int
    decline: int
    approved: Decision

    def names(self) -> list[str]:
        """Of every rule that can be a reason, apart from alerts that the file does not name."""
        return [*(one.rule for one in self.blacklists), *self.alerts, *(rule.name for rule in self.rules)]


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of the file, draft 2020-12."""
    text = files("streamguard.services.decider").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def rules_file(project: Project, pipeline: Pipeline) -> Path:
    """The rules of a pipeline; `ProjectError` if it has none."""
    path = project.init / pipeline.name / FILE
    if not path.is_file():
        raise ProjectError(f"there is no {path}, which the decider needs: init/card/{FILE} is one to begin with")
    return path


def read_rules(path: Path) -> Rules:
    """Read the file. Raises ProjectError, a line for each mistake, with file, line and column.

    What the schema does not allow is told first; when it allows all, what the parts mean.
    """
    return rules_of(path, read_text(path))


def rules_of(path: Path, text: str) -> Rules:
    """The rules of a file that has been read."""
    _, document = yaml_in(path, text)
    if document is None:
        raise ProjectError(f"{path} is empty: alerts and other_alerts belong into it, as in init/card/{FILE}")
    return _Reading(path, text, document).rules()


class _Reading:
    """One reading of a file: `mistakes` are collected, so that a person is told all of them at once."""

    def __init__(self, path: Path, text: str, document: Mapping[str, Any]) -> None:
        self._path = path
        self._places = Places(text)
        self._document = document
        self._mistakes: list[tuple[int, int, str]] = []

    def rules(self) -> Rules:
        document = self._document
        for mistake in mistakes_in(document, schema()):
            self._note(*self._places.start(mistake.path, of_key=mistake.of_key), mistake.reason)
        self._check()
        version = _version(document)
        travellers = document.get("travellers", {})
        rules = tuple(self._rules(document.get("rules", ())))
        journeys = self._journeys(travellers.get("accounts", ()))
        self._check_weakened(travellers.get("alerts", ()), document["alerts"])
        thresholds = document.get("thresholds", {})
        self._check_thresholds(thresholds)
        self._check()
        return Rules(
            version=version,
            publish=frozenset(document.get("publish", PUBLISHED)),
            blacklists=tuple(_blacklists(document.get("blacklists", {}))),
            journeys=journeys,
            weakened=frozenset(travellers.get("alerts", ())),
            count_as=_outcome(travellers["count_as"]) if travellers else Outcome(0, 0, 0),
            alerts={rule: _outcome(counts) for rule, counts in document["alerts"].items()},
            other_alerts={action: _outcome(counts) for action, counts in document["other_alerts"].items()},
            rules=rules,
            review=thresholds.get("review", NEVER),
            decline=thresholds.get("decline", NEVER),
            approved=Decision(ACTIONS[0], 0, SEVERITIES[0], (), (), version),
        )

    def _rules(self, specs: list[Mapping[str, Any]]) -> Iterator[Rule]:
        seen: set[str] = set()
        for number, spec in enumerate(specs):
            name = spec["name"]
            if name in seen:
                self._mistake(["rules", number, "name"], f"there is another rule {name}: give each its own name")
            seen.add(name)
            when = self._compiled(["rules", number, "when"], f"rule {name}, when", condition, spec["when"])
            reason = spec["reason"].rstrip("\n")
            text = self._compiled(["rules", number, "reason"], f"rule {name}, reason", template, reason)
            if when is not None and text is not None:
                yield Rule(name, when, _outcome(spec), text, " ".join(spec["when"].split()))

    def _compiled(self, path: list[Any], where: str, compiled: Callable[[str], T], expression: str) -> T | None:
        try:
            return compiled(expression)
        except RuleError as exc:
            self._mistake(path, f"{where}: {exc}", exc.at)
            return None

    def _journeys(self, specs: list[Mapping[str, Any]]) -> Mapping[str, tuple[Journey, ...]]:
        journeys: dict[str, tuple[Journey, ...]] = {}
        for number, spec in enumerate(specs):
            path = ["travellers", "accounts", number]
            first, last = (self._day([*path, key], spec[key]) for key in ("from", "to"))
            if first is None or last is None:
                continue
            if last < first:
                self._mistake([*path, "to"], f"the journey ends on {last}, before it begins on {first}")
            journey = Journey(frozenset(spec["countries"]), _midnight(first), _midnight(last) + DAY)
            journeys[spec["account"]] = (*journeys.get(spec["account"], ()), journey)
        return journeys

    def _check_weakened(self, rules: list[str], alerts: Mapping[str, Any]) -> None:
        """A rule that is misspelt would weaken nothing, without a word."""
        for number, rule in enumerate(rules):
            if rule not in alerts:
                self._mistake(
                    ["travellers", "alerts", number], f"alerts has no rule {rule}{did_you_mean(rule, alerts)}"
                )

    def _check_thresholds(self, thresholds: Mapping[str, int]) -> None:
        """They are lines that a score passes one after the other."""
        review, decline = thresholds.get("review", 0), thresholds.get("decline", NEVER)
        if review > decline:
            self._mistake(
                ["thresholds", "review"],
                f"review: {review} is above decline: {decline}, so what reaches it is declined already: write less, or "
                "leave it out",
            )

    def _day(self, path: list[Any], value: Any) -> date | None:
        """A day, whether it was written in quotes or not."""
        if type(value) is date:
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            said = "it is empty: write a day" if value in (None, "") else f"{str(value)[:40]} is no day: write it"
            self._mistake(path, f"{path[-1]}: {said} like 2026-07-01")
            return None

    def _mistake(self, path: list[Any], reason: str, at: int = 0) -> None:
        self._note(*self._places.place(path, at), reason)

    def _note(self, line: int, column: int | None, reason: str) -> None:
        where = f"line {line}" if column is None else f"line {line}, column {column}"
        self._mistakes.append((line, column or 0, f"{self._path}, {where}: {reason}"))

    def _check(self) -> None:
        """Raise all mistakes, from the top."""
        if self._mistakes:
            raise ProjectError("\n".join(told for _, _, told in sorted(self._mistakes)))


def _version(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _blacklists(spec: Mapping[str, Any]) -> Iterator[Blacklist]:
    """Those with entries."""
    for name, field in BLACKLISTS.items():
        if spec.get(name, {}).get("entries"):
            number = Transaction._fields.index(field)
            entries = frozenset(spec[name]["entries"])
            said = f"its {field} is on the blacklist of {name}"
            yield Blacklist(f"blacklist-{name}", said, number, entries, _outcome(spec[name]))


def _outcome(spec: Mapping[str, Any]) -> Outcome:
    return Outcome(ACTIONS.index(spec["action"]), spec["score"], SEVERITIES.index(spec["severity"]))


def _midnight(day: date) -> int:
    """Milliseconds since 1970 when a day begins, in UTC."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
