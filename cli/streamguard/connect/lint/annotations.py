"""Findings as text: a line each as compilers write them, and as GitHub shows them in a pull request. Pure.

What several connectors have in common, since a shared file says it, is told once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from streamguard.connect.lint.finding import Finding


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, those of one place and text once, with all their connectors."""
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        names = found.setdefault(replace(finding, connector=""), [])
        if finding.connector not in names:
            names.append(finding.connector)
    return [replace(finding, connector=", ".join(names)) for finding, names in found.items()]


def line(finding: Finding, start: Path) -> str:
    """`connectors/bank/x.json.j2:7: warning: KEY: TEXT [RULE]`, the path as seen from the folder `start`."""
    place = f"{path_from(finding.file, start)}:{finding.line}: " if finding.file else ""
    key = f"{finding.key}: " if finding.key else ""
    told = [f"from the parameter {finding.parameter}" if finding.parameter else ""]
    told.append(f"the plugin says: {finding.documentation}" if finding.documentation else "")
    more = "; ".join(part for part in told if part)
    about = f" ({more})" if more else ""
    text = finding.text.replace(f"{start}/", "")
    return f"{place}{finding.severity}: {key}{text}{about} [{finding.rule}] {finding.connector}".rstrip()


def annotation(finding: Finding, start: Path) -> str:
    """A workflow command of GitHub Actions, which marks the line in the pull request."""
    where = {"file": path_from(finding.file, start) if finding.file else "", "line": str(finding.line or "")}
    where["title"] = f"{finding.rule} ({finding.connector})" if finding.connector else finding.rule
    properties = ",".join(f"{name}={_property(value)}" for name, value in where.items() if value)
    text = f"{finding.key}: {finding.text}" if finding.key else finding.text
    more = f"\nFrom the parameter {finding.parameter}." if finding.parameter else ""
    more += f"\nThe plugin says: {finding.documentation}" if finding.documentation else ""
    return f"::{finding.severity} {properties}::{_data(text + more)}"


def path_from(file: Path | None, start: Path) -> str:
    """A path as seen from `start`; in full if it lies elsewhere."""
    if file is None:
        return ""
    full, base = Path(os.path.abspath(file)), Path(os.path.abspath(start))  # noqa: PTH100 - links stay as they are
    return full.relative_to(base).as_posix() if full.is_relative_to(base) else str(full)


def checkout_of(path: Path) -> Path | None:
    """The folder of the git checkout that a path lies in: GitHub wants paths from there."""
    for folder in (path, *path.parents):
        if (folder / ".git").exists():
            return folder
    return None


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
