"""Percentile bootstrap: how far a score would move had other speakers, dialogues or recordings been drawn."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from metrics.base import Metric, MetricError, Row, SetMetric, SumMetric

DRAWS = 1000
SEED = 20240701
PERCENTILES = (2.5, 97.5)


def interval(metric: Metric, rows: Sequence[Row], draws: int = DRAWS, seed: int = SEED) -> tuple[float, float] | None:
    """The 95 % interval of a metric, resampling whole groups with replacement; see `measure`."""
    return measure(metric, rows, draws, seed)[1]


def measure(
    metric: Metric, rows: Sequence[Row], draws: int = DRAWS, seed: int = SEED
) -> tuple[float | None, tuple[float, float] | None]:
    """A metric's value and its 95 % percentile interval (Efron and Tibshirani 1993, chapter 13).

    Groups are drawn with replacement, as many as there are, so rows of one speaker stay together. Rows are put in the
    order of group and id first: the result is a function of the rows, not of their order. The value is None without
    rows or where the metric is undefined (nan); the interval is None with fewer than two groups or an undefined value.
    Draws on which the metric is undefined are left out. Rows that the metric does not cover are as if not there.
    """
    rows = sorted(filter(metric.covers, rows), key=lambda row: (row.group, row.id))
    if not rows:
        return None, None
    numbers = {group: number for number, group in enumerate(dict.fromkeys(row.group for row in rows))}
    membership = np.array([numbers[row.group] for row in rows])  # shape = (n_rows,)
    sample = _sampler(metric, rows, membership, len(numbers))
    value = sample(np.ones(len(numbers), dtype=np.int64))
    if not math.isfinite(value):
        return None, None
    if len(numbers) < 2 or draws < 1:
        return value, None
    rng = np.random.default_rng(seed)
    values = np.array([sample(_draw(rng, len(numbers))) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if not values.size:
        return value, None
    low, high = np.percentile(values, PERCENTILES)
    return value, (float(low), float(high))


def _draw(rng: np.random.Generator, groups: int) -> np.ndarray:
    """How often each group is drawn, shape = (groups,), summing to `groups`."""
    return np.bincount(rng.integers(0, groups, groups), minlength=groups)


def _sampler(metric: Metric, rows: Sequence[Row], membership: np.ndarray, groups: int) -> Callable[[np.ndarray], float]:
    """The metric as a function of how often each group counts, shape = (groups,)."""
    if isinstance(metric, SumMetric):
        statistics = metric.table(rows)
        sums = np.zeros((groups, statistics.shape[1]))
        np.add.at(sums, membership, statistics)
        return lambda counts: float(metric.score(counts @ sums))
    if isinstance(metric, SetMetric):
        encoded = metric.encode(rows)
        return lambda counts: float(metric.score(encoded, counts[membership]))
    raise MetricError(f"metric {metric.name!r} is neither a SumMetric nor a SetMetric; derive it from one of them")
