"""Numbers of charts: distributions over samples, and the score against the length of the clips."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import SumMetric
from metrics.bootstrap import DRAWS, SEED, SumSample, interval_of, value_of
from metrics.wer import ErrorRate
from results.report.samples import TaskSamples, seconds_of
from results.statistics import TaskStatistics

BINS = 20
SLICES = 8
"""Of the lengths of clips."""
FEWEST = 5
"""Samples in a slice."""
SPREAD = 1.2
"""The longest clip to the shortest, below which there is nothing to slice."""
COMMON = 10
LONGEST = 200
"""Characters of an answer that is listed as common."""


@dataclass(frozen=True)
class Numbers:
    """What a run's samples of a task have of each distribution, shape = (n,) each."""

    seconds: np.ndarray
    own: np.ndarray
    """The primary metric on single samples; nothing where that is only right or wrong."""
    characters: np.ndarray
    """Of the answers."""
    highest: float | None
    """Where the axis of `own` ends, and what is beyond is counted together; None: with the values."""


def numbers(samples: TaskSamples) -> Numbers:
    values = [] if samples.metric.right_or_wrong else [own.value for own in samples.own.values()]
    return Numbers(
        seconds=_known([seconds_of(record) for record in samples.records]),
        own=_known(values),
        characters=_known([len(record["raw"]) for record in samples.records if record.get("raw") is not None]),
        highest=100.0 if isinstance(samples.metric, ErrorRate) else None,
    )


def of_task(samples: TaskSamples) -> dict[str, Any]:
    """What the page shows of one run's samples beside their distributions, JSON-able."""
    lengths = [seconds_of(record) for record in samples.records]
    said = [record["raw"] for record in samples.records if record.get("raw") is not None]
    return {
        "by_seconds": by_seconds(samples),
        "common": common(said),
        "hours": math.fsum(length for length in lengths if length is not None) / 3600,
    }


def histograms(runs: Sequence[Numbers]) -> list[dict[str, Any]]:
    """The distributions of each run, on the same bins for all."""
    made = {
        "seconds": histogram([run.seconds for run in runs]),
        "own": histogram([run.own for run in runs], next((run.highest for run in runs), None)),
        "characters": histogram([run.characters for run in runs], least=1.0),
    }
    return [{name: bins and bins[number] for name, bins in made.items()} for number in range(len(runs))]


def histogram(
    several: Sequence[np.ndarray], highest: float | None = None, least: float = 0.0
) -> list[dict[str, Any]] | None:
    """Of each list of values the counts in about BINS bins of one round width (``least`` or more), and how many lie
    beyond ``highest``; ``edges`` are the same for all. None for fewer than two different values."""
    known = np.concatenate(several) if several else np.array([])
    if not known.size or known.min() == known.max():
        return None
    top = float(known.max()) if highest is None else min(highest, float(known.max()))
    low = float(known.min())
    low = 0.0 if 0 <= low <= top / 2 or low >= top else low
    width = max(_round_width((top - low) / BINS), least)
    begin = math.floor(low / width)
    last = max(begin + 1, math.ceil(top / width - 1e-9))
    edges = [width * number for number in range(begin, last + 1)]
    return [
        {
            "edges": edges,
            "counts": np.histogram(values[values <= edges[-1]], edges)[0].tolist(),
            "beyond": int((values > edges[-1]).sum()),
        }
        for values in several
    ]


def by_seconds(samples: TaskSamples) -> list[dict[str, Any]]:
    """The primary score with its interval in slices of about as many samples each, from the shortest clips to the
    longest. Nothing for a metric that does not sum, for few samples, or for clips of about one length.

    The slices are of all samples, failed ones too, and so the same for all runs on the same data.
    """
    known = samples.statistics
    lengths = {record["id"]: seconds_of(record) for record in samples.records}
    every = np.sort(_known(list(lengths.values())))
    slices = min(SLICES, len(every) // FEWEST)
    if known is None or known.table is None or slices < 2 or every[-1] < SPREAD * every[0]:
        return []
    bounds = [float(part[-1]) for part in np.array_split(every, slices)]
    bounds = sorted(set(bounds))
    seconds = np.array([math.nan if lengths[name] is None else lengths[name] for name in known.ids], dtype=np.float64)
    found: list[dict[str, Any]] = []
    low = float(every[0])
    for high in bounds:
        inside = np.flatnonzero((seconds <= high) & ((seconds > low) if found else (seconds >= low)))
        found.append({"low": low, "high": high, "n": len(inside)} | _measured(known, inside))
        low = high
    return found


def _measured(known: TaskStatistics, chosen: np.ndarray) -> dict[str, Any]:
    """The score over some samples, with its interval over their groups."""
    metric = known.metric
    if not chosen.size or not isinstance(metric, SumMetric):
        return {"value": None, "ci95": None}
    table = np.array([np.take(column, chosen) for column in known.table or ()], dtype=np.float64).T
    groups = chosen.tolist() if known.groups is None else [known.groups[number] for number in chosen]
    places: dict[Any, int] = {}
    membership = np.array([places.setdefault(group, len(places)) for group in groups])
    sums = np.stack([np.bincount(membership, column, len(places)) for column in table.T], axis=1)
    sample = SumSample(metric, sums, np.ones(len(places), dtype=np.int64))
    value = value_of(sample)
    interval = None if value is None else interval_of(sample, value, DRAWS, SEED, "percentile")
    return {"value": value, "ci95": interval and list(interval)}


def common(said: Sequence[str]) -> list[tuple[str, int]]:
    """The answers that were given more than once, the most common first."""
    times = [item for item in Counter(said).items() if item[1] > 1]
    return [(text[:LONGEST], count) for text, count in sorted(times, key=lambda item: (-item[1], item[0]))[:COMMON]]


def _known(values: Sequence[float | None]) -> np.ndarray:
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _round_width(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``least``."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
