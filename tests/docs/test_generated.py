"""The generated pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from streamguard.stack.jars import read_lock

ROOT = Path(__file__).parent.parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        ".env.example",
        "docs/settings.md",
        "docs/commands.md",
        "docs/functions.md",
        "docs/ksql.md",
        "docs/lint.md",
        "docs/rules.md",
        "docs/sinks.md",
    ],
)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == generator().pages()[ROOT / name], "run `make docs`"


def test_every_wheel_and_jar_of_the_lock_files_is_on_the_page_of_licences() -> None:
    page = (ROOT / "docs" / "licences.md").read_text()
    wheels = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    rows = [f"| {name} {version} |" for name, version in wheels] + [
        f"| {jar.coordinates} |" for jar in read_lock().jars
    ]
    assert rows
    assert not [row for row in rows if row not in page], "run `make lock`"
