"""The bootstrap: how far a score would move had other speakers, dialogues or recordings been drawn."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np

from metrics.base import Metric, MetricError, Row, SetMetric, SumMetric, nearest

DRAWS = 1000
SEED = 20240701
PERCENTILES = (2.5, 97.5)
METHODS = ("percentile", "bca")
CELLS = 1_000_000  # weights held at a time: 8 MB, a few times over
LARGE = 200_000  # groups; beyond, groups of equal sums are drawn as one kind
Interval = tuple[float, float]


class Sample(Protocol):
    """Something that has a value for every way to weigh its units. A unit is a group, or a kind of equal groups."""

    @property
    def sizes(self) -> np.ndarray:
        """How many groups each unit stands for, shape = (n_units,)."""

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Where units count so often, shape = (n, n_units) -> (n,)."""

    def jackknife(self) -> np.ndarray:
        """Without one group of each unit in turn, shape = (n_units,)."""


def interval(
    metric: Metric, rows: Sequence[Row], draws: int = DRAWS, seed: int = SEED, method: str = "percentile"
) -> Interval | None:
    """The 95 % interval of a metric, resampling whole groups with replacement; see `measure`."""
    return measure(metric, rows, draws, seed, method)[1]


def measure(
    metric: Metric, rows: Sequence[Row], draws: int = DRAWS, seed: int = SEED, method: str = "percentile"
) -> tuple[float | None, Interval | None]:
    """A metric's value and its 95 % bootstrap interval, by one of METHODS (see `interval_of`).

    Groups are drawn with replacement, as many as there are, so rows of one speaker stay together. Rows are put in the
    order of group and id first: the result is a function of the rows, not of their order. The value is None without
    rows or where the metric is undefined (nan); the interval is None with fewer than two groups or an undefined value.
    Draws on which the metric is undefined are left out. Rows that the metric does not cover are as if not there.
    """
    check_method(method)
    rows = ordered(metric, rows)
    if not rows:
        return None, None
    sample = sample_of(metric, rows)
    value = value_of(sample)
    return (None, None) if value is None else (value, interval_of(sample, value, draws, seed, method))


def check_method(method: str) -> None:
    if method not in METHODS:
        raise MetricError(f"no interval named {method!r}{nearest(method, METHODS)}")


def ordered(metric: Metric, rows: Sequence[Row]) -> list[Row]:
    """The rows that a metric covers, by group and id."""
    return sorted(filter(metric.covers, rows), key=attrgetter("group", "id"))


def value_of(sample: Sample) -> float | None:
    """The value of the sample as it is; None where it is undefined."""
    value = float(sample.values(sample.sizes[np.newaxis])[0])
    return value if math.isfinite(value) else None


def interval_of(sample: Sample, value: float, draws: int, seed: int, method: str) -> Interval | None:
    """The 95 % bootstrap interval of a sample whose value is known.

    `percentile`: between the 2.5th and 97.5th percentile of the draws (Efron and Tibshirani 1993, chapter 13). `bca`:
    percentiles moved for bias and for a spread that changes with the value (Efron 1987), by the share of draws below
    the value (equal ones half) and the jackknife over groups.
    """
    if sample.sizes.sum() < 2 or draws < 1:
        return None
    return interval_from(resampled(sample, draws, seed), sample, value, method)


def interval_from(drawn: np.ndarray, sample: Sample, value: float, method: str) -> Interval | None:
    """The interval for values already drawn, shape = (draws,)."""
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None
    low, high = np.percentile(drawn, PERCENTILES if method == "percentile" else _bca(drawn, sample, value))
    return float(low), float(high)


def resampled(sample: Sample, draws: int, seed: int) -> np.ndarray:
    """The values of `draws` resampled sets, shape = (draws,); equal seeds draw the same groups."""
    return np.concatenate([sample.values(weights) for weights in _weights(sample.sizes, draws, seed)])


