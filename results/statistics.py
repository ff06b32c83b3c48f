"""Statistics: what paired tests need of a task's samples, kept beside its scores without the answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np

from metrics.base import Metric, Row, SumMetric
from metrics.bootstrap import ordered
from metrics.score import MetricError, Scoring, ScoringSpec, metric_for
from results.files import RunError, must_be, must_fit, read_json, write_text
from results.run import STATISTICS

VALUES = "statistics"
"""The field of a row that holds its recorded statistics."""
TEXT = (str, type(None))


@dataclass(frozen=True)
class TaskStatistics:
    """One task by its primary metric, sample by sample, in the order of ids: columns, each as long as `ids`."""

    name: str
    """Of the metric in the task's scoring spec."""
    signature: str
    """Over all samples."""
    scoring: dict[str, Any]
    """The scoring spec, of which the metric is made again."""
    ids: list[str]
    """Samples that are scored and that the metric covers."""
    groups: list[str] | None
    """The unit of resampling of each; None where each sample is its own."""
    subsets: list[str] | None
    """None where the task has one or none."""
    references: list[str]
    """A short hash of each sample's right answers, as they are compared."""
    table: list[list[float]] | None
    """Of a metric that sums: its statistics, a list for each statistic."""
    answers: list[dict[str, Any]] | None
    """Of a metric of the whole set: `answer`, `references`, `language` of each sample."""

    @cached_property
    def metric(self) -> Metric:
        """The metric, ready for `rows`: to be given to `metrics.paired` and `metrics.bootstrap`."""
        metric = metric_for(ScoringSpec.from_dict(self.scoring), self.name)
        return metric if self.table is None else Recorded(metric)

    @cached_property
    def rows(self) -> list[Row]:
        """A row a sample, sorted by id."""
        if self.table is None:
            return [
                Row(identity, said["answer"], tuple(said["references"]), said["language"], group)
                for identity, group, said in zip(self.ids, self.group_names, self.answers or (), strict=True)
            ]
        columns = zip(self.ids, self.group_names, self.references, self.array, strict=True)
        return [
            Row(identity, None, (right,), None, group, {VALUES: values}) for identity, group, right, values in columns
        ]

    @cached_property
    def array(self) -> np.ndarray:
        """The table with a row a sample, shape = (n_samples, n_statistics)."""
        columns = self.table or []
        return np.array(columns, dtype=np.float64).T.reshape(len(self.ids), len(columns))

    @cached_property
    def group_names(self) -> list[str]:
        """The unit of resampling of each."""
        return self.groups or [f"id {identity}" for identity in self.ids]

    def of_subset(self, subset: str | None) -> list[int]:
        """The places of a subset's samples; None: of all."""
        if subset is None or self.subsets is None:
            return [*range(len(self.ids))]
        return [place for place, name in enumerate(self.subsets) if name == subset]

    def subset_of(self) -> dict[str, str | None]:
        """The subset of each sample."""
        return dict(zip(self.ids, self.subsets, strict=True)) if self.subsets else dict.fromkeys(self.ids)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises ValueError, TypeError or KeyError for what it cannot have written."""
        found = cls(**data)
        must_be((found.table, (list, type(None))))
        must_fit(replace(found, table=None))  # numbers are checked all at once, below
        columns = [found.groups, found.subsets, found.references, found.answers, *(found.table or ())]
        if any(column is not None and len(column) != len(found.ids) for column in columns):
            raise ValueError("columns of unequal length")
        if (found.table is None) == (found.answers is None):
            raise ValueError("neither a table nor answers, or both")
        for said in found.answers or ():
            must_be((said["answer"], TEXT), (said["language"], TEXT), (said["references"], list))
            must_be(*((reference, str) for reference in said["references"]))
        if not np.isfinite(found.array).all():
            raise ValueError("a statistic that is no number")
        if isinstance(metric := found.metric, Recorded) and not metric.takes(found.array.shape[1]):
            raise ValueError("fewer statistics than the metric has")
        if found.ids != sorted(found.ids) or len(set(found.ids)) < len(found.ids):
            raise ValueError("ids twice, or out of order")
        return found


class Recorded(SumMetric):
    """A metric that sums, over rows whose statistics were recorded."""

    def __init__(self, metric: Metric):
        assert isinstance(metric, SumMetric)
        self._metric = metric
        self.name, self.unit, self.range = metric.name, metric.unit, metric.range
        self.higher_is_better, self.right_or_wrong = metric.higher_is_better, metric.right_or_wrong

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        """None: a record keeps the signature that was made over the answers."""
        return {}

    def takes(self, count: int) -> bool:
        """Whether so many statistics can be a row's; none are where there is no row."""
        try:
            if count:
                self.score(np.ones(count))
        except IndexError:
            return False
        return True

    def statistics(self, row: Row) -> Sequence[float]:
        found: Sequence[float] = row.fields[VALUES]
        return found

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        return np.stack([row.fields[VALUES] for row in rows])

    def score(self, summed: np.ndarray) -> float:
        return self._metric.score(summed)

    def scores(self, sums: np.ndarray) -> np.ndarray:
        return self._metric.scores(sums)


def of(scoring: Scoring) -> TaskStatistics | None:
    """The statistics of a task by its primary metric; None where the metric is not available on this machine, or cannot
    take an answer."""
    name = scoring.spec.primary
    metric = scoring.metrics[name]
    if metric.missing():
        return None
    rows = sorted(ordered(metric, scoring.answers(name)), key=lambda row: row.id)
    sums = isinstance(metric, SumMetric)
    try:
        table = _columns(metric.table(rows)) if isinstance(metric, SumMetric) and rows else []
        signature = scoring.signature(name)
    except MetricError:
        return None
    groups = [row.group for row in rows]
    subsets = [scoring.subsets[row.id] for row in rows]
    return TaskStatistics(
        name=name,
        signature=signature,
        scoring=scoring.spec.to_dict(),
        ids=[row.id for row in rows],
        groups=None if all(row.group == f"id {row.id}" for row in rows) else groups,
        subsets=[subset or "" for subset in subsets] if len(set(scoring.subsets.values())) > 1 else None,
        references=[_short_hash(row.references) for row in rows],
        table=table if sums else None,
        answers=None if sums else [_said(row) for row in rows],
    )


def write(folder: Path, statistics: TaskStatistics | None) -> None:
    """Keep statistics in a task's folder; without any there is no file."""
    path = folder / STATISTICS
    if statistics is None:
        path.unlink(missing_ok=True)
    else:
        write_text(path, json.dumps(statistics.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")


def read(folder: Path) -> TaskStatistics | None:
    """The statistics in a task's folder, or None where there are none. Raises RunError where the file is damaged."""
    path = folder / STATISTICS
    if not path.is_file():
        return None
    try:
        return TaskStatistics.from_dict(read_json(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}: {error}); delete it, and it is made anew from the answers"
        ) from None


def _columns(table: np.ndarray) -> list[list[float]]:
    """A list for each statistic; whole numbers as such, which are a third of the text."""
    columns: list[list[float]] = []
    for column in table.T:
        whole = column.astype(np.int64)
        columns.append(whole.tolist() if np.array_equal(whole, column) else column.tolist())
    return columns


def _said(row: Row) -> dict[str, Any]:
    return {"answer": row.answer, "references": list(row.references), "language": row.language}


def _short_hash(references: Sequence[str]) -> str:
    return sha256("\0".join(references).encode("utf-8", "surrogatepass")).hexdigest()[:8]
