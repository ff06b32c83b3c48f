"""Assembly of a board: which scores of runs stand in which column, and which of them may be compared."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from metrics.base import nearest
from metrics.registry import METRICS
from metrics.score import ScoringSpec
from results.boards import contests
from results.boards.board import Board, Cell, Column, Entry
from results.files import RunError
from results.leaderboard import named_runs, notes_of_all, task_lines, unfinished
from results.papers.published import Published
from results.run import RunDirectory, RunRecord, TaskScores

PRIMARY, ALL = "primary", "all"
Run = tuple[RunDirectory, RunRecord]
Place = tuple[str, str | None, str]
"""Of a published number: task, subset, row of scores."""


def assemble(
    directories: Sequence[RunDirectory],
    metric: str = PRIMARY,
    subsets: bool = False,
    published: Sequence[Published] = (),
    alpha: float = 0.05,
) -> Board:
    """The board of runs.

    ``metric``: `primary`, `all`, or the name of a row of scores, of each task that has it. With ``subsets`` each subset
    has a column too. ``published`` numbers stand where a run has the score that they are of, and bring its column in.
    Raises RunError.
    """
    board = Board(alpha=alpha)
    reported = _by_place(published)
    found: list[tuple[int, Column, Cell]] = []
    waiting: list[tuple[int, Run, str]] = []
    runs = named_runs(directories)
    for directory, record, shown in runs:
        entry = Entry(shown, control=record.control or "")
        if entry not in board.rows:
            board.rows.append(entry)
        row = board.rows.index(entry)
        for task in record.tasks:
            scores = directory.read_scores(task)
            if scores is None:
                waiting.append((row, (directory, record), task))
                board.remarks.append(unfinished(directory, record, task, shown))
            else:
                found += [(row, *item) for item in _cells((directory, record), scores, metric)]
    names = {column.metric for _, column, _ in found}
    if metric not in (PRIMARY, ALL) and names and metric not in names:
        raise RunError(f"--metric {metric}: no run here has a score of that name{nearest(metric, names)}")
    # A subset that is the whole task of one run is a column of those that have more of it, too
    wanted = {
        column.key
        for _, column, cell in found
        if (_chosen(metric, column, cell) and (column.whole or subsets)) or _places(column, reported)
    }
    for row, column, cell in found:
        if column.key in wanted:
            board.cells[row, board.number(column)] = cell
    for row, run, task in waiting:
        _await(board, row, run, task, metric)
    for number in range(len(board.columns)):
        _compare(board, number)
    _publish(board, reported)
    contests.decide(board)
    board.remarks += notes_of_all((record, shown) for _, record, shown in runs)
    return board


def _chosen(metric: str, column: Column, cell: Cell) -> bool:
    return metric == ALL or (cell.primary if metric == PRIMARY else column.metric == metric)


def _cells(run: Run, scores: TaskScores, metric: str) -> Iterator[tuple[Column, Cell]]:
    """A task's scores, each with the column that is its own."""
    counts = scores.counts
    main = ScoringSpec.from_dict(scores.scoring).primary
    asked = run[1].tasks[scores.task].asked
    for line in task_lines("", scores.task, scores.scores, counts):
        score, whole = line.score, line.counts_hold
        cell = Cell(
            value=score.value,
            ci95=score.ci95,
            n=score.n,
            primary=score.name == main,
            signature=score.signature,
            failed=counts.failed if whole else 0,
            unparsed=score.unparsed or 0,
            unjudged=score.unjudged or 0,
            manifest=frozenset(asked.get("manifest", "").split()),
            asked=counts.expected if whole else None if counts.failed else score.n,
            run=run,
            reasons=[
                *([f"no value here: {score.unavailable}"] if score.unavailable else []),
                *([f"{counts.failed} of the whole task's samples failed"] if counts.failed and not whole else []),
            ],
        )
        averaged = whole and (cell.primary if metric in (PRIMARY, ALL) else score.name == metric)
        yield (
            Column(scores.task, score.subset, score.name, score.unit, score.higher_is_better, whole, averaged),
            cell,
        )