def in_chunks(draws: int, units: int) -> Iterator[int]:
    """How many draws to hold at a time, so that their weights are about CELLS."""
    chunk = max(1, CELLS // units)
    for start in range(0, draws, chunk):
        yield min(chunk, draws - start)


def _weights(sizes: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each unit is drawn, in chunks of shape = (n, n_units), each row summing to the number of groups."""
    rng = np.random.default_rng(seed)
    units, groups = len(sizes), int(sizes.sum())
    for count in in_chunks(draws, units):
        if units == groups:
            drawn = rng.integers(0, groups, (count, groups)) + groups * np.arange(count)[:, np.newaxis]
            yield np.bincount(drawn.ravel(), minlength=count * groups).reshape(count, groups)
        else:
            yield rng.multinomial(groups, sizes / groups, count)


def _bca(drawn: np.ndarray, sample: Sample, value: float) -> tuple[float, float]:
    """The percentiles that BCa reads, in percent."""
    normal = NormalDist()
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = normal.inv_cdf(float(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size)))
    without = sample.jackknife()
    sizes, without = sample.sizes[np.isfinite(without)], without[np.isfinite(without)]
    moved = (np.average(without, weights=sizes) if without.size else 0.0) - without
    spread = float((sizes * moved**2).sum())
    acceleration = float((sizes * moved**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = [bias + normal.inv_cdf(percent / 100) for percent in PERCENTILES]
    low, high = (100 * normal.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifted)
    return low, high


@dataclass(frozen=True)
class SumSample:
    """Rows of a SumMetric as sums of statistics: a draw costs one row of a matrix product."""

    metric: SumMetric
    sums: np.ndarray
    """Of one group of each unit, shape = (n_units, n_statistics)."""
    sizes: np.ndarray

    def values(self, weights: np.ndarray) -> np.ndarray:
        return self.metric.scores(weights.astype(np.float64) @ self.sums)

    def jackknife(self) -> np.ndarray:
        return self.metric.scores(self.sizes @ self.sums - self.sums)


@dataclass(frozen=True)
class SetSample:
    """Rows of a SetMetric, encoded once; a draw costs one score of the metric. Every unit is a group."""

    metric: SetMetric
    encoded: Any
    membership: np.ndarray
    """The group of each row, shape = (n_rows,)."""
    sizes: np.ndarray

    def values(self, weights: np.ndarray) -> np.ndarray:
        return np.array([self.metric.score(self.encoded, counts[self.membership]) for counts in weights])

    def jackknife(self) -> np.ndarray:
        groups = len(self.sizes)
        found: list[np.ndarray] = []
        for group in range(groups):
            weights = np.ones((1, groups), dtype=np.int64)
            weights[0, group] = 0
            found.append(self.values(weights))
        return np.concatenate(found)


def sample_of(metric: Metric, rows: Sequence[Row]) -> Sample:
    """Rows, in order, as something to resample."""
    return samples_of(metric, [rows])[0]


def samples_of(metric: Metric, systems: Sequence[Sequence[Row]]) -> list[Sample]:
    """The same for several systems' rows of the same samples, in one order: their units are the same.

    Beyond LARGE groups of a SumMetric, those whose sums are equal in all systems are one kind, and how often each kind
    is drawn is one multinomial draw: the same distribution, other random numbers.
    """
    numbers: dict[str, int] = {}
    membership = np.array([numbers.setdefault(row.group, len(numbers)) for row in systems[0]], dtype=np.int64)
    sizes = np.ones(len(numbers), dtype=np.int64)
    if isinstance(metric, SetMetric):
        return [SetSample(metric, metric.encode(rows), membership, sizes) for rows in systems]
    if not isinstance(metric, SumMetric):
        raise MetricError(f"metric {metric.name!r} is neither a SumMetric nor a SetMetric; derive it from one of them")
    return [*sum_samples(metric, [metric.table(rows) for rows in systems], membership)]


def sum_samples(metric: SumMetric, tables: Sequence[np.ndarray], membership: np.ndarray) -> list[SumSample]:
    """The same for tables of statistics, shape = (n_rows, n_statistics), whose rows are of the groups numbered by
    ``membership``, shape = (n_rows,)."""
    groups = int(membership.max()) + 1
    sums = [_summed(table, membership, groups) for table in tables]
    sizes = np.ones(groups, dtype=np.int64)
    if groups > LARGE:
        sizes, kinds = _kinds(np.hstack(sums))
        sums = np.split(kinds, len(sums), axis=1)
    return [SumSample(metric, found, sizes) for found in sums]


def _summed(table: np.ndarray, membership: np.ndarray, groups: int) -> np.ndarray:
    """Statistics of groups, shape = (groups, n_statistics)."""
    return np.stack([np.bincount(membership, column, groups) for column in table.T], axis=1)


def _kinds(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each distinct row occurs, and these rows; all rows where most are distinct."""
    projected = sums @ np.random.default_rng(0).random(sums.shape[1])  # one number a row, equal for equal rows
    _, first, inverse, sizes = np.unique(projected, return_index=True, return_inverse=True, return_counts=True)
    if len(sizes) > len(sums) // 20 or not np.array_equal(sums[first][inverse], sums):
        return np.ones(len(sums), dtype=np.int64), sums
    return sizes, sums[first]
