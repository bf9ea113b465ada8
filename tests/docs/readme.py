"""The commands that the documentation shows, and where each is run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

ELSEWHERE = {
    "source start.sh --build": ".ci/run",
    "make test": ".ci/run",
    "streamguard down": ".ci/run",
    "streamguard up --no-produce": ".ci/run",
    "streamguard verify bank": ".ci/run",
    "streamguard up card": ".ci/run",
    "streamguard alerts tail --count 5": ".ci/run",
    "streamguard query totals": ".ci/run",
    "streamguard query detections": ".ci/run",
    "streamguard query suspicious-accounts": ".ci/run",
    "source stop.sh --yes": ".ci/run",
}
"""Commands that a test on a shared stack can not run, and the file that runs them."""


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The lines of the sh blocks, without comments."""
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line for line in dict.fromkeys(line.partition(" #")[0].rstrip() for line in lines) if line]
