"""Two systems on the same samples: whether one is better, or was lucky with the samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from metrics.base import Metric, MetricError, Row, SetMetric, SumMetric
from metrics.bootstrap import (
    CELLS,
    DRAWS,
    LARGE,
    SEED,
    Interval,
    Sample,
    SetSample,
    SumSample,
    check_method,
    in_chunks,
    interval_from,
    ordered,
    resampled,
    samples_of,
    sum_samples,
    value_of,
)

NAMED = 3  # samples that an error names
ROUNDING = 1e-10  # of a value, by the order in which it was summed; differences equal up to it are as far


@dataclass(frozen=True)
class McNemar:
    """The exact test of McNemar (1947) on samples that one system has right and the other wrong, each by itself:
    groups are not minded."""

    only_first: int
    """Samples that the first system alone has right."""
    only_second: int
    p: float
    """Two-sided: twice the smaller tail of the binomial distribution, at most 1."""


@dataclass(frozen=True)
class Comparison:
    """Two systems by one metric. All is None where the metric is undefined for one of them."""

    metric: str
    unit: str
    higher_is_better: bool
    first: float | None
    """The first system's value, in `unit`."""
    second: float | None
    difference: float | None
    """second - first."""
    ci95: Interval | None
    """95 % bootstrap interval of the difference; None with fewer than two groups."""
    p_bootstrap: float | None
    p_randomization: float | None
    mcnemar: McNemar | None
    """For metrics of right and wrong answers (`right_or_wrong`)."""
    n: int
    """Samples compared."""
    groups: int
    draws: int
    seed: int
    ci_method: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class Ranking:
    """Systems from best to worst, in groups."""

    groups: tuple[tuple[str, ...], ...]
    """Within a group no two systems are separated; those of neighbouring groups need not all be."""
    values: dict[str, float | None]
    p: dict[tuple[str, str], float]
    """Of each pair of systems: approximate randomisation, after Holm over all pairs."""
    alpha: float


@dataclass(frozen=True)
class Contest:
    """A system against another, in short; None where there is no value, or fewer than two groups."""

    difference: float | None
    """The other's value minus the first's."""
    p: float | None
    """`p_randomization` of `compare`."""


@dataclass(frozen=True)
class Difference:
    """The second system's value minus the first's, as something to resample."""

    first: Sample
    second: Sample

    @property
    def sizes(self) -> np.ndarray:
        return self.first.sizes

    def values(self, weights: np.ndarray) -> np.ndarray:
        return self.second.values(weights) - self.first.values(weights)

    def jackknife(self) -> np.ndarray:
        return self.second.jackknife() - self.first.jackknife()


def compare(
    metric: Metric,
    first: Sequence[Row],
    second: Sequence[Row],
    draws: int = DRAWS,
    seed: int = SEED,
    method: str = "percentile",
) -> Comparison:
    """Compare two systems' rows of the same samples; a MetricError where the samples are not the same.

    Both p values are two-sided and (1 + as extreme) / (1 + draws), so never 0:

    - `p_bootstrap`: groups are resampled, the same ones for both systems (Koehn 2004); extreme is a difference as far
      from the mean of all as the one found is from 0. (sacreBLEU takes absolute values before it subtracts the mean:
      about half of this p.)
    - `p_randomization`: the two answers of each whole group are swapped or not, by a coin (Noreen 1989; Riezler and
      Maxwell 2005); extreme is a difference as large as the one found.

    A function of the rows, not of their order; swapping the systems turns the sign and nothing else.
    """
    check_method(method)
    check_same(first, second)
    one, two = ordered(metric, first), ordered(metric, second)
    _check_covered(metric, one, two)
    samples = samples_of(metric, [one, two]) if one else []
    values = [value_of(sample) for sample in samples] or [None, None]
    difference = None if values[0] is None or values[1] is None else values[1] - values[0]
    groups = len({row.group for row in one})
    ci95 = p_bootstrap = p_randomization = None
    if difference is not None and groups > 1 and draws > 0:
        sample = Difference(*samples)
        drawn = resampled(sample, draws, seed)
        ci95 = interval_from(drawn, sample, difference, method)
        drawn = drawn[np.isfinite(drawn)]
        p_bootstrap = _share(drawn - drawn.mean(), values) if drawn.size else None
        p_randomization = _share(_randomized(metric, one, two, samples, draws, seed), values)
    return Comparison(
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        first=values[0],
        second=values[1],
        difference=difference,
        ci95=ci95,
        p_bootstrap=p_bootstrap,
        p_randomization=p_randomization,
        mcnemar=mcnemar(metric, one, two) if metric.right_or_wrong and one else None,
        n=len(one),
        groups=groups,
        draws=draws,
        seed=seed,
        ci_method=method,
    )


