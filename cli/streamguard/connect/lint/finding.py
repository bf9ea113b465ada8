"""A finding: something that speaks against a connector, and where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamguard.connect.templates.marks import Origin
from streamguard.connect.templates.render import Connector

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """`policy`: refused by rule (exit 3), whatever the plugin says. `line` 0: of the file as a whole.

    `parameter` names the values that the key prints, with commas between them. `documentation` is what the plugin says
    about the key, if it was asked.
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
    documentation: str = ""

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
            "documentation": self.documentation,
        }

    def __str__(self) -> str:
        said = f"{self.key}: {self.text}" if self.key else self.text
        more = [self.place, f"from {self.parameter}" if self.parameter else ""]
        more.append(f"the plugin says: {self.documentation}" if self.documentation else "")
        told = "; ".join(part for part in more if part)
        return f"{said} ({told})" if told else said


def finding(
    connector: Connector,
    key: str,
    rule: str,
    text: str,
    *,
    severity: Severity = "error",
    policy: bool = True,
    documentation: str = "",
) -> Finding:
    """A finding about one key, at the place where the template writes it, or its nearest relative."""
    origin = connector.origins.get(key)
    parameters = origin.parameters if origin else ()
    place = origin or _relative(connector, key)
    return Finding(
        rule,
        severity,
        connector.name,
        key,
        text,
        place.file if place else connector.template,
        place.line if place else 1,
        ", ".join(parameters),
        policy,
        documentation,
    )


def _relative(connector: Connector, key: str) -> Origin | None:
    """Where a key that is not there would be: beside one of the same transform or converter, else at the class."""
    parts = key.split(".")
    for length in range(len(parts) - 1, 1, -1):
        start = ".".join(parts[:length])
        for other, origin in connector.origins.items():
            if other == start or other.startswith(f"{start}."):
                return origin
    return connector.origins.get("connector.class")
