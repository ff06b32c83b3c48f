"""From prediction records to scores: the one place where answers are measured."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from metrics.answers import answers, extracted, is_scored, metric_for, part_of, raw_of, uses_labels
from metrics.base import Metric, MetricError, Row
from metrics.bootstrap import check_method, measure
from metrics.checking import check
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.records import Counts, MetricSpec, Score, ScoringSpec
from metrics.registry import METRICS

__all__ = [
    "METRICS",
    "Counts",
    "MetricError",
    "MetricSpec",
    "Score",
    "Scoring",
    "ScoringSpec",
    "answers",
    "check",
    "count",
    "metric_for",
    "score",
    "signature",
]


def score(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, interval: str = "percentile") -> list[Score]:
    """Scores of prediction records: each metric over all rows and over each subset.

    `rows` are records with `id`, `references`, `fields`, `group`, `subset`, `raw`, `status`; failed ones are left out.
    With several subsets the scores over all rows come first (subset None), then the subsets by name; with one, that
    subset's alone. A function of the rows, not of their order. Without a scorable row a value is None, never an error.
    `interval` is one of `metrics.bootstrap.METHODS`.
    """
    return Scoring(rows, spec).scores(interval)


class Scoring:
    """Prediction records under a spec. Answers and metrics are made once: metrics often share extractor and normaliser,
    and what a metric remembers (a judge's verdicts) serves all subsets."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], spec: ScoringSpec):
        self.spec = spec
        self.subsets = {str(record["id"]): record.get("subset") for record in rows}
        """The subset of each sample, failed ones too."""
        self.metrics = {name: metric_for(spec, name) for name in spec.metrics}
        self._compared: dict[tuple[str, str], list[Row]] = {}
        for name, part in spec.metrics.items():
            if (part.extractor, part.normalizer) not in self._compared:
                self._compared[part.extractor, part.normalizer] = answers(rows, spec, name)

    def answers(self, name: str) -> list[Row]:
        """What the metric of that name compares, sorted by id."""
        part = part_of(self.spec, name)
        return self._compared[part.extractor, part.normalizer]

    def signature(self, name: str) -> str:
        """Of the metric of that name over all rows."""
        return signature(self.metrics[name], self.answers(name), self.spec, name)

    def scores(self, interval: str = "percentile") -> list[Score]:
        """See `score`."""
        check_method(interval)
        named = set(self.subsets.values())
        subsets = sorted(subset for subset in named if subset is not None)
        several = len(named) > 1
        scores = []
        for subset in [None, *subsets] if several or not subsets else subsets:
            for name, metric in self.metrics.items():
                chosen = self.answers(name)
                if several and subset is not None:
                    chosen = [row for row in chosen if self.subsets[row.id] == subset]
                scores.append(_score(metric, chosen, self.spec, name, subset, interval))
        return scores


def count(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, expected: int | None = None) -> Counts:
    """What became of the samples; `expected` is how many the task asked for, by default as many as there are rows."""
    scored = [record for record in rows if is_scored(record)]
    pairs = extracted(scored, spec, part_of(spec, spec.primary))
    return Counts(
        expected=len(rows) if expected is None else expected,
        scored=len(scored),
        failed=len(rows) - len(scored),
        empty=sum("empty" in _flags(record) or not raw_of(record).strip() for record in scored),
        truncated=sum("truncated_audio" in _flags(record) for record in scored),
        chunked=sum("chunked_audio" in _flags(record) for record in scored),
        unparsed=sum(answer is None for _, answer in pairs),
        rewritten=sum(answer is not None and answer != raw for raw, answer in pairs),
    )


def signature(metric: Metric, rows: Sequence[Row], spec: ScoringSpec, name: str) -> str:
    """What decides a number, in sacreBLEU's manner: `wer|norm:whisper_en.1|tok:word|agg:corpus|jiwer:4.0.0`."""
    extractor, normalizer = get_extractor(spec.metrics[name].extractor), get_normalizer(spec.metrics[name].normalizer)
    parts = {} if extractor.name == "exact" else {"extract": str(extractor)}
    parts["norm"] = normalizer.signature({row.language for row in rows} or {spec.language})
    if spec.labels is not None and uses_labels(spec.metrics[name]):
        parts["set"] = f"{len(spec.labels)}.{sha256(json.dumps(sorted(spec.labels)).encode()).hexdigest()[:6]}"
    languages = sorted({row.language for row in rows if row.language})
    if normalizer.uses_language and languages:
        parts["lang"] = "+".join(languages)
    parts |= metric.signature_parts(rows)
    return "|".join([metric.name, *(f"{key}:{value}" for key, value in parts.items())])


def _score(
    metric: Metric, rows: Sequence[Row], spec: ScoringSpec, name: str, subset: str | None, interval: str
) -> Score:
    unavailable = metric.missing()
    value, ci95, details, unjudged = None, None, None, None
    covered = [row for row in rows if metric.covers(row)]
    if not unavailable:
        try:
            value, ci95 = measure(metric, rows, method=interval)
            details = metric.details(rows) if rows else None
            unjudged = metric.unjudged(covered)
        except MetricError as error:  # answers that one metric cannot take cost no other its value
            unavailable = str(error)
    return Score(
        name=name,
        subset=subset,
        value=value,
        ci95=None if ci95 is None else list(ci95),
        n=len(covered) - (unjudged or 0 if metric.unjudged_out else 0),
        unparsed=sum(row.answer is None for row in covered),
        rewritten=sum(row.rewritten for row in covered),
        signature=signature(metric, rows, spec, name),
        higher_is_better=metric.higher_is_better,
        primary=name == spec.primary,
        unit=metric.unit,
        unavailable=unavailable,
        details=details,
        ci_method=interval,
        unjudged=unjudged,
    )


def _flags(record: Mapping[str, Any]) -> Sequence[str]:
    return record.get("flags") or ()
