"""`make bench`: every measurement; ``python -m benchmarks routing latency``: those that are named."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks import connectors, decisions, generation, latency, processor, producing, routing, start, windowed


def main(names: list[str]) -> None:
    """Measure and print Markdown."""
    sections: dict[str, tuple[str, Callable[[], str]]] = {
        "producing": ("Generated records into Kafka", lambda: producing.table(producing.measure())),
        "generation": ("Records generated, and not sent", lambda: generation.table(generation.measure())),
        "routing": ("Bank statements, exactly once", lambda: routing.table(routing.measure())),
        "windowed": ("A count per account and minute, exactly once", lambda: windowed.table(windowed.measure())),
        "processor": ("Judged by the validator API, exactly once", lambda: processor.table(processor.measure())),
        "decisions": ("Card transactions into PostgreSQL", lambda: decisions.table(decisions.measure())),
        "latency": ("From produce to MongoDB", lambda: latency.table(latency.measure())),
        "connectors": ("Hundreds of connectors", lambda: connectors.table(connectors.measure())),
        "start": ("Start of the command", lambda: start.table(start.measure())),
    }
    unknown = set(names) - set(sections)
    if unknown:
        sys.exit(f"no measurement {', '.join(sorted(unknown))}: there are {', '.join(sections)}")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}")
    for name in names or sections:
        title, measure = sections[name]
        print(f"\n### {title}\n\n{measure()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
