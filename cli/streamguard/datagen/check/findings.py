"""What a check found: one line for each property that was looked at, and a verdict over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

ALPHA = 0.001
"""The chance that a world which is as declared fails any of the tests that have a p-value (Holm's correction)."""


@dataclass(frozen=True)
class Finding:
    """One property: what was measured, what was expected. `test` is S1 to S12.

    With a p-value the verdict comes from all of them together (`judged`); without one `passed` says it.
    """

    test: str
    subject: str
    measure: str
    observed: float
    expected: str
    p: float | None = None
    passed: bool = True
    detail: str = ""

    def row(self) -> dict[str, Any]:
        """A flat document for a listing."""
        return {
            "test": self.test,
            "subject": self.subject,
            "measure": self.measure,
            "observed": _figure(self.observed),
            "expected": self.expected,
            "p": None if self.p is None else float(f"{self.p:.3g}"),
            "verdict": "ok" if self.passed else "failed",
            "detail": self.detail,
        }


def within(
    test: str, subject: str, measure: str, observed: float, bounds: tuple[float, float], *, detail: str = ""
) -> Finding:
    """A property that has to lie between two numbers."""
    low, high = bounds
    told = f"{_figure(low)} to {_figure(high)}"
    return Finding(test, subject, measure, observed, told, None, low <= observed <= high, detail)


def judged(findings: Sequence[Finding], alpha: float = ALPHA) -> list[Finding]:
    """The findings with the verdicts of those that have a p-value, by Holm's step-down correction."""
    tested = sorted((finding.p, place) for place, finding in enumerate(findings) if finding.p is not None)
    rejected: set[int] = set()
    for rank, (p, place) in enumerate(tested):
        if p > alpha / (len(tested) - rank):
            break
        rejected.add(place)
    return [replace(finding, passed=finding.passed and place not in rejected) for place, finding in enumerate(findings)]


def _figure(value: float) -> float:
    return float(f"{value:.4g}")