def mcnemar(metric: Metric, first: Sequence[Row], second: Sequence[Row]) -> McNemar:
    """McNemar's exact test of two systems' rows, in one order, by a metric of right and wrong answers."""
    if not (metric.right_or_wrong and isinstance(metric, SumMetric)):
        raise MetricError(f"McNemar's test is of answers that are right or wrong; metric {metric.name!r} has none such")
    right = [metric.table(rows)[:, 0] > 0 for rows in (first, second)]
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    return McNemar(only_first, only_second, _binomial_p(only_first, only_second))


def holm(p_values: Mapping[Any, float]) -> dict[Any, float]:
    """p values adjusted for being several (Holm 1979), by the same keys, such as tasks: those below alpha hold."""
    adjusted: dict[Any, float] = {}
    highest = 0.0
    for rank, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p))
        adjusted[key] = highest
    return {key: adjusted[key] for key in p_values}


def rank(
    metric: Metric, systems: Mapping[str, Sequence[Row]], alpha: float = 0.05, draws: int = DRAWS, seed: int = SEED
) -> Ranking:
    """Systems on the same samples in groups: each pair is compared by approximate randomisation, Holm over all pairs.

    From the best on, a system joins its predecessor's group as long as none of that group is separated from it.
    """
    names = list(systems)
    for name in names[1:]:
        check_same(systems[names[0]], systems[name])
    rows = {name: ordered(metric, systems[name]) for name in names}
    for name in names[1:]:
        _check_covered(metric, rows[names[0]], rows[name])
    samples = dict(zip(names, samples_of(metric, list(rows.values())), strict=True)) if names and rows[names[0]] else {}
    values = {name: value_of(samples[name]) if samples else None for name in names}
    found: dict[tuple[str, str], float] = {}
    for first, second in combinations(names, 2):
        one, two = values[first], values[second]
        if one is not None and two is not None:
            drawn = _randomized(metric, rows[first], rows[second], (samples[first], samples[second]), draws, seed)
            found[first, second] = _share(drawn, (one, two))
    p = holm(found)
    sign = -1 if metric.higher_is_better else 1
    known = {name: value for name, value in values.items() if value is not None}
    best_first = sorted(names, key=lambda name: (sign * known[name] if name in known else math.inf, name))
    groups: list[list[str]] = []
    for name in best_first:
        group = groups[-1] if groups else []
        separated = [other for other in group if p.get((name, other), p.get((other, name), 1.0)) < alpha]
        if group and not separated:
            group.append(name)
        else:
            groups.append([name])
    return Ranking(tuple(map(tuple, groups)), values, p, alpha)


def one_against_many(
    metric: SumMetric,
    first: np.ndarray,
    others: Sequence[np.ndarray],
    groups: Sequence[str],
    draws: int = DRAWS,
    seed: int = SEED,
) -> list[Contest]:
    """A system against each of several on the same samples by approximate randomisation, many times as fast as
    `compare` and with the same p: the coins are thrown once for all.

    The tables hold the systems' statistics, shape = (n_rows, n_statistics), rows in the order of ids; `groups` is the
    group of each row.
    """
    numbers = {group: number for number, group in enumerate(sorted(set(groups)))}
    if len(numbers) < 2 or draws < 1 or not others:
        return [Contest(None, None)] * len(others)
    if len(numbers) > LARGE and len(others) > 1:  # which groups are of one kind depends on the two compared
        return [one_against_many(metric, first, [other], groups, draws, seed)[0] for other in others]
    membership = np.array([numbers[group] for group in groups], dtype=np.int64)
    one, *rest = sum_samples(metric, [first, *others], membership)
    value, values = value_of(one), [value_of(sample) for sample in rest]
    contests = []
    for other, drawn in zip(values, _sums_randomized(one, rest, draws, seed), strict=True):
        difference = None if value is None or other is None else other - value
        contests.append(Contest(difference, None if difference is None else _share(drawn, (value, other))))
    return contests


def check_same(first: Sequence[Row], second: Sequence[Row]) -> None:
    """Raise a MetricError, with a count and some names, unless both systems answered the same samples."""
    by_id = [{row.id: row for row in rows} for rows in (first, second)]
    for rows, known, which in zip((first, second), by_id, ("first", "second"), strict=True):
        if len(known) < len(rows):
            raise MetricError(f"the {which} system has {len(rows) - len(known)} samples twice; ids are unique")
    for (one, other), which in ((by_id, "first"), (by_id[::-1], "second")):
        alone = sorted(one.keys() - other.keys())
        if alone:
            raise MetricError(
                f"{len(alone)} of {len(one)} samples of the {which} system are not the other's ({_some(alone)}); "
                f"compare systems on the same samples"
            )
    for key in ("references", "group"):
        differing = sorted(name for name, row in by_id[0].items() if getattr(row, key) != getattr(by_id[1][name], key))
        if differing:
            raise MetricError(
                f"{len(differing)} of {len(first)} samples have another '{key}' in the second system than in the first "
                f"({_some(differing)}); compare systems on the same samples, normalised alike"
            )


