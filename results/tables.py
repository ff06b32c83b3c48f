"""Tables: a board in rows and columns, and as Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from results import text
from results.board import Average, Board, Cell, Column
from results.contests import WAYS
from results.leaderboard import shown_value

TIED, OTHERWISE, PUBLISHED, NOTHING = "≈", "≠", "†", shown_value(None)
COUNTS = {
    "F": "samples without an answer, outside of the score",
    "U": "answers that could not be read, counted wrong",
    "J": "answers on which a judge gave no verdict",
}
SUPERSCRIPT = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹˒")


@dataclass(frozen=True)
class Shown:
    """A cell as it is read; plain text, not yet escaped for any form."""

    value: str = ""
    interval: str = ""
    sign: str = ""
    """TIED or OTHERWISE."""
    counts: str = ""
    """Such as `F2 U5`."""
    notes: tuple[int, ...] = ()
    best: bool = False
    number: float | None = None
    """The value in full."""
    ci95: Sequence[float] | None = None


@dataclass(frozen=True)
class Grid:
    """A board as rows and columns of shown cells, in the direction asked for."""

    spans: list[tuple[str, int]]
    """Groups of columns: a title, and how many columns it is above. Empty where the groups are of rows."""
    header: list[tuple[str, str]]
    """Of each column of cells: its name, and what is measured there."""
    corner: list[str]
    """Titles of the columns of labels."""
    rows: list[tuple[list[str], list[Shown]]]
    """Labels and cells."""
    breaks: list[int]
    """Rows before which another group of rows begins."""

    @property
    def below_spans(self) -> list[tuple[str, str]]:
        """The header as it reads below the titles of groups, which it need not repeat."""
        titles = [title for title, count in self.spans for _ in range(count)]
        if not titles:
            return self.header
        return [
            (name.removeprefix(f"{title}/"), measure)
            for title, (name, measure) in zip(titles, self.header, strict=True)
        ]


def grid(board: Board, rows: str = "models") -> Grid:
    """``rows``: `models` or `tasks`."""
    lines: list[tuple[str, str, str, list[Shown]]] = []  # group, name, measure, a cell for each row of the board
    averages = list(board.averages())
    every = range(len(board.rows))
    for group in board.groups:
        for number, column in enumerate(board.columns):
            if column.group == group:
                cells = [_shown(board, board.cells.get((row, number))) for row in every]
                lines.append((group, _name(board, column), _measure(column), cells))
        lines += [_average_line(average, group) for average in averages if average.group == group]
    lines += [_average_line(average, "all") for average in averages if average.group is None]
    models = [f"{entry.name} {PUBLISHED}" if entry.published else entry.name for entry in board.rows]
    starts = [0, *(n for n in range(1, len(lines)) if lines[n][0] != lines[n - 1][0]), len(lines)]
    if rows == "tasks":
        labelled = [([name, measure], cells) for _, name, measure, cells in lines]
        return Grid([], [(model, "") for model in models], ["task", "score"], labelled, starts[1:-1])
    spans = [(lines[begin][0], end - begin) for begin, end in pairwise(starts) if end > begin]
    header = [(name, measure) for _, name, measure, _ in lines]
    return Grid(
        spans, header, ["model"], [([model], [line[3][n] for line in lines]) for n, model in enumerate(models)], []
    )


def _average_line(average: Average, group: str) -> tuple[str, str, str, list[Shown]]:
    count = f"{len(average.columns)}" + (f" of {average.of}" if average.of > len(average.columns) else "")
    cells = [Shown() if value is None else Shown(shown_value(value), number=value) for value in average.values]
    return (
        group,
        f"{group + '/' if group else ''}mean of {count}",
        _directed(average.unit, average.higher_is_better),
        cells,
    )


def _name(board: Board, column: Column) -> str:
    subsets = {other.subset for other in board.columns if other.task == column.task}
    if len(subsets) == 1:
        return column.task
    return f"{column.task} {'all' if column.subset is None else column.subset or chr(34) * 2}"


def _measure(column: Column) -> str:
    return f"{column.metric} {_directed(column.unit, column.higher_is_better)}"


def _directed(unit: str, higher_is_better: bool) -> str:
    return ("↑" if higher_is_better else "↓") + (f" ({unit})" if unit else "")


def _shown(board: Board, cell: Cell | None) -> Shown:
    if cell is None:
        return Shown()
    if cell.pending:
        return Shown(f"unfinished {cell.pending}")
    counts = zip(COUNTS, (cell.failed, cell.unparsed, cell.unjudged), strict=True)
    return Shown(
        value=shown_value(cell.value),
        interval="" if cell.ci95 is None or not board.intervals else f"[{cell.ci95[0]:.2f}, {cell.ci95[1]:.2f}]",
        sign=TIED if cell.tied else "" if cell.comparable else OTHERWISE,
        counts=" ".join(f"{letter}{count}" for letter, count in counts if count),
        notes=tuple(board.numbers(cell)),
        best=cell.best,
        number=cell.value,
        ci95=cell.ci95,
    )


def legend(board: Board, shown: Grid, best: str) -> list[str]:
    """Sentences that say what the table's signs mean, of those that stand in it. ``best`` is how the best looks."""
    cells = [cell for _, row in shown.rows for cell in row]
    sentences = []
    if any(cell.interval for cell in cells):
        sentences.append("[low, high]: 95 % bootstrap interval")
    if any(cell.best for cell in cells):
        sentences.append(f"{best}: best, and separated from every other comparable value of its column")
    if any(cell.sign == TIED for cell in cells):
        sentences.append(f"{TIED}: the best of a column and those that are not separated from it")
    for way, meaning in WAYS.items():
        if way in board.ways:
            sentences.append(meaning.format(alpha=board.alpha) + _where(board, way, board.ways[way]))
    if any(cell.sign == OTHERWISE for cell in cells):
        sentences.append(f"{OTHERWISE}: not comparable with the rest of its column, for the reason noted")
    for letter, meaning in COUNTS.items():
        if any(letter in cell.counts for cell in cells):
            sentences.append(f"{letter}: {meaning}")
    if any(entry.published for entry in board.rows):
        sentences.append(f"{PUBLISHED}: as published, not measured here")
    averages = [_said(average, board) for average in board.averages()]
    return [*sentences, *averages, *(["means have no interval, and are not tested"] if averages else [])]


