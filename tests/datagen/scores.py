"""How well models tell the fraud of reference worlds: the published features, splits and measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from streamguard.datagen.columns.clock import DAY, SECOND
from streamguard.datagen.columns.stream import compile_stream
from streamguard.datagen.world.reading import read_world

Floats = NDArray[np.float64]
WORLDS = Path(__file__).parents[2] / "init" / "worlds"


@dataclass(frozen=True)
class Score:
    """Of one model on one split: area under the ROC curve, average precision, recall at 1 % false alarms."""

    auc: float
    ap: float
    recall: float


def generated(name: str, seed: int, start: datetime, days: float) -> Mapping[str, NDArray[Any]]:
    """All records of some days of a world, an array a column; `time` in µs since 1970, `campaign` as in columns."""
    world = read_world(WORLDS / f"{name}.yml")
    instant = round(start.timestamp() * SECOND)
    stream = compile_stream(world, world.streams[0].name, seed=seed, start=instant)
    count = stream.clock.count_until(round(days * DAY))
    blocks = [stream.block(number) for number in range(-(-count // 4096))]
    columns = {
        column: np.concatenate([block.values[column] for block in blocks])[:count] for column in blocks[0].values
    }
    others = {"time": "instants", "fraud": "fraud", "campaign": "campaign"}
    return columns | {
        column: np.concatenate([getattr(block, field) for block in blocks])[:count] for column, field in others.items()
    }


def score(model: Any, train: tuple[Floats, NDArray[np.bool_]], test: tuple[Floats, NDArray[np.bool_]]) -> Score:
    """Fit, then judge."""
    model.fit(*train)
    found = model.predict_proba(test[0])[:, 1]
    false, true, _ = roc_curve(test[1], found)
    recall = float(true[np.searchsorted(false, 0.01, side="right") - 1])
    return Score(float(roc_auc_score(test[1], found)), float(average_precision_score(test[1], found)), recall)


def logistic() -> Any:
    """The Handbook's logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=0, max_iter=1000))


def forest(trees: int = 100) -> Any:
    """The Handbook's random forest."""
    return RandomForestClassifier(n_estimators=trees, random_state=0, n_jobs=1)


class Handbook:
    """The Handbook's baseline: 7 days to learn from, 7 days until labels are known, 7 days to judge by.

    Features (chapter 3): amount, week-end, night; number and mean amount of the customer's transactions of the last
    1, 7, 30 days; number and risk of the terminal's of as many days, 7 days late. Cards whose fraud is known are left
    out of the days to judge by (chapter 4).
    """

    LEARN = datetime(2018, 7, 25, tzinfo=UTC)
    BEFORE = 40  # days that features look back on

    def __init__(self, seed: int, days: int = 7) -> None:
        """`days` to learn from and to judge by."""
        start = datetime.fromtimestamp(self.LEARN.timestamp() - self.BEFORE * 86_400, UTC)
        self.records = generated("handbook", seed, start, self.BEFORE + 7 + 2 * days)
        self._day = (self.records["time"] - round(start.timestamp() * SECOND)) // DAY - self.BEFORE
        self._features = self._made()
        self._days = days

    def split(self) -> tuple[tuple[Floats, NDArray[np.bool_]], tuple[Floats, NDArray[np.bool_]]]:
        """What to learn from, and what to judge by."""
        day, days, fraud, customer = self._day, self._days, self.records["fraud"], self.records["customer"]
        train = (day >= 0) & (day < days)
        known = set(customer[train & fraud].tolist())
        test = np.zeros(len(day), dtype=bool)
        for each in range(days):
            known |= set(customer[(day == days + each - 1) & fraud].tolist()) if each else set()
            today = day == days + 7 + each
            test |= today & ~np.isin(customer, list(known))
        return (self._features[train], fraud[train]), (self._features[test], fraud[test])

    def _made(self) -> Floats:
        records, time = self.records, self.records["time"]
        amount = records["amount"] / 100
        hour, weekday = time // (DAY // 24) % 24, (time // DAY + 3) % 7
        columns = [amount, weekday >= 5, hour <= 6]
        for days in (1, 7, 30):
            count, total = windows(records["customer"], time, amount, days)
            columns += [count, total / count]
        late_count, late_fraud = windows(records["terminal"], time, records["fraud"], 7)
        for days in (1, 7, 30):
            count, fraud = windows(records["terminal"], time, records["fraud"], 7 + days)
            count, fraud = count - late_count, fraud - late_fraud
            columns += [count, np.where(count > 0, fraud / np.maximum(count, 1), 0.0)]
        return np.column_stack(columns).astype(np.float64)


def windows(of: NDArray[Any], time: NDArray[Any], amount: NDArray[Any], days: int) -> tuple[Floats, Floats]:
    """For each record: how many records of the same one there are in the days up to it (with it), and their sum."""
    order = np.lexsort((time, of))
    key = of[order].astype(np.float64) * 1e6 + (time[order] - time.min()) / SECOND / 100
    sums = np.concatenate([[0.0], np.cumsum(amount[order].astype(np.float64))])
    first = np.searchsorted(key, key - days * 864.0, side="right")
    first = np.maximum(first, np.searchsorted(of[order], of[order], side="left"))
    places = np.arange(len(order))
    count, total = np.empty(len(order)), np.empty(len(order))
    count[order] = places + 1 - first
    total[order] = sums[places + 1] - sums[first]
    return count, total


def halves(
    features: Floats, fraud: NDArray[np.bool_], seed: int, *, learn: float
) -> tuple[tuple[Floats, NDArray[np.bool_]], tuple[Floats, NDArray[np.bool_]]]:
    """A part to learn from and the rest to judge by, with the same share of fraud."""
    train = np.zeros(len(fraud), dtype=bool)
    chance = np.random.default_rng(seed)
    for kind in (False, True):
        places = chance.permutation(np.flatnonzero(fraud == kind))
        train[places[: round(len(places) * learn)]] = True
    return (features[train], fraud[train]), (features[~train], fraud[~train])


def ulb(seed: int) -> tuple[tuple[Floats, NDArray[np.bool_]], tuple[Floats, NDArray[np.bool_]]]:
    """Two days of cards, 28 components and the amount: seven tenths to learn from, three to judge by."""
    records = generated("ulb-cards", seed, datetime(2013, 9, 1, tzinfo=UTC), 2)
    columns = [records[f"v{number}"] for number in range(1, 29)]
    features = np.column_stack([*columns, records["amount"] * 10_000]) / 1e6
    return halves(features, records["fraud"], seed, learn=0.7)
