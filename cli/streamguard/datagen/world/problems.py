"""Problems of a world file: collected, so that a person is told all of them at once, each with line and fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamguard.datagen.world.document import Document, Path
from streamguard.errors import ProjectError
from streamguard.project import did_you_mean


@dataclass(frozen=True, order=True)
class Problem:
    """One sentence about one place: `line` 0 is what an option put in."""

    line: int
    reason: str


@dataclass
class Problems:
    """What is wrong with the document of `file`."""

    file: str
    document: Document
    found: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Attributes and columns that could not be made: who names one of them makes no mistake of his own."""

    def add(self, path: Path, reason: str) -> None:
        """Remember a problem of the value at `path`."""
        where = ".".join(str(step) for step in path)
        problem = Problem(self.document.line(path) or 0, f"{where}: {reason}" if where else reason)
        if problem not in self.found:
            self.found.append(problem)

    def unknown(self, path: Path, what: str, name: str, known: Iterable[str]) -> None:
        """Remember that `name` (``column.attribute``, too) is not one of the `known`, unless it is broken."""
        if self.broken & {*name.split(".")}:
            return
        known = tuple(known)
        self.add(path, f"no {what} {name}{did_you_mean(name, known)}" if known else f"no {what} {name}: there is none")

    def check(self) -> None:
        """Raise ProjectError, a line for each problem, if there is one."""
        if self.found:
            raise ProjectError("\n".join(self._told(problem) for problem in sorted(self.found)))

    def _told(self, problem: Problem) -> str:
        place = f"line {problem.line}" if problem.line else "as changed by an option"
        return f"{self.file}, {place}: {problem.reason}"
