"""Scoring a run's predictions, as the run was told to or otherwise; no model, no GPU."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from metrics.score import Score, ScoringSpec, check, count, score
from results.run import RunDirectory, RunRecord, TaskScores


def score_task(directory: RunDirectory, record: RunRecord, task: str) -> TaskScores:
    """Score a task by the spec that run.json holds, and write its scores.json."""
    scores = scored(directory, record, task, ScoringSpec.from_dict(record.tasks[task].scoring))
    directory.write_scores(scores)
    return scores


def scored(directory: RunDirectory, record: RunRecord, task: str, spec: ScoringSpec) -> TaskScores:
    """Score a task's predictions by a spec; nothing is written."""
    rows = list(directory.journal(task).read().values())
    return TaskScores(
        task=task,
        model=record.model,
        asked=record.tasks[task].asked,
        scoring=spec.to_dict(),
        counts=count(rows, spec, expected=len(rows)),
        scores=score(rows, spec),
    )


def changed(spec: ScoringSpec, normalizer: str | None, extractor: str | None) -> ScoringSpec:
    """A spec with another normaliser or extractor for all of its metrics, checked."""
    metrics = {
        name: dataclasses.replace(
            metric, normalizer=normalizer or metric.normalizer, extractor=extractor or metric.extractor
        )
        for name, metric in spec.metrics.items()
    }
    new = dataclasses.replace(spec, metrics=metrics)
    check(new)
    return new


def score_rows(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec) -> list[Score]:
    """Score plain rows of any origin by a spec, checked first."""
    check(spec)
    return score(rows, spec)
