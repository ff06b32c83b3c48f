"""Numbers of charts: distributions over samples, and the score against the length of the clips."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from metrics.bootstrap import DRAWS, SEED, SumSample, interval_of, value_of
from metrics.wer import ErrorRate
from results.report.samples import TaskSamples, seconds_of
from results.statistics import TaskStatistics

BINS = 20
SLICES = 8
"""Of the lengths of clips."""
FEWEST = 5
"""Samples in a slice."""
COMMON = 10
LONGEST = 200
"""Characters of an answer that is listed as common."""


def of_task(samples: TaskSamples) -> dict[str, Any]:
    """What the page draws of a task beside its scores, JSON-able."""
    lengths = [seconds_of(record) for record in samples.records]
    values = [own.value for own in samples.own.values()]
    said = [record["raw"] for record in samples.records if record.get("raw") is not None]
    rate = isinstance(samples.metric, ErrorRate)
    own = None if samples.metric.right_or_wrong else histogram(values, highest=100.0 if rate else None)
    return {
        "seconds": histogram(lengths),
        "own": own,
        "characters": histogram([len(text) for text in said]),
        "by_seconds": by_seconds(samples),
        "common": common(said),
        "hours": math.fsum(length for length in lengths if length is not None) / 3600,
        "right": Counter(own.right for own in samples.own.values())[True] if samples.own else None,
    }


def histogram(values: Sequence[float | None], highest: float | None = None) -> dict[str, Any] | None:
    """Edges and counts of at most BINS bins of round width; what lies beyond ``highest`` is in the last one. None for
    fewer than two different values."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not known.size or known.min() == known.max():
        return None
    over = highest is not None and bool((known > highest).any())
    top = highest if over and highest is not None else float(known.max())
    low = 0.0 if 0 <= known.min() <= (top - known.min()) / 2 else float(known.min())
    width = _round_width((top - low) / BINS) if top > low else 1.0
    begin = math.floor(low / width) * width
    count = max(1, math.ceil((top - begin) / width - 1e-9))
    edges = [begin + width * number for number in range(count + 1)]
    clipped = np.minimum(known, edges[-1])
    counts = np.histogram(clipped if not over else known[known <= edges[-1]], edges)[0].tolist()
    return {"edges": edges, "counts": counts, "beyond": int((known > edges[-1]).sum()) if over else 0}


def by_seconds(samples: TaskSamples) -> list[dict[str, Any]]:
    """The primary score with its interval in slices of about as many samples each, from the shortest clips to the
    longest. Nothing for a metric that does not sum, or for few samples."""
    known = samples.statistics
    if known is None or known.table is None:
        return []
    lengths = {record["id"]: seconds_of(record) for record in samples.records}
    seconds = np.array([math.nan if lengths[name] is None else lengths[name] for name in known.ids], dtype=np.float64)
    order = np.argsort(seconds, kind="stable")[: int(np.isfinite(seconds).sum())]
    slices = min(SLICES, len(order) // FEWEST)
    if slices < 2:
        return []
    return [_slice(known, seconds, chosen) for chosen in np.array_split(order, slices)]


def _slice(known: TaskStatistics, seconds: np.ndarray, chosen: np.ndarray) -> dict[str, Any]:
    table = np.array(known.table, dtype=np.float64).T[chosen]
    groups = chosen.tolist() if known.groups is None else [known.groups[number] for number in chosen]
    numbers: dict[Any, int] = {}
    membership = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    sums = np.stack([np.bincount(membership, column, len(numbers)) for column in table.T], axis=1)
    sample = SumSample(known.metric, sums, np.ones(len(numbers), dtype=np.int64))  # type: ignore[arg-type]
    value = value_of(sample)
    interval = None if value is None else interval_of(sample, value, DRAWS, SEED, "percentile")
    low, high = float(seconds[chosen[0]]), float(seconds[chosen[-1]])
    return {"low": low, "high": high, "n": len(chosen), "value": value, "ci95": interval and list(interval)}


def common(said: Sequence[str]) -> list[tuple[str, int]]:
    """The answers that were given more than once, the most common first."""
    times = [item for item in Counter(said).items() if item[1] > 1]
    return [(text[:LONGEST], count) for text, count in sorted(times, key=lambda item: (-item[1], item[0]))[:COMMON]]


def _round_width(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``least``."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
