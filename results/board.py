"""Boards: models beside models on the same tasks, with what may be said of who is best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from results.run import RunDirectory, RunRecord


@dataclass(frozen=True)
class Column:
    """One score of one task."""

    task: str
    subset: str | None
    """None: all subsets together."""
    metric: str
    """The row of scores."""
    unit: str
    higher_is_better: bool
    whole: bool = True
    """Whether it is of all samples of its task."""
    averaged: bool = False
    """Whether it stands for its task in averages."""

    @property
    def key(self) -> tuple[str, str | None, str]:
        return self.task, self.subset, self.metric

    @property
    def group(self) -> str:
        """The task's type."""
        return self.task.split("/", 1)[0] if "/" in self.task else ""

    @property
    def measure(self) -> tuple[str, bool]:
        """What scores must have in common to be averaged."""
        return self.unit, self.higher_is_better


@dataclass(frozen=True)
class Entry:
    """A row: a model as measured, or as published."""

    name: str
    published: bool = False
    control: str = ""


@dataclass
class Cell:
    """A model's score in a column."""

    value: float | None = None
    ci95: Sequence[float] | None = None
    n: int | None = None
    primary: bool = False
    """Whether the score is its task's primary one, of which statistics of samples are kept."""
    signature: str = ""
    failed: int = 0
    """Samples without an answer; outside of the score."""
    unparsed: int = 0
    """Answers that could not be read; counted wrong."""
    unjudged: int = 0
    """Answers on which a judge gave no verdict."""
    pending: str = ""
    """Of a task that is not finished: how many samples are answered, of how many."""
    comparable: bool = True
    """Whether it was measured as most of the column was."""
    best: bool = False
    """Better than all others of the column, each separated from it."""
    tied: bool = False
    """One of those of which none is separated from the best."""
    reasons: list[str] = field(default_factory=list)
    """What a reader must know of it, a sentence each."""
    manifest: frozenset[str] = frozenset()
    """Hashes of the files that the samples are from."""
    asked: int | None = None
    """Samples asked for; None where that is not known of a subset."""
    run: tuple[RunDirectory, RunRecord] | None = None
    """Where its samples are."""


@dataclass(frozen=True)
class Average:
    """The mean of columns of one unit and direction which all models have, measured alike."""

    group: str | None
    """The type of the tasks; None: of all types."""
    unit: str
    higher_is_better: bool
    columns: list[int]
    of: int
    """Columns of this unit and direction, those that are left out too."""
    values: list[float | None]
    """Of each row; None for a row that lacks a column: a control, a published one."""


@dataclass
class Board:
    rows: list[Entry] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    """By row and column; where there is none, the model was not asked the task."""
    remarks: list[str] = field(default_factory=list)
    """Sentences on the whole."""
    alpha: float = 0.05
    intervals: bool = True
    """Whether tables to be read show them."""
    ways: dict[str, list[int]] = field(default_factory=dict)
    """Columns in which the best was held against others by each way of contests.WAYS."""

    @cached_property
    def notes(self) -> list[str]:
        """The reasons of all cells, each once, to be referred to by their numbers; for a board that is complete."""
        rows = range(len(self.rows))
        cells = [self.cells[row, number] for row in rows for number in self.ordered if (row, number) in self.cells]
        return list(dict.fromkeys(reason for cell in cells for reason in cell.reasons))

    def numbers(self, cell: Cell) -> list[int]:
        """Of a cell's notes, from 1."""
        return [self.notes.index(reason) + 1 for reason in dict.fromkeys(cell.reasons)]

    def number(self, column: Column) -> int:
        """The number of a column, which is new where there is none of its task, subset and row of scores."""
        for number, known in enumerate(self.columns):
            if known.key == column.key:
                return number
        self.columns.append(column)
        return len(self.columns) - 1

    def column(self, number: int) -> dict[int, Cell]:
        """The cells of a column by row."""
        return {row: self.cells[row, number] for row in range(len(self.rows)) if (row, number) in self.cells}

    @property
    def groups(self) -> list[str]:
        """Types of tasks, in the order of their first column."""
        return list(dict.fromkeys(column.group for column in self.columns))

    @property
    def ordered(self) -> list[int]:
        """The columns' numbers, those of a group together."""
        return [number for group in self.groups for number, column in enumerate(self.columns) if column.group == group]

    def averages(self) -> Iterator[Average]:
        """Of each group, and of all where there are several: for each unit and direction, the mean over the columns
        that all models as measured have, and have measured alike; of two columns at least."""
        for group in [*self.groups, None]:
            within = [n for n, column in enumerate(self.columns) if column.averaged and group in (column.group, None)]
            for measure in dict.fromkeys(self.columns[number].measure for number in within):
                alike = [number for number in within if self.columns[number].measure == measure]
                whole = [number for number in alike if self._whole(number)]
                groups = {self.columns[number].group for number in whole}
                if len(whole) > 1 and (group is not None or len(groups) > 1):
                    values = [self._mean(row, whole) for row in range(len(self.rows))]
                    yield Average(group, *measure, whole, len(alike), values)

    def _whole(self, number: int) -> bool:
        """Whether all models as measured have a column, measured alike."""
        cells = self.column(number)
        models = [row for row, entry in enumerate(self.rows) if not entry.published and not entry.control]
        return bool(models) and all(
            row in cells and cells[row].value is not None and cells[row].comparable for row in models
        )

    def _mean(self, row: int, numbers: Sequence[int]) -> float | None:
        cells = [self.cells.get((row, number)) for number in numbers]
        values = [cell.value for cell in cells if cell is not None and cell.comparable and cell.value is not None]
        return sum(values) / len(values) if len(values) == len(numbers) else None
