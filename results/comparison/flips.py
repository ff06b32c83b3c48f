"""Flips: the samples on which the second system does worse or better than the first, the most costly first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import Row, SetMetric, SumMetric
from metrics.score import Scoring, ScoringSpec
from metrics.wer import ErrorRate, Operation
from results.pairs import Pair

STEPS = 200
"""Of an alignment that are kept."""
NO_CHANGE = 1e-9


@dataclass(frozen=True)
class Said:
    """What one system said of a sample."""

    raw: str
    """The model's words."""
    answer: str | None
    """What was compared, extracted and normalised; None where no answer could be read."""
    steps: list[Operation] | None
    """Of an error rate: from the reference to the answer, at most STEPS."""
    more_steps: int
    """How many were left out."""


@dataclass(frozen=True)
class Flip:
    """One sample that the second system answered otherwise, at a cost or a gain."""

    id: str
    loss: float
    """How much worse the first system's score would be with this one answer of the second, in the metric's unit;
    negative: better."""
    references: list[str]
    """As compared."""
    first: Said
    second: Said
    joint: str
    """What stands between two tokens of the steps: a blank, or nothing."""


@dataclass(frozen=True)
class Flips:
    """All flips of a task, counted; some of them in full."""

    differ: int
    """Samples whose raw answers are not the same."""
    worse: int
    """Samples on which the second system's statistics are worse for the score."""
    better: int
    lost: list[Flip]
    """The most costly, from the worst on."""
    gained: list[Flip]
    """The most gainful, from the best on."""


def flips(
    found: Pair,
    first: Mapping[str, Mapping[str, Any]],
    second: Mapping[str, Mapping[str, Any]],
    most: int,
    spec: ScoringSpec,
) -> Flips:
    """A pair's flips, at most so many on either side in full; ``first`` and ``second`` are the predictions by id."""
    losses = _losses(found)
    ids = [row.id for row in found.first]
    order = sorted(range(len(ids)), key=lambda place: (-losses[place], ids[place]))
    lost = [place for place in order if losses[place] > NO_CHANGE]
    gained = [place for place in reversed(order) if losses[place] < -NO_CHANGE]
    chosen = [*lost[:most], *gained[:most]]
    shown = {
        flip.id: flip
        for flip in _in_full([(ids[place], float(losses[place])) for place in chosen], first, second, spec)
    }
    return Flips(
        differ=sum(first[name].get("raw") != second[name].get("raw") for name in ids),
        worse=len(lost),
        better=len(gained),
        lost=[shown[ids[place]] for place in lost[:most]],
        gained=[shown[ids[place]] for place in gained[:most]],
    )


def _losses(found: Pair) -> np.ndarray:
    """How much worse the first system's score gets by each of the second's answers alone, shape = (n_rows,)."""
    metric, n = found.metric, len(found.first)
    if not n:
        return np.zeros(0)
    if isinstance(metric, SumMetric):
        one, two = metric.table(found.first), metric.table(found.second)
        total = one.sum(axis=0)
        changed = np.flatnonzero((one != two).any(axis=1))
        moved = metric.scores(total - one[changed] + two[changed]) - metric.score(total)
    else:
        assert isinstance(metric, SetMetric)
        both = metric.encode([*found.first, *(row._replace(id=f"{row.id} (second)") for row in found.second)])
        changed = np.array([k for k in range(n) if found.first[k].answer != found.second[k].answer], dtype=np.int64)
        weights = np.repeat([1, 0], n)
        before, known = metric.score(both, weights), {}
        for place in changed:  # what is said alike of what is alike moves the set alike
            key = _alike(found.first[place], found.second[place])
            if key not in known:
                known[key] = metric.score(both, _exchanged(weights, int(place), n)) - before
        moved = np.array([known[_alike(found.first[place], found.second[place])] for place in changed])
    losses = np.zeros(n)
    losses[changed] = np.nan_to_num(moved) * (-1 if metric.higher_is_better else 1)
    return losses


def _alike(first: Row, second: Row) -> tuple[str | None, str | None, tuple[str, ...], str | None]:
    """All that the set knows of a sample: its rows are recorded ones, without fields."""
    return first.answer, second.answer, first.references, first.language


def _exchanged(weights: np.ndarray, place: int, n: int) -> np.ndarray:
    weights = weights.copy()
    weights[place], weights[n + place] = 0, 1
    return weights


def _in_full(
    chosen: Sequence[tuple[str, float]],
    first: Mapping[str, Mapping[str, Any]],
    second: Mapping[str, Mapping[str, Any]],
    spec: ScoringSpec,
) -> list[Flip]:
    scorings = [Scoring([records[name] for name, _ in chosen], spec) for records in (first, second)]
    ones, twos = ({row.id: row for row in scoring.answers(spec.primary)} for scoring in scorings)
    metric = scorings[0].metrics[spec.primary]
    rate = metric if isinstance(metric, ErrorRate) else None
    return [
        Flip(
            id=name,
            loss=loss,
            references=list(ones[name].references),
            first=_said(ones[name], first[name], rate),
            second=_said(twos[name], second[name], rate),
            joint="" if rate and rate.unit_of(ones[name].language) == "char" else " ",
        )
        for name, loss in chosen
    ]


def _said(row: Row, record: Mapping[str, Any], rate: ErrorRate | None) -> Said:
    steps = None if rate is None else rate.align(row)
    return Said(
        raw=record.get("raw") or "",
        answer=row.answer,
        steps=None if steps is None else steps[:STEPS],
        more_steps=0 if steps is None else max(0, len(steps) - STEPS),
    )
