"""The generated pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [".env.example", "docs/settings.md", "docs/commands.md"])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == generator().pages()[ROOT / name], "run `make docs`"
