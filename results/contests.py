"""Contests: in each column of a board, who is best, and who is not separated from the best."""

from collections.abc import Iterable, Sequence

import numpy as np

from metrics.base import SumMetric
from metrics.paired import holm, one_against_many
from results.board import Board, Cell, Column
from results.scoring import statistics_of
from results.statistics import TaskStatistics

WAYS = {
    "paired": "separated: by paired approximate randomisation over the samples that both answered (1,000 draws, whole "
    "groups), after Holm within the column, alpha = {alpha:g}",
    "intervals": "separated without a test, by 95 % intervals that do not overlap, where no statistics of samples are "
    "kept (metrics of the whole set, rows that are not the task's primary)",
    "published": "a published value comes without samples: it is separated from a measured one where it lies outside "
    "of that one's 95 % interval, and from another published one never",
}
"""How two values are told apart, in the order in which it is said."""
Known = dict[int, TaskStatistics | None]
"""By row, of one task; read when they are needed."""


def decide(board: Board) -> None:
    """Mark in each column the best cell where all others are separated from it, else those that are not.

    A control takes no part, nor what is not comparable.
    """
    task: str | None = None
    known: Known = {}
    for number in board.ordered:
        if board.columns[number].task != task:
            task, known = board.columns[number].task, {}
        rivals = {
            row: cell
            for row, cell in board.column(number).items()
            if cell.value is not None and cell.comparable and not board.rows[row].control
        }
        if len(rivals) > 1:
            _decide(board, number, rivals, known)


def _decide(board: Board, number: int, rivals: dict[int, Cell], known: Known) -> None:
    column = board.columns[number]
    sign = -1 if column.higher_is_better else 1
    best = min(rivals, key=lambda row: (sign * (rivals[row].value or 0.0), board.rows[row].published, row))
    others = [row for row in rivals if row != best]
    tested = _tested(column, rivals, best, others, known)
    adjusted = holm({row: p for row, (_, p) in tested.items()})
    separated = {row for row, (ahead, _) in tested.items() if ahead and adjusted[row] < board.alpha}
    for row in others:
        if row in tested:
            way = "paired"
        elif board.rows[best].published or board.rows[row].published:
            way = "published"
        else:
            way = "intervals"
        if number not in board.ways.setdefault(way, []):
            board.ways[way].append(number)
        if row not in tested and _apart(rivals[best], rivals[row]):
            separated.add(row)
    equal = [row for row in others if row not in separated]
    rivals[best].best = not equal
    for row in [best, *equal] if equal else ():
        rivals[row].tied = True


def _apart(best: Cell, other: Cell) -> bool:
    """Whether an interval lies outside of another, or of a value that has none."""
    if best.ci95 is None and other.ci95 is None:
        return False
    (low, high), (other_low, other_high) = (
        cell.ci95 or (cell.value or 0.0, cell.value or 0.0) for cell in (best, other)
    )
    return high < other_low or other_high < low


def _tested(
    column: Column, rivals: dict[int, Cell], best: int, others: Sequence[int], known: Known
) -> dict[int, tuple[bool, float]]:
    """Of those that can be tested against the best: whether the best is ahead on the samples of both, and p."""
    if not rivals[best].primary:
        return {}
    for row in (best, *others):
        if row not in known:
            known[row] = _read(rivals[row], column.task)
    first = known[best]
    metric = first.metric if first is not None else None
    if first is None or not isinstance(metric, SumMetric):
        return {}
    chosen = first.of_subset(column.subset)
    alike: dict[bytes, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    for row in others:
        other = known[row]
        if other is not None and other.table is not None and other.signature == first.signature:
            ones, twos = _same(first, other, chosen)
            alike.setdefault(ones.tobytes(), []).append((row, ones, other.array[twos]))
    found = {}
    for together in alike.values():
        ones = together[0][1]
        groups = [first.group_names[place] for place in ones]
        contests = one_against_many(metric, first.array[ones], [table for _, _, table in together], groups)
        for (row, *_), contest in zip(together, contests, strict=True):
            if contest.difference is not None and contest.p is not None:
                ahead = contest.difference < 0 if column.higher_is_better else contest.difference > 0
                found[row] = ahead, contest.p
    return found


def _read(cell: Cell, task: str) -> TaskStatistics | None:
    return None if cell.run is None else statistics_of(*cell.run, task)


def _same(first: TaskStatistics, second: TaskStatistics, chosen: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The places in both of the samples among ``chosen`` of the first that both answered, to the same question: as
    ``results.pairs.pair`` has them, without a row for each."""
    if first.ids == second.ids and first.references == second.references and first.groups == second.groups:
        ones = twos = np.fromiter(chosen, dtype=np.int64)
        return ones, twos
    places = {name: place for place, name in enumerate(second.ids)}
    pairs = [
        (one, two)
        for one in chosen
        if (two := places.get(first.ids[one])) is not None
        and first.references[one] == second.references[two]
        and first.group_names[one] == second.group_names[two]
    ]
    both = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]
