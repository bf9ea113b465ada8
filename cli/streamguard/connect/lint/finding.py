"""A finding: something that speaks against a connector, and where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamguard.connect.render import Connector

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """`policy`: refused by rule (exit 3), whatever the plugin says. `line` 0: of the file as a whole.

    `parameter` names the values that the key prints, with commas between them.
    """

    rule: str
    severity: Severity
    connector: str
    key: str
    text: str
    file: Path | None = None
    line: int = 0
    parameter: str = ""
    policy: bool = False

    @property
    def place(self) -> str:
        """`FILE:LINE`, as compilers write it; empty if it is not known."""
        if self.file is None:
            return ""
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def row(self) -> dict[str, Any]:
        """As a document."""
        return {
            "connector": self.connector,
            "rule": self.rule,
            "severity": self.severity,
            "key": self.key,
            "text": self.text,
            "file": None if self.file is None else str(self.file),
            "line": self.line,
            "parameter": self.parameter,
        }

    def __str__(self) -> str:
        said = f"{self.key}: {self.text}" if self.key else self.text
        return f"{said} ({self.place})" if self.place else said


def finding(
    connector: Connector, key: str, rule: str, text: str, *, severity: Severity = "error", policy: bool = True
) -> Finding:
    """A finding about one key, at the place where the template writes it; a key that is not there: at the class."""
    origin = connector.origins.get(key) or connector.origins.get("connector.class")
    return Finding(
        rule,
        severity,
        connector.name,
        key,
        text,
        origin.file if origin else connector.template,
        origin.line if origin else 1,
        ", ".join(origin.parameters) if origin and key in connector.origins else "",
        policy,
    )
