"""Randomisation tests beside many others: p values fine enough to be told apart after Holm's correction.

With 1,000 draws no p is below 0.001, and among 100 tasks Holm makes 0.1 of that: no loss would ever be found. Here the
draws grow with what must be told apart, and stop early where a difference is plainly no more than chance.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.base import Metric, Row, SetMetric, SumMetric
from metrics.bootstrap import (
    DRAWS,
    SEED,
    Interval,
    Sample,
    SetSample,
    SumSample,
    in_chunks,
    interval_from,
    ordered,
    resampled,
    samples_of,
    value_of,
)
from metrics.paired import Difference, as_far, mcnemar

LEAST = 10_000
"""The most draws of a test that stands alone."""
PER_FINEST = 10
"""The most draws, times the finest p: a p half as large as that is then told from it in all but 3 of 100 seeds."""
ENOUGH = 25
"""Draws as far as the difference found after which no more are made; p is then known to about a fifth of itself."""
FIRST = 128
"""Draws of the first chunk, which mostly suffices."""


@dataclass(frozen=True)
class Paired:
    """Two systems by one metric on the same samples, with a p value to be corrected for many tasks."""

    first: float | None
    """The first system's value in the metric's unit; None where it is undefined."""
    second: float | None
    difference: float | None
    """second - first; None where one is undefined."""
    ci95: Interval | None
    """95 % bootstrap interval of the difference, resampled by group; None with fewer than two groups, or not asked."""
    spread: float | None
    """Standard error of the difference, by the same bootstrap."""
    p: float
    """Two-sided; 1 where there is no difference to test."""
    test: str
    """`McNemar` or `randomisation`."""
    draws: int
    """Made for p; 0 where it is exact."""
    n: int
    """Samples compared."""
    groups: int
    changed: int
    """Samples whose statistics (for a metric of the whole set: answers) are not the same."""

    def p_worse(self, higher_is_better: bool) -> float:
        """One-sided: how likely the second system looked as much worse as it does, were both equally good.

        Swapping all groups turns the sign of a difference, so chance is as likely on either side, and half of the
        two-sided p is that of the side where the difference lies."""
        loss = self.loss(higher_is_better)
        return self.p / 2 if loss is not None and loss > 0 else 1.0

    def loss(self, higher_is_better: bool) -> float | None:
        """How much worse the second system is, in the metric's unit; negative: better."""
        if self.difference is None:
            return None
        return -self.difference if higher_is_better else self.difference

    def p_beyond(self, tolerance: float, higher_is_better: bool) -> float:
        """One-sided p of a loss of more than `tolerance` (in the metric's unit): for 0 `p_worse`; else the larger of
        that and a t test of the loss less the tolerance, by the bootstrap's standard error and groups - 1 degrees."""
        p, loss = self.p_worse(higher_is_better), self.loss(higher_is_better)
        if tolerance <= 0 or loss is None or p >= 1:
            return p
        if loss <= tolerance or self.spread is None:
            return 1.0
        return max(p, _upper_tail((loss - tolerance) / self.spread, self.groups - 1) if self.spread else 0.0)


def paired(
    metric: Metric,
    first: Sequence[Row],
    second: Sequence[Row],
    finest: float = 0.05,
    intervals: bool = True,
    seed: int = SEED,
) -> Paired:
    """Compare two systems' rows of the same samples with the same references and groups.

    `finest` is the smallest p that decides something, such as alpha / tasks. McNemar's exact test where answers are
    right or wrong and each sample is its own group; else approximate randomisation (see `randomized`). A function of
    the rows, not of their order; swapping the systems turns the sign and nothing else.
    """
    one, two = ordered(metric, first), ordered(metric, second)
    samples = samples_of(metric, [one, two]) if one else []
    values = [value_of(sample) for sample in samples] or [None, None]
    difference = None if values[0] is None or values[1] is None else values[1] - values[0]
    groups = len({row.group for row in one})
    ci95 = spread = None
    p, test, draws = 1.0, "randomisation", 0
    if difference is not None:
        if metric.right_or_wrong and groups == len(one):
            p, test = mcnemar(metric, one, two).p, "McNemar"
        else:
            p, draws = randomized(metric, one, two, samples, values, finest, seed)
        if intervals and groups > 1:
            ci95, spread = _bootstrapped(samples, difference, seed)
    return Paired(
        first=values[0],
        second=values[1],
        difference=difference,
        ci95=ci95,
        spread=spread,
        p=p,
        test=test,
        draws=draws,
        n=len(one),
        groups=groups,
        changed=_changed(metric, one, two),
    )


def groups_at_stake(metric: Metric, rows: Sequence[Row]) -> int:
    """How many groups of a system could get worse: all; of right and wrong answers those with one that is right. No
    one-sided p of a loss is smaller than 0.5 to that power: each of them worse, and none better."""
    if metric.right_or_wrong and isinstance(metric, SumMetric) and rows:
        right = metric.table(rows)[:, 0] > 0
        rows = [row for row, is_right in zip(rows, right, strict=True) if is_right]
    return len({row.group for row in rows})


