"""The example of docs/testing-statements.md passes, and fails as the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.commands import run
from tests.docs.readme import ROOT, blocks

PAGE = ROOT / "docs" / "testing-statements.md"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, in the folder that the page names."""
    folder = tmp_path / "ksql" / "shop"
    folder.mkdir(parents=True)
    [sql], [cases] = blocks(PAGE, "sql"), blocks(PAGE, "yaml")
    (folder / "1.sql").write_text(sql)
    (folder / "shop.test.yml").write_text(cases)
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_example_passes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", "test", str(shop)]) == 0
    assert capsys.readouterr().out == "ksql/shop/shop.test.yml: 5 of 5 passed\n5 passed, 0 failed\n"


def test_a_failure_looks_as_it_is_shown(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = shop / "shop.test.yml"
    cases.write_text(cases.read_text().replace("CITY: Graz", "CITY: Wien"))
    assert run(["ksql", "test", str(cases)]) == 1
    assert [capsys.readouterr().out] == blocks(PAGE, "text")
