"""Programs that a few tests use and the project does not: zsh, curl and openssl.

A machine with Python, git and make alone runs all other tests; what is left out is said at the end of the run. In CI
nothing is left out: there a missing program is an error, as a missing server is everywhere.
"""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """The path of the program; without it the test is skipped, in CI it fails."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