def _check_covered(metric: Metric, first: Sequence[Row], second: Sequence[Row]) -> None:
    alone = sorted({row.id for row in first} ^ {row.id for row in second})
    if alone:
        raise MetricError(
            f"metric {metric.name!r} leaves out {len(alone)} samples of one system only ({_some(alone)}); "
            f"it cannot compare the two"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:NAMED])) + (", ..." if len(names) > NAMED else "")


def as_far(drawn: np.ndarray, values: Sequence[float | None]) -> np.ndarray:
    """Which of the differences drawn are as far from 0 as that of two values; undefined ones are."""
    first, second = (value or 0.0 for value in values)
    least = abs(second - first) - ROUNDING * max(abs(first), abs(second))
    return ~(np.abs(drawn) < least)


def _share(drawn: np.ndarray, values: Sequence[float | None]) -> float:
    """The p value of the difference of two values among drawn ones; undefined ones are left out."""
    drawn = drawn[np.isfinite(drawn)]
    return float(1 + as_far(drawn, values).sum()) / (1 + drawn.size)


def _randomized(
    metric: Metric, first: Sequence[Row], second: Sequence[Row], samples: Sequence[Sample], draws: int, seed: int
) -> np.ndarray:
    """Differences with the systems of whole groups swapped at random, shape = (draws,)."""
    one, two = samples
    if isinstance(one, SumSample) and isinstance(two, SumSample):
        return next(_sums_randomized(one, [two], draws, seed))
    assert isinstance(metric, SetMetric) and isinstance(one, SetSample)
    # Both systems' rows as one set, of which weights choose; ids stay unique
    both = metric.encode([*first, *(row._replace(id=f"{row.id} (second)") for row in second)])
    values = []
    for swaps in _swaps(one.sizes, draws, seed):
        for swap in swaps.astype(np.int64):
            away = swap[one.membership]
            stay = 1 - away
            pair = (np.concatenate([away, stay]), np.concatenate([stay, away]))
            values.append(metric.score(both, pair[0]) - metric.score(both, pair[1]))
    return np.array(values)


def _sums_randomized(first: SumSample, others: Sequence[SumSample], draws: int, seed: int) -> Iterator[np.ndarray]:
    """The same for a system and each of several others in turn; the swaps, of the same units, are drawn once for all:
    one matrix product."""
    moved = np.hstack([other.sums - first.sums for other in others])
    some = moved.any(axis=0)  # a reference's length never moves
    # Sums of whole numbers up to 2^24 are exact in half the bits, and take half the time
    whole = np.abs(moved).sum(axis=0).max() < 2**24 and np.array_equal(moved, np.rint(moved))
    factor = moved[:, some].astype(np.float32 if whole else np.float64)
    swapped = np.zeros((draws, moved.shape[1]))
    swapped[:, some] = np.concatenate(
        [swaps.astype(factor.dtype, copy=False).dot(factor) for swaps in _swaps(first.sizes, draws, seed)]
    )
    for other, sums in zip(others, np.split(swapped, len(others), axis=1), strict=True):
        to_first, to_other = first.sizes @ first.sums + sums, first.sizes @ other.sums - sums
        yield first.metric.scores(to_other) - first.metric.scores(to_first)


def _swaps(sizes: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How many groups of each unit are swapped, in chunks of shape = (n, n_units)."""
    units = len(sizes)
    if units == sizes.sum() and units * draws <= CELLS:
        yield _coins(units, draws, seed)
        return
    rng = np.random.default_rng([seed, 1])  # other numbers than those that draw groups
    for count in in_chunks(draws, units):
        shape = (count, units)
        yield rng.integers(0, 2, shape) if units == sizes.sum() else rng.binomial(sizes, 0.5, shape)


@lru_cache(maxsize=4)
def _coins(units: int, draws: int, seed: int) -> np.ndarray:
    """The swaps of `_swaps` where each unit is a group: tasks of as many groups have the same. At most 4 MB."""
    coins = np.random.default_rng([seed, 1]).integers(0, 2, (draws, units)).astype(np.float32)
    coins.setflags(write=False)
    return coins


def _binomial_p(first: int, second: int) -> float:
    """Twice the probability of at most the smaller of two counts, were both equally likely; at most 1."""
    n, k = first + second, min(first, second)
    term = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
    tail = 0.0
    while k >= 0 and tail + term > tail:
        tail += term
        term *= k / (n - k + 1)
        k -= 1
    return min(1.0, 2 * tail)
