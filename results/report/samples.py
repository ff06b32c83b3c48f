"""Samples as a page shows them: what was asked, what was said, how it was read, and how far off it was."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from metrics.answers import answers, metric_for
from metrics.base import Metric, MetricError, Row, SumMetric, primary_language
from metrics.classification import ClassMetric
from metrics.registry import METRICS
from metrics.score import ScoringSpec
from metrics.wer import BY_CHARACTER, CharacterErrorRate, ErrorRate, MixedErrorRate, WordErrorRate
from results import statistics
from results.run import RunDirectory, RunRecord, draw_order
from results.scoring import statistics_of
from results.statistics import TaskStatistics

COLUMNS = (
    "id",
    "subset",
    "group",
    "status",
    "flags",  # those of the run, and unparsed, rewritten
    "seconds",  # of all clips together
    "raw",
    "answer",  # as compared; true: as said, null: none could be read
    "references",
    "compared",  # the references as compared; true: as they are
    "aligned",  # separator, reference, answer, steps; null: none, false: too long
    "value",  # of the primary metric on this sample alone
    "errors",
    "right",
    "prompt",
    "fields",
    "audio",  # of each clip: path, start, end, seconds, place
    "failure",  # code, sentence
    "tokens",  # of the prompt, new ones
)
"""A sample on the page is a list in this order."""
LONGEST_ALIGNED = 25_000_000
"""Tokens of the reference times those of the answer; beyond, an alignment takes seconds."""
STEPS = {"hit": "=", "substitution": "s", "deletion": "d", "insertion": "i"}


@dataclass(frozen=True)
class Own:
    """What the primary metric says of one sample alone."""

    value: float | None = None
    """In the metric's unit; None where it is undefined."""
    errors: float | None = None
    """Of an error rate: edits."""
    right: bool | None = None
    """None where an answer is not right or wrong."""


@dataclass
class TaskSamples:
    """The samples of one task of one run, by id."""

    records: list[dict[str, Any]]
    """The predictions."""
    answers: dict[str, Row]
    """As the primary metric compares them, of samples that have an answer."""
    own: dict[str, Own]
    """Of samples that the primary metric covers; of none where its statistics are not known."""
    metric: Metric
    statistics: TaskStatistics | None
    worst: list[str] = field(default_factory=list)
    """All ids, the most wrong first."""


def read(directory: RunDirectory, record: RunRecord, task: str) -> TaskSamples:
    """The samples that a task asks for, as far as they are answered. Raises RunError and MetricError."""
    spec = ScoringSpec.from_dict(record.tasks[task].scoring)
    found, expected = directory.journal(task).read(), record.tasks[task].expected
    chosen = sorted(found if len(found) <= expected else sorted(found, key=draw_order)[:expected])
    records = [found[identity] for identity in chosen]
    metric = metric_for(spec, spec.primary)
    known = _statistics(directory, record, task, metric) if len(records) == expected else None
    samples = TaskSamples(
        records=records,
        answers={row.id: row for row in answers(records, spec, spec.primary)},
        own={} if known is None else _own(metric, known),
        metric=metric,
        statistics=known,
    )
    samples.worst = sorted(chosen, key=lambda identity: _badness(samples, identity))
    return samples


def _statistics(directory: RunDirectory, record: RunRecord, task: str, metric: Metric) -> TaskStatistics | None:
    """Those kept; made anew where that costs neither requests nor a model."""
    if METRICS[metric.name].costly_trial and statistics.read(directory.path / task) is None:
        return None
    return statistics_of(directory, record, task)


def _own(metric: Metric, known: TaskStatistics) -> dict[str, Own]:
    if known.answers is not None:
        if not isinstance(metric, ClassMetric):
            return {}
        rights = [said["answer"] in said["references"] for said in known.answers]
        return {identity: Own(right=right) for identity, right in zip(known.ids, rights, strict=True)}
    if not known.ids or not isinstance(metric, SumMetric):
        return {}
    table = np.array(known.table, dtype=np.float64).T
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [float(value) if math.isfinite(value) else None for value in metric.scores(table)]
    if isinstance(metric, ErrorRate):
        errors = table[:, :3].sum(axis=1)
        owns = [Own(value, float(edits), not edits) for value, edits in zip(values, errors, strict=True)]
    elif metric.right_or_wrong:
        owns = [Own(value, None, bool(right)) for value, right in zip(values, table[:, 0] > 0, strict=True)]
    else:
        owns = [Own(value) for value in values]
    return dict(zip(known.ids, owns, strict=True))


