"""`pytest` runs what needs no server, in seconds; `pytest --stack` starts the real servers and runs everything."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", action="store_true", help="also run the tests in tests/stack, on real servers")
    parser.addoption("--soak", action="store_true", help="with --stack: the sizes of the README, and longer")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in tests/stack are not selected without --stack; with it, a server that does not start is an error."""
    for item in items:
        if "stack" in item.path.relative_to(config.rootpath).parts:
            item.add_marker(pytest.mark.stack)
    if config.getoption("--stack"):
        return
    chosen = [item for item in items if "stack" not in item.path.relative_to(config.rootpath).parts]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
