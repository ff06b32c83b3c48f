"""Scoring a run's predictions, as the run was told to or otherwise; no model, no GPU."""

import dataclasses
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from metrics.base import MetricError, nearest
from metrics.registry import METRICS
from metrics.score import MetricSpec, Score, Scoring, ScoringSpec, check, count, score
from results import statistics
from results.files import RunError
from results.run import RunDirectory, RunRecord, TaskScores, draw_order
from results.statistics import TaskStatistics

SCORED = ("id", "subset", "group", "references", "fields", "raw", "status", "flags")
"""What scoring reads of a record; the rest would be most of the memory that a million take."""
AS_PUBLISHED = re.compile(r"_(qwen2?_audio|as_published)$")


def score_task(directory: RunDirectory, record: RunRecord, task: str) -> TaskScores:
    """Score a task by the spec that run.json holds, and keep its scores and statistics."""
    spec = ScoringSpec.from_dict(record.tasks[task].scoring)
    scores, scoring = _scored(records_of(directory, record, task), record, task, spec, "percentile")
    keep(directory, scores, scoring)
    return scores


def rescored(
    directory: RunDirectory, record: RunRecord, task: str, spec: ScoringSpec, interval: str = "percentile"
) -> tuple[TaskScores, Scoring]:
    """Score a task's predictions by a spec that was not checked before the run; nothing is written. Raises RunError
    where some are still to come, MetricError for what cannot be scored by it."""
    rows = records_of(directory, record, task)
    check(spec, rows)
    return _scored(rows, record, task, spec, interval)


def keep(directory: RunDirectory, scores: TaskScores, scoring: Scoring) -> None:
    """Write a task's scores.json, and its statistics.json where it has any."""
    directory.forget_scores(scores.task)
    statistics.write(directory.path / scores.task, statistics.of(scoring))
    directory.write_scores(scores)


def statistics_of(
    directory: RunDirectory, record: RunRecord, task: str, only: Collection[str] | None = None
) -> TaskStatistics | None:
    """A task's statistics: as kept, or made anew where they are not (a run of an older version), or from the samples
    with these ids ``only``. None where its primary metric is not available. Raises RunError where samples are still to
    come."""
    spec = ScoringSpec.from_dict(record.tasks[task].scoring)
    kept = statistics.read(directory.path / task) if only is None else None
    if kept is not None and kept.scoring == spec.to_dict():
        return kept
    rows = records_of(directory, record, task)
    return statistics.of(Scoring([row for row in rows if only is None or row["id"] in only], spec))


def _scored(
    rows: Sequence[Mapping[str, Any]], record: RunRecord, task: str, spec: ScoringSpec, interval: str
) -> tuple[TaskScores, Scoring]:
    scoring = Scoring(rows, spec)
    scores = TaskScores(
        task=task,
        model=record.model,
        asked=record.tasks[task].asked,
        scoring=spec.to_dict(),
        counts=count(rows, spec, expected=record.tasks[task].expected),
        scores=scoring.scores(interval),
    )
    return scores, scoring


def records_of(
    directory: RunDirectory, record: RunRecord, task: str, keys: Collection[str] | None = SCORED
) -> list[dict[str, Any]]:
    """A task's predictions, of each what scoring reads, or other ``keys``, or all (None).

    Exactly the samples that the task asks for: a lower limit leaves older answers out. Raises RunError where some are
    still to come, since what is there by then is no fair draw (long clips come first).
    """
    records, expected = directory.journal(task).read(keys), record.tasks[task].expected
    if len(records) < expected:
        raise RunError(
            f"{directory.path}: {task} is not finished, {len(records)} of {expected} samples are answered; "
            f"the command that began it goes on"
        )
    return [records[identity] for identity in sorted(records, key=draw_order)[:expected]]


def as_published(name: str) -> bool:
    """Whether a row of scores is computed as a paper's own script does, by its name: ``wer_qwen_audio``."""
    return AS_PUBLISHED.search(name) is not None


def structured(part: MetricSpec) -> bool:
    """Whether a metric reads more than words, and so takes no normaliser."""
    return part.metric in METRICS and METRICS[part.metric].structured


def changed(spec: ScoringSpec, normalizer: str | None, extractor: str | None, everything: bool = False) -> ScoringSpec:
    """A spec with another normaliser or extractor for all of its metrics, checked; those as published keep theirs,
    unless ``everything``, and those that take no normaliser have none."""
    metrics = {
        name: dataclasses.replace(
            metric,
            normalizer=metric.normalizer if structured(metric) else normalizer or metric.normalizer,
            extractor=extractor or metric.extractor,
        )
        if everything or not as_published(name)
        else metric
        for name, metric in spec.metrics.items()
    }
    new = dataclasses.replace(spec, metrics=metrics)
    check(new)
    return new


def with_options(metrics: Mapping[str, MetricSpec], options: Sequence[str]) -> dict[str, MetricSpec]:
    """The metrics with the settings of ``KEY=VALUE``, each given to those that have it. Raises MetricError."""
    known = {name: METRICS[part.metric].options if part.metric in METRICS else {} for name, part in metrics.items()}
    said: dict[str, dict[str, Any]] = {name: {} for name in metrics}
    for option in options:
        key, sign, value = option.partition("=")
        if not sign:
            raise MetricError("an --option without '='; write --option KEY=VALUE")
        having = [name for name in metrics if key in known[name]]
        if not having:  # the value is not repeated: it could be a key
            every = sorted({key for options_of in known.values() for key in options_of})
            raise MetricError(f"--option {key}: no metric here has {key!r}{nearest(key, every)}")
        for name in having:
            said[name][key] = _parsed(value)
    return {name: dataclasses.replace(part, options=said[name]) for name, part in metrics.items()}


def _parsed(text: str) -> Any:
    """A number, true, false, null, a list; what is no JSON is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def score_rows(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, interval: str = "percentile") -> list[Score]:
    """Score plain rows of any origin by a spec, checked first."""
    words = [name for name, part in spec.metrics.items() if not structured(part)]
    for row in rows:
        if words and row.get("structured"):
            raise MetricError(
                f"row {row['id']!r}: the reference is a list or an object, and metric {words[0]!r} compares texts; "
                "several right answers are written as 'references'"
            )
    check(spec, rows)
    return score(rows, spec, interval)
