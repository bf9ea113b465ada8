"""Pictures of a sample: what was drawn beside what was declared. matplotlib comes with the extra `check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streamguard.datagen.check.run import Checked
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import drawn
from streamguard.datagen.explaining.expectations import expected
from streamguard.datagen.world.streams import ComponentsColumn, EntityColumn, NumberColumn, Weighted
from streamguard.errors import StreamguardError

Draw = Callable[[Any], None]
"""Draws into axes."""


def draw_plots(checked: Checked, folder: Path) -> list[Path]:
    """Write a picture for each property, as ``STREAM-WHAT.png``; returns their paths."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise StreamguardError("--plots needs matplotlib: pip install 'streamguard[check]'") from exc
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for sample in checked.samples:
        for name, title, draw in _pictures(sample):
            figure = Figure(figsize=(8, 4.5), layout="constrained")
            axes = figure.add_subplot()
            axes.set_title(f"{sample.world.name}, {sample.size:,} records: {title}")
            draw(axes)
            axes.grid(alpha=0.3)
            path = folder / f"{sample.declared.name}-{name}.png"
            FigureCanvasAgg(figure)
            figure.savefig(path)
            written.append(path)
    return written


def _pictures(sample: Sample) -> Iterator[tuple[str, str, Draw]]:
    yield "hours", "records an hour of the day (line: declared)", partial(_hours, sample)
    if any(campaign.stream == sample.declared.name for campaign in sample.world.campaigns):
        yield "campaigns", "shares of campaigns (mark: expected)", partial(_campaigns, sample)
    for column in sample.declared.columns:
        match column:
            case NumberColumn():
                yield (
                    column.name,
                    f"{column.name} (line: declared)",
                    partial(_amounts, sample, column),
                )
            case EntityColumn(pick=Weighted(within=None)):
                told = f"records of each {column.name}"
                yield column.name, told, partial(_counts, sample, column)
            case EntityColumn():
                told = f"how often each {column.name}, by rank"
                yield column.name, told, partial(_ranks, sample, column)
            case ComponentsColumn():
                told = "mean of fraud in SDs (mark: declared)"
                yield column.name, told, partial(_components, sample, column)


def _hours(sample: Sample, axes: Any) -> None:
    hours = sample.instants // 3_600_000_000 % 24
    axes.bar(np.arange(24), np.bincount(hours, minlength=24), color="tab:blue", alpha=0.6)
    day = np.array(sample.declared.rate.day)
    axes.step((np.arange(len(day)) + 0.5) * 24 / len(day) - 0.5, day / 24 * sample.size, where="mid", color="black")
    axes.set_xlabel("hour, UTC")


def _campaigns(sample: Sample, axes: Any) -> None:
    names = [campaign.name for campaign in sample.world.campaigns]
    shares = np.bincount(sample.campaign, minlength=len(names) + 1)[1:] / sample.size
    colours = ["tab:red" if campaign.fraud else "tab:green" for campaign in sample.world.campaigns]
    axes.barh(names, shares * 100, color=colours, alpha=0.6)
    axes.plot([expected(sample.world, one).share * 100 for one in sample.world.campaigns], names, "k|", markersize=12)
    axes.set_xlabel("percent of records; red: fraud, green: only looks like it")


def _amounts(sample: Sample, column: NumberColumn, axes: Any) -> None:
    """Ordinary records beside numbers drawn another way, and fraud."""
    values = sample.values[column.name] / 10**column.decimals
    usual = sample.usual(column.name)
    by = np.zeros(sample.size, dtype=np.int64) if column.by is None else sample.codes(column.by)
    declared = np.concatenate(
        [drawn(shape, sample.chance, int((usual & (by == n)).sum())) for n, shape in enumerate(column.distributions)]
    )
    factors = np.concatenate([sample.factors(column)[usual & (by == n)] for n in range(len(column.distributions))])
    positive = values[values > 0]
    low, high = (max(positive.min(), 1e-3), positive.max()) if len(positive) else (1.0, 1.0)
    edges = np.geomspace(low, max(high, low * 1.01), 80)
    axes.hist(values[usual], edges, density=True, color="tab:blue", alpha=0.6, label="ordinary")
    axes.hist(declared * factors, edges, density=True, histtype="step", color="black", label="declared")
    if sample.fraud.any():
        axes.hist(values[sample.fraud], edges, density=True, histtype="step", color="tab:red", label="fraud")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend()


def _counts(sample: Sample, column: EntityColumn, axes: Any) -> None:
    counts = np.bincount(sample.values[column.name], minlength=sample.pools[column.entity].count)
    axes.hist(counts, bins=60, color="tab:blue", alpha=0.6)
    axes.set_xlabel(f"records of one {column.name}")
    axes.set_ylabel(f"number of them ({column.entity})")


def _ranks(sample: Sample, column: EntityColumn, axes: Any) -> None:
    counts = np.sort(np.bincount(sample.values[column.name], minlength=sample.pools[column.entity].count))[::-1]
    axes.loglog(np.arange(1, len(counts) + 1), np.maximum(counts, 0.5), ".", color="tab:blue")
    axes.set_xlabel("rank")
    axes.set_ylabel("records")


def _components(sample: Sample, column: ComponentsColumn, axes: Any) -> None:
    names = [f"{column.name}{number + 1}" for number in range(len(column.components))]
    units = [component.ordinary.sd * 10**column.decimals for component in column.components]
    found = [sample.values[name][sample.fraud].mean() / unit for name, unit in zip(names, units, strict=True)]
    axes.bar(names, found, color="tab:red", alpha=0.6)
    axes.plot(names, [one.fraud_mean / one.ordinary.sd for one in column.components], "k_", markersize=12)
    axes.tick_params(axis="x", rotation=90)
