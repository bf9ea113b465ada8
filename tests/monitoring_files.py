"""The files of monitoring/: every query in them, and the metrics that a query names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parent.parent / "monitoring"
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
_NOT_NAMES = re.compile(r'"[^"]*"|\{\{.*?\}\}|\[[^\]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)|\{[^}]*\}')
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b")
_WORDS = {"and", "or", "unless", "by", "on", "bool"}
OF_PROMETHEUS = {"up", "ALERTS"}
"""What Prometheus itself makes."""


def rules() -> dict[str, str]:
    """The expressions of the alerts, by name."""
    document = yaml.safe_load((ROOT / "rules.yml").read_text())
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard."""
    return cast("list[dict[str, Any]]", json.loads(path.read_text())["panels"])


def queries() -> Iterator[tuple[str, str]]:
    """Every query of the dashboards and rules, and where it is."""
    for alert, expression in rules().items():
        yield f"rules.yml: {alert}", expression
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]


def names(expression: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(_WORD, _NOT_NAMES.sub(" ", expression))) - _WORDS - OF_PROMETHEUS
