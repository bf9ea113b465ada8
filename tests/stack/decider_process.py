"""``python -m tests.stack.decider_process PREFIX [BUILD]``: the decider of the card pipeline in a process of its own.

Its topics, group and offsets begin with the prefix; settings come from the environment. BUILD is one of
tests/sabotage/decider.py, which breaks a promise.
"""

from __future__ import annotations

import sys
from pathlib import Path

from streamguard.kafka import logs
from streamguard.project import find_project
from streamguard.services.decider.service import decider_of, work
from streamguard.services.frame import stop_on_signals
from streamguard.settings import load


def main(prefix: str, build: str = "") -> None:
    """Run until SIGTERM."""
    if build:
        from tests.sabotage.decider import BUILDS

        BUILDS[build]()
    project = find_project(Path(__file__))
    settings = load(project.root)
    logs.configure(settings)
    stop = stop_on_signals()
    work(decider_of(settings, project, project.pipeline("card"), stop, prefix=prefix), stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