def randomized(
    metric: Metric,
    first: Sequence[Row],
    second: Sequence[Row],
    samples: Sequence[Sample],
    values: Sequence[float | None],
    finest: float = 0.05,
    seed: int = SEED,
) -> tuple[float, int]:
    """Two-sided p of the difference of two values, and the draws made for it (0: all swaps were tried, and p is exact).

    The two answers of each whole group are swapped or not, by a coin (Noreen 1989). At most LEAST draws, or
    PER_FINEST / `finest` where these are more; a test ends after ENOUGH differences as large as the one found, with p =
    ENOUGH / draws (Besag and Clifford 1991), else p = (1 + as large) / (1 + draws): where both are equally good, p is
    at most alpha in at most a share alpha of cases. Where the groups that differ can be swapped in no more ways than
    there are draws, each way is tried once. Swaps on which the metric is undefined count as large.
    """
    swap, sizes = _swapper(metric, first, second, samples)
    if values[0] == values[1] or not len(sizes):
        return 1.0, 0
    most = max(LEAST, math.ceil(PER_FINEST / finest))
    alone = len(sizes) == sizes.sum()
    if alone and len(sizes) < most.bit_length():
        large = sum(int(as_far(swap(swaps), values).sum()) for swaps in _all_swaps(len(sizes)))
        return large / 2 ** len(sizes), 0
    found = done = 0
    for swaps in _coins(sizes, most, seed, whole=isinstance(samples[0], SumSample)):
        large_ones = np.flatnonzero(as_far(swap(swaps), values))
        if found + len(large_ones) >= ENOUGH:
            draws = done + int(large_ones[ENOUGH - found - 1]) + 1
            return ENOUGH / draws, draws
        found, done = found + len(large_ones), done + len(swaps)
    return (1 + found) / (1 + most), most


def _swapper(
    metric: Metric, first: Sequence[Row], second: Sequence[Row], samples: Sequence[Sample]
) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """What a swap of groups makes of the difference, shape = (n, units) -> (n,); and the sizes of the units that differ
    between the systems: to swap the others does nothing."""
    one, two = samples
    if isinstance(one, SumSample) and isinstance(two, SumSample):
        totals, moves = (one.sizes @ one.sums, two.sizes @ two.sums), two.sums - one.sums
        units = np.flatnonzero(moves.any(axis=1))
        moves = moves[units]

        def of_sums(swaps: np.ndarray) -> np.ndarray:
            moved = swaps.astype(np.float64) @ moves
            return one.metric.scores(totals[1] - moved) - one.metric.scores(totals[0] + moved)

        return of_sums, one.sizes[units]
    assert isinstance(metric, SetMetric) and isinstance(one, SetSample)
    # Both systems' rows as one set, of which weights choose; ids stay unique
    both = metric.encode([*first, *(row._replace(id=f"{row.id} (second)") for row in second)])
    differs = np.array([row.answer != other.answer for row, other in zip(first, second, strict=True)])
    units = np.unique(one.membership[differs])

    def of_sets(swaps: np.ndarray) -> np.ndarray:
        values = []
        for swap in swaps:
            away = np.zeros(len(one.sizes), dtype=np.int64)
            away[units] = swap
            away = away[one.membership]
            pair = (np.concatenate([away, 1 - away]), np.concatenate([1 - away, away]))
            values.append(metric.score(both, pair[0]) - metric.score(both, pair[1]))
        return np.array(values)

    return of_sets, one.sizes[units]


def _all_swaps(units: int) -> Iterator[np.ndarray]:
    """Each way to swap some of so many groups, in chunks of shape = (n, units)."""
    for start in range(0, 2**units, 1 << 12):
        numbers = np.arange(start, min(start + (1 << 12), 2**units))
        yield (numbers[:, np.newaxis] >> np.arange(units)) & 1


def _coins(sizes: np.ndarray, draws: int, seed: int, whole: bool) -> Iterator[np.ndarray]:
    """How many groups of each unit are swapped, in chunks of shape = (n, units): small ones first, of one draw each
    where not ``whole``, since each then costs a score of the set."""
    rng = np.random.default_rng([seed, 2])
    alone = len(sizes) == sizes.sum()
    left, chunk = draws, FIRST if whole else 1
    while left:
        for count in in_chunks(min(chunk, left), len(sizes)):
            shape = (count, len(sizes))
            yield rng.integers(0, 2, shape, dtype=np.int8) if alone else rng.binomial(sizes, 0.5, shape)
        left -= min(chunk, left)
        chunk *= 2 if whole else 1


def _bootstrapped(samples: Sequence[Sample], difference: float, seed: int) -> tuple[Interval | None, float | None]:
    """The interval of a difference and its standard error."""
    sample = Difference(*samples)
    drawn = resampled(sample, DRAWS, seed)
    drawn = drawn[np.isfinite(drawn)]
    groups = int(sample.sizes.sum())
    few = math.sqrt(groups / (groups - 1))  # what is drawn again from few groups is spread less than groups are
    spread = few * float(drawn.std(ddof=1)) if drawn.size > 1 else None
    return interval_from(drawn, sample, difference, "percentile"), spread


def _changed(metric: Metric, first: Sequence[Row], second: Sequence[Row]) -> int:
    if isinstance(metric, SumMetric) and first:
        return int((metric.table(first) != metric.table(second)).any(axis=1).sum())
    return sum(row.answer != other.answer for row, other in zip(first, second, strict=True))


def _upper_tail(t: float, degrees: int) -> float:
    """The probability of more than `t` by Student's distribution."""
    from scipy.special import stdtr

    return float(stdtr(degrees, -t))
