"""``python -m tests.sabotage BUILD …``: `streamguard …` with a promise broken on purpose."""

from __future__ import annotations

import sys

from streamguard.commands import run
from tests.sabotage.builds import BUILDS

if __name__ == "__main__":
    BUILDS[sys.argv[1]]()
    sys.exit(run(sys.argv[2:]))
