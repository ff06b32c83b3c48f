"""Pairs: two systems on the samples of a task that both answered, for a paired test."""

from collections.abc import Collection
from dataclasses import dataclass

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
