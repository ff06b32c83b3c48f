"""Contests: in each column of a board, who is best, and who is not separated from the best."""

from collections.abc import Mapping, Sequence

import numpy as np

from metrics.base import SumMetric
from metrics.paired import holm, one_against_many
from results.boards.board import Board, Cell, Column
from results.pairs import places
from results.questions import scored_together
from results.scoring import statistics_of
from results.statistics import TaskStatistics

WAYS = {
    "paired": "separated: by paired approximate randomisation over the samples that both answered (1,000 draws, whole "
    "groups), after Holm within the column, alpha = {alpha:g}",
    "intervals": "separated without a test, by 95 % intervals that do not overlap (one without width, or of a run of "
    "which samples failed, separates nothing), where no statistics of samples are kept: metrics of the whole set, rows "
    "that are not the task's primary",
    "published": "a published value comes without samples: it is separated from a measured one where it lies outside "
    "of that one's 95 % interval, unless that has no width or samples failed, and from another published one never",
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
        by_paper = board.rows[best].published or board.rows[row].published
        way = "paired" if row in tested else "published" if by_paper else "intervals"
        if number not in board.ways.setdefault(way, []):
            board.ways[way].append(number)
        if way == "intervals" and _apart(rivals[best], rivals[row]):
            separated.add(row)
        if way == "published" and (_outside(rivals[best], rivals[row]) or _outside(rivals[row], rivals[best])):
            separated.add(row)
    equal = [row for row in others if row not in separated]
    rivals[best].best = not equal
    for row in [best, *equal] if equal else ():
        rivals[row].tied = True


def _apart(one: Cell, other: Cell) -> bool:
    """Whether two intervals do not overlap."""
    first, second = _interval(one), _interval(other)
    return first is not None and second is not None and (first[1] < second[0] or second[1] < first[0])


def _outside(published: Cell, measured: Cell) -> bool:
    """Whether a value without an interval lies outside of another's."""
    ends = _interval(measured)
    return ends is not None and published.ci95 is None and not ends[0] <= (published.value or 0.0) <= ends[1]


def _interval(cell: Cell) -> Sequence[float] | None:
    """None too where all draws are equal, as for a score of 0 or 100: the spread is then not known. And where samples
    failed: the score is then of the others, which may be the easy ones."""
    if cell.ci95 is None or cell.ci95[0] == cell.ci95[1] or cell.failed or cell.asked is None:
        return None
    return cell.ci95


def _tested(
    column: Column, rivals: dict[int, Cell], best: int, others: Sequence[int], known: Known
) -> dict[int, tuple[bool, float]]:
    """Of those that can be tested against the best: whether the best is ahead on the samples of both, and p."""
    if not rivals[best].primary:
        return {}
    first = _read(rivals, best, column.task, known)
    metric = first.metric if first is not None else None
    if first is None or not isinstance(metric, SumMetric):
        return {}
    found: dict[int, tuple[bool, float]] = {}
    alike: dict[tuple[int, bytes], list[tuple[int, TaskStatistics, np.ndarray, np.ndarray]]] = {}
    for row in others:
        other = _read(rivals, row, column.task, known)
        if other is not None and other.table is not None and other.signature == first.signature:
            one, two = _of_both(first, other, rivals[best], rivals[row], column.task)
            if one is None or two is None:
                found[row] = False, 1.0
                continue
            ones, twos = places(one, two, one.of_subset(column.subset))
            key = (best if one is first else row, ones.tobytes())
            alike.setdefault(key, []).append((row, one, ones, two.array[twos]))
    for together in alike.values():
        _, one, ones, _ = together[0]
        groups = [one.group_names[place] for place in ones]
        contests = one_against_many(metric, one.array[ones], [table for *_, table in together], groups)
        for (row, *_), contest in zip(together, contests, strict=True):
            if contest.difference is not None and contest.p is not None:
                ahead = contest.difference < 0 if column.higher_is_better else contest.difference > 0
                found[row] = ahead, contest.p
    return found


def _read(rivals: Mapping[int, Cell], row: int, task: str, known: Known) -> TaskStatistics | None:
    """The statistics of a row's samples, read once; a published row has none."""
    if row not in known:
        run = rivals[row].run
        known[row] = None if run is None else statistics_of(*run, task)
    return known[row]


def _of_both(
    first: TaskStatistics, second: TaskStatistics, one: Cell, other: Cell, task: str
) -> tuple[TaskStatistics | None, TaskStatistics | None]:
    """Statistics to compare: those kept, but where what a sample counts depends on the others, and these are not the
    same, those of the samples that both answered, by themselves; None where they cannot be made here."""
    if first.ids == second.ids or not scored_together(first.signature) or one.run is None or other.run is None:
        return first, second
    ids = {*first.ids} & {*second.ids}
    return statistics_of(*one.run, task, ids), statistics_of(*other.run, task, ids)