def _await(board: Board, row: int, run: Run, task: str, metric: str) -> None:
    """Cells of a task that is not finished: in the columns that it has by others, else in one of its own."""
    record = run[1].tasks[task]
    there = len(run[0].journal(task).standings())
    numbers = [number for number, column in enumerate(board.columns) if column.task == task]
    spec = ScoringSpec.from_dict(record.scoring)
    name = spec.primary if metric in (PRIMARY, ALL) else metric
    if not numbers and name in spec.metrics and spec.metrics[name].metric in METRICS:
        kind = METRICS[spec.metrics[name].metric]
        subset = next(iter(record.data)) if len(record.data) == 1 else None
        numbers = [board.number(Column(task, subset, name, kind.unit, kind.higher_is_better, averaged=True))]
    for number in numbers:
        board.cells[row, number] = Cell(pending=f"{there}/{record.expected}", run=run)


def _compare(board: Board, number: int) -> None:
    """Mark the cells of a column that were not measured as most of it were: scored otherwise, other samples, fewer."""
    whole = board.columns[number].whole
    rows = {row: cell for row, cell in board.column(number).items() if not cell.pending}
    checks: list[tuple[Callable[[Cell, Cell], bool], Callable[[Cell, Cell], str]]] = [
        (
            lambda cell, own: cell.signature == own.signature,
            lambda cell, own: f"scored by {cell.signature}, the column by {own.signature}",
        ),
        (
            lambda cell, own: _same_data(cell.manifest, own.manifest, whole),
            lambda cell, own: "other data: the manifest is not the column's",
        ),
        (
            lambda cell, own: None in (cell.asked, own.asked) or cell.asked == own.asked,
            lambda cell, own: f"asked {cell.asked} samples, the column {own.asked}",
        ),
    ]
    for alike, why in checks:
        able = [cell for cell in rows.values() if cell.comparable]
        if not able:
            return
        own = max(able, key=lambda cell: sum(alike(other, cell) for other in able))
        for cell in able:
            if not alike(cell, own):
                cell.comparable = False
                cell.reasons.append(f"not comparable: {why(cell, own)}")


def _same_data(one: frozenset[str], other: frozenset[str], whole: bool) -> bool:
    """Whether two runs read the same manifests; of a subset, whether the one read those of the other besides."""
    return one == other or (not whole and (one <= other or other <= one))


def _publish(board: Board, reported: Mapping[Place, Sequence[Published]]) -> None:
    """Put published numbers into the columns that there are, each model in a row below the runs."""
    order = list(dict.fromkeys(row.model for rows in reported.values() for row in rows))
    found: dict[tuple[str, int], Cell] = {}
    for number, column in enumerate(board.columns):
        for place in _places(column, reported):
            for row in reported[place]:
                known = row.scoring is not None
                first = found.setdefault((row.model, number), Cell(value=row.value, comparable=known))
                also = "" if first.value == row.value else f"also {row.value:g} "
                how = "" if known else ", which does not say how it was scored"
                first.reasons.append(f"{also}published in {row.source}{how}" + (f" ({row.note})" if row.note else ""))
    for model in order:
        numbers = [number for name, number in found if name == model]
        if numbers:
            board.rows.append(Entry(model, published=True))
            board.cells |= {(len(board.rows) - 1, number): found[model, number] for number in numbers}


def _by_place(published: Sequence[Published]) -> dict[Place, list[Published]]:
    places: dict[Place, list[Published]] = {}
    for row in published:
        places.setdefault((row.task, row.subset, row.metric), []).append(row)
    return places


def _places(column: Column, reported: Mapping[Place, Sequence[Published]]) -> list[Place]:
    """The places of published numbers that a column is of. A task whose name ends in its subset's, `s2tt/covost2_en_de`
    of `en_de.test`, is `s2tt/covost2` too."""
    places = [column.key]
    if column.subset is not None:
        end = column.task.rfind("_")
        while end > 0:
            if column.subset.startswith(column.task[end + 1 :]):
                places.append((column.task[:end], column.subset, column.metric))
            end = column.task.rfind("_", 0, end)
    return [place for place in places if place in reported]