def _where(board: Board, way: str, numbers: Sequence[int]) -> str:
    """The columns, where they are not what one expects."""
    if way != "intervals":
        return ""
    names = [f"{_name(board, board.columns[number])} {board.columns[number].metric}" for number in numbers]
    return f": {', '.join(names)}"


def _said(average: Average, board: Board) -> str:
    """Over how many tasks; which, where some are left out."""
    group = "all types" if average.group is None else average.group or "no type"
    measure = _directed(average.unit, average.higher_is_better)
    said = f"mean of {group}, {measure}: over {len(average.columns)} tasks"
    left = average.of - len(average.columns)
    if not left:
        return said
    names = ", ".join(_name(board, board.columns[number]) for number in average.columns)
    return f"{said} ({names}); {left} left out, which not all models have, measured alike"


def sentences(board: Board, shown: Grid, best: str) -> tuple[list[str], list[str]]:
    """What stands below the table: numbered notes, and the rest."""
    return board.notes, [*legend(board, shown, best), *board.remarks]


def markdown(board: Board, rows: str = "models") -> str:
    """For GitHub and its like."""
    shown = grid(board, rows)
    header = [*shown.corner, *(f"{name} {measure}".strip() for name, measure in shown.header)]
    lines = [[text.markdown(label) for label in header]]
    lines += [[*map(text.markdown, labels), *map(_in_markdown, cells)] for labels, cells in shown.rows]
    widths = [max(3, *(len(line[place]) for line in lines)) for place in range(len(header))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    numbered, others = sentences(board, shown, "bold")
    below = [f"{_superscript([number])} {text.markdown(note)}  " for number, note in enumerate(numbered, 1)]
    below += [*([""] if numbered else []), *(f"{text.markdown(sentence)}  " for sentence in others)]
    return (
        "\n".join([padded[0], "| " + " | ".join("-" * width for width in widths) + " |", *padded[1:], "", *below])
        + "\n"
    )


def _in_markdown(cell: Shown) -> str:
    value = f"**{cell.value}**" if cell.best else cell.value
    return " ".join(filter(None, [cell.sign, value, cell.interval, cell.counts, _superscript(cell.notes)]))


def _superscript(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers)).translate(SUPERSCRIPT)


def as_csv(board: Board, rows: str = "models") -> str:
    """For a spreadsheet: of each column the value and the ends of its interval, in full, and its marks in words."""
    shown = grid(board, rows)
    names = [text.plain(f"{name} {measure}") for name, measure in shown.header]
    lines = [[*shown.corner, *(name + part for name in names for part in ("", " low", " high", " marks"))]]
    for labels, cells in shown.rows:
        lines.append([*map(text.plain, labels), *(entry for cell in cells for entry in _in_csv(cell))])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()


def _in_csv(cell: Shown) -> list[str]:
    numbers = ["" if number is None else str(number) for number in (cell.number, *(cell.ci95 or (None, None)))]
    signs = {TIED: "tied", OTHERWISE: "not comparable", "": ""}
    pending = cell.value if cell.number is None and cell.value != NOTHING else ""
    marks = [pending, "best" if cell.best else "", signs[cell.sign], cell.counts]
    return [*numbers, "; ".join(filter(None, [*marks, *(f"note {number}" for number in cell.notes)]))]


def as_json(board: Board) -> str:
    """All that the board holds, numbers in full; columns, and the cells of a row, in the board's order."""
    record = {
        "alpha": board.alpha,
        "columns": [asdict(board.columns[number]) | {"group": board.columns[number].group} for number in board.ordered],
        "rows": [
            asdict(entry) | {"cells": [_in_json(board.cells.get((row, number))) for number in board.ordered]}
            for row, entry in enumerate(board.rows)
        ],
        "averages": [
            asdict(average) | {"columns": [asdict(board.columns[number]) for number in average.columns]}
            for average in board.averages()
        ],
        "separated_by": {
            way: {
                "meaning": meaning.format(alpha=board.alpha),
                "columns": [board.columns[number].key for number in board.ways[way]],
            }
            for way, meaning in WAYS.items()
            if way in board.ways
        },
        "remarks": board.remarks,
    }
    return json.dumps(text.whole(record), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


IN_JSON = ("value", "ci95", "n", "failed", "unparsed", "unjudged", "pending", "comparable", "best", "tied", "signature")


def _in_json(cell: Cell | None) -> dict[str, Any] | None:
    return None if cell is None else {name: getattr(cell, name) for name in IN_JSON} | {"notes": cell.reasons}
