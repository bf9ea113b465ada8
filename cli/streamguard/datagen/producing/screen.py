"""The screen of a run: what a terminal of 80 columns and 24 lines shows of its progress. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.console import Group
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streamguard.datagen.producing.latencies import percentile
from streamguard.datagen.producing.rates import Rates

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streamguard.datagen.producing.progress import About, Progress

LINES_BESIDE = 8
"""Lines of the screen that are neither rows nor bars of partitions: borders, progress, note and blank ones between."""
WIDEST_NAME = 28


def screen(about: About, rates: Rates, height: int, note: str = "") -> RenderableType:
    """The whole screen, for a terminal of `height` lines; `note` stands at its foot."""
    progress = rates.latest
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="bold", no_wrap=True, min_width=9)
    rows.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    told = list(_rows(about, rates))
    for name, text in told:
        rows.add_row(name, text)
    parts: list[RenderableType] = [_bar(rates), Text(), rows]
    bars = _partitions(about, progress, height - LINES_BESIDE - len(told))
    if bars is not None:
        parts += [Text(), bars]
    parts += [Text(), Text(note, style="dim", no_wrap=True, overflow="ellipsis")]
    title = Text(f" {about.title} ", style="bold")
    right = Text(f" {clock_time(progress.seconds)} ")
    style = "red" if progress.failed else "yellow" if progress.silent else "cyan"
    return Panel(Group(*parts), title=title, title_align="left", subtitle=right, subtitle_align="right",
                 box=ROUNDED, border_style=style)  # fmt: skip


def clock_time(seconds: float) -> str:
    """``1:02:03``, or ``02:03`` below an hour."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def told_latency(seconds: float | None) -> str:
    """A latency in ms, with as many digits as say something."""
    if seconds is None:
        return "…"
    milliseconds = seconds * 1e3
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def told_counts(counts: Mapping[str, int]) -> str:
    """``late 62 · duplicate 31``."""
    return " · ".join(f"{name} {number:,}" for name, number in counts.items() if number)


def _bar(rates: Rates) -> RenderableType:
    part = rates.part
    if part is None:
        return Text("until Ctrl-C", style="dim")
    row = Table.grid(expand=True, padding=(0, 1, 0, 0))
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    left = rates.left
    told = f"{part:4.0%}" + (f"  {clock_time(left + 0.5)} left" if left is not None and part < 1 else "")
    row.add_row(ProgressBar(total=1.0, completed=part), Text(told))
    return row


def _rows(about: About, rates: Rates) -> Iterable[tuple[str, Text]]:
    progress = rates.latest
    records = Text(f"{progress.acknowledged:,} acknowledged · {progress.waiting:,} on their way · ")
    records.append(f"{progress.failed:,} failed", style="bold red" if progress.failed else "")
    yield "records", records
    target = rates.target
    wanted = "as fast as possible" if target is None else f"of {target:,.1f}/s"
    behind = f" · {rates.behind:,} behind" if rates.behind > max(2.0, rates.actual * 0.1) else ""
    yield "rate", Text(f"{rates.actual:,.1f}/s {wanted} · {rates.size / 1e6:,.2f} MB/s{behind}")
    half, most = (told_latency(percentile(progress.recent, part)) for part in (0.5, 0.99))
    yield "delivery", Text(f"p50 {half} · p99 {most}")
    if progress.silent:
        said = f"silent for {progress.silent:.0f} s: {progress.waiting:,} records wait for it, none is dropped"
        yield "Kafka", Text(said, style="yellow")
    else:
        yield "Kafka", Text(about.server)
    counters = {
        "labels": progress.counts,
        "campaigns": progress.campaigns,
        "faults": progress.faults,
        "beside": progress.beside,
    }
    for name, counts in counters.items():
        if told := told_counts(counts):
            yield name, Text(told)
    for reason, number in list(progress.reasons.items())[:2]:
        yield "refused", Text(f"{number:,}: {reason}", style="red")
    if about.workers > 1:
        yield "workers", Text(f"{about.workers}")


def _partitions(about: About, progress: Progress, most: int) -> RenderableType | None:
    """A bar for each partition: its part of the records of its topic."""
    places = [(topic, number) for topic, partitions in about.topics.items() for number in range(partitions)]
    if not places or most <= 1:
        return None
    shown = places if len(places) <= most else places[: most - 1]
    whole = {topic: sum(n for (name, _), n in progress.partitions.items() if name == topic) for topic in about.topics}
    highest = max(1, *progress.partitions.values(), 1)
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=WIDEST_NAME)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for topic, number in shown:
        count = progress.partitions.get((topic, number), 0)
        part = count / whole[topic] if whole[topic] else 0.0
        bar = ProgressBar(total=highest, completed=count, complete_style="blue", finished_style="blue")
        table.add_row(f"{topic}-{number}", bar, f"{part:.0%}")
    if len(shown) < len(places):
        table.add_row(f"and {len(places) - len(shown)} more", "", "")
    return table
