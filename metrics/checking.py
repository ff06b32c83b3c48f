"""What cannot be scored is refused before any model work."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metrics.answers import metric_for, normalised_labels, rows_of
from metrics.base import Metric, MetricError, Row, nearest
from metrics.bootstrap import measure
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.records import ScoringSpec

LANGUAGE = re.compile(r"[a-z]{2,3}([-_]\w+)*")


def check(spec: ScoringSpec, samples: Iterable[Mapping[str, Any]] = ()) -> None:
    """Raise a MetricError for whatever would fail at scoring: to be called before any model work.

    With `samples` (mappings with `id`, `references`, `fields`) each is checked too: that it has references, a language
    where the normaliser needs one, choices where the extractor needs them, references that are labels.
    """
    if not spec.metrics:
        raise MetricError("the scoring settings name no metric; add one to 'metrics'")
    if spec.language and not LANGUAGE.fullmatch(spec.language):
        raise MetricError(f"the language is {spec.language!r}; write its code, such as 'en' or 'zh-CN'")
    if spec.primary not in spec.metrics:
        raise MetricError(
            f"the primary metric {spec.primary!r} is not among the metrics{nearest(spec.primary, spec.metrics)}"
        )
    for name, part in spec.metrics.items():
        try:
            get_extractor(part.extractor)
            # One row through the whole metric: whatever is not installed shows now
            metric = metric_for(spec, name)
            trial = Row(id="", answer=metric.example, references=(metric.example,), language=spec.language)
            if metric.missing() is None and not metric.costly_trial:
                measure(metric, [trial])
            if spec.language:
                get_normalizer(part.normalizer).check_language(spec.language)
            if part.extractor == "label":
                _check_labels(spec.labels)
        except MetricError as error:
            raise MetricError(f"metric {name!r}: {error}") from None
    _check_samples(spec, samples)


def _check_samples(spec: ScoringSpec, samples: Iterable[Mapping[str, Any]]) -> None:
    metrics = {name: metric_for(spec, name) for name in spec.metrics}
    labels = {
        name: normalised_labels(spec, part) if part.extractor == "label" else None
        for name, part in spec.metrics.items()
    }
    for sample in samples:
        for name, part in spec.metrics.items():
            (row,) = rows_of([{**sample, "raw": ""}], spec, part)
            _check_row(metrics[name], row)
            known = labels[name]
            strange = [reference for reference in row.references if known and reference not in known]
            if strange and known:
                raise MetricError(
                    f"row {row.id!r}: the reference {strange[0]!r} is not in the label set of metric {name!r}"
                    f"{nearest(strange[0], known)}"
                )


def _check_row(metric: Metric, row: Row) -> None:
    try:
        metric.check_row(row)
    except MetricError as error:
        raise MetricError(f"row {row.id!r}: {error}") from None


def _check_labels(labels: Sequence[str] | None) -> None:
    if not labels:
        raise MetricError("extractor 'label' needs the label set of the task; set 'labels'")
    seen: dict[str, str] = {}
    for label in labels:
        if label.casefold() in seen:
            raise MetricError(f"labels {seen[label.casefold()]!r} and {label!r} differ in case at most; keep one")
        seen[label.casefold()] = label
