"""Pairs: two systems on the samples of a task that both answered, for a paired test."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from metrics.base import Metric, Row
from results.statistics import TaskStatistics


@dataclass(frozen=True)
class Pair:
    """The rows of both systems, in one order, of the same samples with the same right answers."""

    metric: Metric
    first: list[Row]
    second: list[Row]
    only_first: int
    """Samples that only the first system has a score for."""
    only_second: int
    differing: int
    """Samples of both whose right answers or groups are not the same; they are left out too."""


def pair(first: TaskStatistics, second: TaskStatistics, only: Collection[str] | None = None) -> Pair:
    """Two systems' statistics of one task as rows to compare, of all ids or of those in ``only`` (a subset, a slice).

    Raises ValueError where they were not scored alike: by their signatures they are not comparable.
    """
    if first.signature != second.signature:
        raise ValueError(f"scored otherwise: {first.signature}, and {second.signature}")
    ones, others = ({row.id: row for row in one.rows if only is None or row.id in only} for one in (first, second))
    both = [name for name in ones if name in others]
    same = [name for name in both if _task_of(ones[name]) == _task_of(others[name])]
    return Pair(
        metric=first.metric,
        first=[ones[name] for name in same],
        second=[others[name] for name in same],
        only_first=len(ones) - len(both),
        only_second=len(others) - len(both),
        differing=len(both) - len(same),
    )


def _task_of(row: Row) -> tuple[tuple[str, ...], str]:
    return row.references, row.group


def places(first: TaskStatistics, second: TaskStatistics, chosen: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The same samples as `pair` has of those at the places ``chosen`` of the first: their places in both systems'
    columns. Without a row for each, it is many times as fast."""
    if first.ids == second.ids and first.references == second.references and first.groups == second.groups:
        ones = twos = np.fromiter(chosen, dtype=np.int64)
        return ones, twos
    known = {name: place for place, name in enumerate(second.ids)}
    pairs = [
        (one, two)
        for one in chosen
        if (two := known.get(first.ids[one])) is not None
        and first.references[one] == second.references[two]
        and first.group_names[one] == second.group_names[two]
    ]
    both = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]
