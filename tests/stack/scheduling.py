"""Which tests of this folder run in one process, one after the other, when there are two (`-n 2 --dist loadscope`).

Each process has servers of its own. What takes longest to start, the bank pipeline and two Connect workers, is started
in one of them.
"""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

GROUPS = {
    **dict.fromkeys(("bad_input", "containers", "monitoring", "nemesis", "processor"), "bank"),
    **dict.fromkeys(("readme", "secrets", "servers", "transfers", "tutorial", "up", "verify"), "bank"),
    **dict.fromkeys(("connect_client", "connect_quirks", "connect_secrets", "connector_letters"), "connect"),
    **dict.fromkeys(("cloud", "connectors", "deploy", "dying_tasks", "lint", "operating", "sinks"), "connect"),
}
"""Files that run in one process, one after the other; every other file may run anywhere, but in one process."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Scopes by `GROUPS`: xdist's own `loadgroup` knows no groups since pytest 9.2, whose node ids are fixed."""

    def _split_scope(self, nodeid: str) -> str:
        """The scope of a test; the one with most tests is begun first."""
        name = Path(nodeid.partition("::")[0]).stem.removeprefix("test_")
        return GROUPS.get(name, name)
