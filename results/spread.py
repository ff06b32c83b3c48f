"""How far scores move with normaliser and extractor: each score of a run under several of them, side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from metrics.base import MetricError
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.score import Score, ScoringSpec, check, score
from results.leaderboard import named, shown_subset, shown_value, table
from results.run import RunDirectory
from results.scoring import as_published, records_of

AS_RUN = "as run"


@dataclass(frozen=True)
class Combination:
    """A normaliser and an extractor; None: the score's own."""

    normalizer: str | None = None
    extractor: str | None = None

    @property
    def label(self) -> str:
        return " · ".join(name for name in (self.normalizer, self.extractor) if name) or AS_RUN


@dataclass(frozen=True)
class Line:
    """One score of a task under each combination that applies."""

    task: str
    score: Score
    """As the run was scored."""
    values: dict[Combination, Score]

    def bounds(self) -> tuple[float, float] | None:
        values = [one.value for one in (self.score, *self.values.values()) if one.value is not None]
        return (min(values), max(values)) if values else None

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "subset": self.score.subset,
            "metric": self.score.name,
            "unit": self.score.unit,
            "higher_is_better": self.score.higher_is_better,
            "range": self.bounds(),
            "values": [
                {"normalizer": key.normalizer, "extractor": key.extractor}
                | {"value": one.value, "ci95": one.ci95, "signature": one.signature}
                for key, one in {Combination(): self.score, **self.values}.items()
            ],
        }


def combinations(normalizers: Sequence[str], extractors: Sequence[str]) -> list[Combination]:
    """All of them, each once. Raises MetricError for an unknown name."""
    for name in normalizers:
        get_normalizer(name)
    for name in extractors:
        get_extractor(name)
    pairs = product(dict.fromkeys(normalizers) or [None], dict.fromkeys(extractors) or [None])
    return [Combination(*pair) for pair in pairs]


def spread(
    directory: RunDirectory, asked: Sequence[Combination], everything: bool = False, interval: str = "percentile"
) -> tuple[list[Line], list[str]]:
    """The lines of a run, and notes: a sentence for each combination that does not apply to a score.

    Scores as published stand as they are, unless ``everything``. Nothing is written. Raises RunError and MetricError.
    """
    record = directory.must_read()
    lines: list[Line] = []
    refused: dict[tuple[str, str, str], list[str]] = {}
    for task, entry in record.tasks.items():
        spec = ScoringSpec.from_dict(entry.scoring)
        rows = records_of(directory, record, task)
        own = score(rows, spec, interval)
        changed: dict[str, dict[Combination, list[Score]]] = {name: {} for name in spec.metrics}
        for name, combination in product(spec.metrics, asked):
            if everything or not as_published(name):
                try:
                    changed[name][combination] = _scores(rows, spec, name, combination, interval)
                except MetricError as error:
                    reason = str(error).removeprefix(f"metric {name!r}: ")
                    refused.setdefault((task, combination.label, reason), []).append(name)
        for one in own:
            values = {key: _of(scores, one.subset) for key, scores in changed[one.name].items()}
            lines.append(Line(task, one, values))
    notes = [
        f"{task}: {label} does not apply to {', '.join(names)}: {reason}"
        for (task, label, reason), names in refused.items()
    ]
    return lines, notes


def _scores(
    rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, name: str, combination: Combination, interval: str
) -> list[Score]:
    part = spec.metrics[name]
    part = replace(
        part,
        normalizer=combination.normalizer or part.normalizer,
        extractor=combination.extractor or part.extractor,
    )
    alone = replace(spec, metrics={name: part}, primary=name)
    check(alone, rows)
    return score(rows, alone, interval)


def _of(scores: Sequence[Score], subset: str | None) -> Score:
    return next(one for one in scores if one.subset == subset)


def as_markdown(lines: Sequence[Line], asked: Sequence[Combination], notes: Sequence[str]) -> str:
    with_subset = any(line.score.subset is not None for line in lines)
    subset = ["subset"] if with_subset else []
    header = ["task", *subset, "metric", AS_RUN, *(key.label for key in asked), "range"]
    rows = []
    for line in lines:
        bounds = line.bounds()
        place = [line.task, *([shown_subset(line.score)] if with_subset else []), named(line.score)]
        values = [shown_value(line.values[key].value) if key in line.values else "–" for key in asked]
        width = "–" if bounds is None else shown_value(bounds[1] - bounds[0])
        rows.append([*place, shown_value(line.score.value), *values, width])
    return "\n".join([table(header, rows), *(["", *notes] if notes else [])])


def as_json(lines: Sequence[Line]) -> str:
    return json.dumps([line.to_dict() for line in lines], ensure_ascii=False, indent=1, allow_nan=False)