def _badness(samples: TaskSamples, identity: str) -> tuple[float, float, str]:
    """Orders from worst to best: edits, else the value; what has no value comes last."""
    own = samples.own.get(identity, Own())
    sign = 1 if samples.metric.higher_is_better else -1
    value = math.inf if own.value is None else sign * own.value
    if own.right is not None and own.errors is None and own.value is None:
        value = float(own.right)
    return -(own.errors or 0.0), value, identity


def rows(samples: TaskSamples, placed: Sequence[Sequence[int | None]]) -> Iterator[list[Any]]:
    """Each sample by COLUMNS; ``placed`` are the folders that its clips are in, by their number (None: nowhere)."""
    aligner = _aligner(samples.metric)
    for record, places in zip(samples.records, placed, strict=True):
        row, own = samples.answers.get(record["id"]), samples.own.get(record["id"], Own())
        raw, failure = record.get("raw"), record.get("error")
        flags = list(record.get("flags") or ())
        if row is not None:
            flags += ["unparsed"] if row.answer is None else ["rewritten"] if row.rewritten else []
        yield [
            record["id"],
            record.get("subset"),
            record.get("group"),
            record["status"],
            flags,
            seconds_of(record),
            raw,
            None if row is None else row.answer == raw or row.answer,
            record["references"],
            row is None or list(row.references) == record["references"] or list(row.references),
            None if row is None or aligner is None else _aligned(aligner, row),
            None if own.value is None else round(own.value, 4),
            own.errors,
            own.right,
            record.get("prompt"),
            record["fields"],
            [
                [clip["path"], clip.get("start"), clip.get("end"), clip.get("seconds"), place]
                for clip, place in zip(record.get("audio") or (), places, strict=True)
            ],
            None if failure is None else [failure.get("code"), failure.get("message")],
            [record.get("prompt_tokens"), record.get("new_tokens")],
        ]


def seconds_of(record: Mapping[str, Any]) -> float | None:
    """The length of a sample's clips together; None where one's is not known."""
    lengths = [clip.get("seconds") for clip in record.get("audio") or ()]
    return None if not lengths or None in lengths else round(math.fsum(lengths), 3)


def _aligner(metric: Metric) -> ErrorRate | None:
    """What lays an answer beside its reference: the error rate itself, words for other metrics of free text."""
    if isinstance(metric, ErrorRate):
        return metric
    whole = metric.structured or metric.right_or_wrong or isinstance(metric, ClassMetric)
    return None if whole else WordErrorRate()


def _aligned(metric: ErrorRate, row: Row) -> list[str] | bool:
    """The separator of tokens, the reference's tokens, the answer's, and the steps as runs: ``3= 1s 2i``."""
    size = max(len(reference) for reference in row.references) * len(row.answer or "")
    if size > LONGEST_ALIGNED and _product(metric, row) > LONGEST_ALIGNED:
        return False
    separator = _separator(metric, row.language)
    steps = metric.align(row)
    runs = " ".join(f"{len(list(run))}{STEPS[kind]}" for kind, run in groupby(step.kind for step in steps))
    right = separator.join(step.reference for step in steps if step.reference is not None)
    return [separator, right, separator.join(step.answer for step in steps if step.answer is not None), runs]


def _product(metric: ErrorRate, row: Row) -> int:
    lengths = [len(metric.tokens(reference, row.language)) for reference in row.references]
    return max(lengths) * len(metric.tokens(row.answer or "", row.language))


def _separator(metric: ErrorRate, language: str | None) -> str:
    """What stands between tokens without being in any."""
    if isinstance(metric, MixedErrorRate):
        return "\x1f"
    by_character = isinstance(metric, CharacterErrorRate) or primary_language(language) in BY_CHARACTER
    return "" if by_character else " "


__all__ = ["COLUMNS", "MetricError", "Own", "TaskSamples", "read", "rows", "seconds_of"]
