"""Windows: how time is cut. Configuration only: what is in them is `state`, what is done with them is compiled.

All times are milliseconds. Stream time is the largest time of the records that an aggregation of a partition has seen;
a window is closed once stream time has passed its end by the grace period, and records for it are dropped from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamguard.engine.analysis.metastore import SourceWindow
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import Place
from streamguard.errors import AnalysisError

DAY = 86_400_000
DEFAULT_GRACE = DAY


@dataclass(frozen=True)
class TimeWindows:
    """TUMBLING (`advance` is `size`) and HOPPING windows, aligned to the epoch; a window holds its start."""

    kind: str
    size: int
    advance: int
    grace: int
    retention: int

    @property
    def of_source(self) -> SourceWindow:
        """What the keys of a topic with these windows look like."""
        return SourceWindow(self.kind, self.size)

    def starts(self, time: int) -> range:
        """The starts of all windows that a time is in, oldest first."""
        first = max(0, time - self.size + self.advance) // self.advance * self.advance
        return range(first, time + 1, self.advance)

    def is_closed(self, start: int, stream_time: int) -> bool:
        """Whether a window takes no more records."""
        return start + self.size <= stream_time - self.grace

    def __str__(self) -> str:
        advance = f", advance by {self.advance} ms" if self.kind == "HOPPING" else ""
        return f"{self.kind.lower()} windows of {self.size} ms{advance}, grace {self.grace} ms"


@dataclass(frozen=True)
class SessionWindows:
    """SESSION windows: records of a key that lie at most `gap` apart are in one; it ends with its last record."""

    gap: int
    grace: int
    retention: int
    kind: str = "SESSION"

    @property
    def of_source(self) -> SourceWindow:
        """What the keys of a topic with these windows look like."""
        return SourceWindow(self.kind)

    def is_closed(self, end: int, stream_time: int) -> bool:
        """Whether a session takes no more records."""
        return end < stream_time - self.grace - self.gap

    def __str__(self) -> str:
        return f"session windows with a gap of {self.gap} ms, grace {self.grace} ms"


Windows = TimeWindows | SessionWindows


def configured(node: s.Window, refuse: Callable[[str, Place], AnalysisError], *, final: bool = False) -> Windows:
    """The windows of a WINDOW clause; grace is a day unless it says otherwise, and retention what that needs.

    `final`: results are written when a window closes, which without a grace period is its end.
    """
    default = 0 if final else DEFAULT_GRACE
    grace = default if node.grace is None else node.grace
    needed = node.size + grace
    if node.retention is not None and node.grace is not None and node.retention < needed:
        reason = f"The retention period of {node.retention} ms is shorter than the window size and grace, {needed} ms"
        raise refuse(reason, node.place)
    kept = DAY if node.grace is None else needed  # a jump of stream time by more than this loses what was to be final
    retention = max(node.retention or 0, needed, kept)
    if node.kind == "SESSION":
        return SessionWindows(node.size, grace, retention)
    advance = node.size if node.advance is None else node.advance
    if node.size <= 0:
        raise refuse(f"the size of a window must be positive, not {node.size} ms", node.place)
    if not 0 < advance <= node.size:
        reason = f"the advance of a hopping window must be positive and no more than its size, {node.size} ms"
        raise refuse(reason, node.place)
    return TimeWindows(node.kind, node.size, advance, grace, retention)
