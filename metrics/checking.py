"""What cannot be scored is refused before any model work."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metrics.answers import (
    LABEL_EXTRACTORS,
    joins_references,
    metric_for,
    normalised_labels,
    references_of,
    rows_of,
    uses_labels,
)
from metrics.base import MetricError, Row, check_language, nearest
from metrics.bootstrap import measure
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.records import MetricSpec, ScoringSpec


def check(spec: ScoringSpec, samples: Iterable[Mapping[str, Any]] = ()) -> None:
    """Raise a MetricError for whatever would fail at scoring: to be called before any model work.

    With `samples` (mappings with `id`, `references`, `fields`) each is checked too: that it has references of which the
    normaliser leaves something, a language where the normaliser needs one, choices where the extractor needs them,
    references that are labels.
    """
    if not spec.metrics:
        raise MetricError("the scoring settings name no metric; add one to 'metrics'")
    check_language(spec.language or None)
    if spec.primary not in spec.metrics:
        raise MetricError(
            f"the primary metric {spec.primary!r} is not among the metrics{nearest(spec.primary, spec.metrics)}"
        )
    for name, part in spec.metrics.items():
        try:
            _check_part(spec, part, name)
        except MetricError as error:
            raise error.within(f"metric {name!r}") from None
    _check_samples(spec, samples)


def _check_part(spec: ScoringSpec, part: MetricSpec, name: str) -> None:
    get_extractor(part.extractor)
    # One row through the whole metric: whatever is not installed shows now
    metric = metric_for(spec, name)
    if metric.structured and part.normalizer != "none":
        raise MetricError(
            f"{part.metric} reads more than words, which normalizer {part.normalizer!r} would take apart; use 'none'"
        )
    trial = Row(id="", answer=metric.example, references=(metric.example,), language=spec.language)
    if metric.missing() is None and not metric.costly_trial:
        measure(metric, [trial])
    if spec.language:
        get_normalizer(part.normalizer).check_language(spec.language)
    _check_labels(spec, part)


def _check_samples(spec: ScoringSpec, samples: Iterable[Mapping[str, Any]]) -> None:
    metrics = {name: metric_for(spec, name) for name in spec.metrics}
    labels = {
        name: normalised_labels(spec, part) if uses_labels(part) and not joins_references(spec, part) else None
        for name, part in spec.metrics.items()
    }
    for sample in samples:
        for name, part in spec.metrics.items():
            (row,) = rows_of([{**sample, "raw": ""}], spec, part)
            try:
                if not (metrics[name].empty_references or joins_references(spec, part)):
                    _check_emptied(references_of(sample), row, part)
                metrics[name].check_row(row)
                if known := labels[name]:
                    _check_known(row, known, name)
            except MetricError as error:
                raise error.within(f"row {row.id!r}") from None


def _check_emptied(references: Sequence[str], row: Row, part: MetricSpec) -> None:
    """Refuse a reference of which nothing is left: every answer of which nothing is left would be right."""
    for reference, compared in zip(references, row.references, strict=True):
        if reference.strip() and not compared.strip():
            raise MetricError(
                f"normalizer {part.normalizer!r} leaves nothing of the reference {reference[:200]!r}, by which "
                f"{part.metric} cannot tell right from wrong; use 'none' or another"
            )


def _check_known(row: Row, labels: Sequence[str], name: str) -> None:
    for reference in row.references:
        if reference not in labels:
            raise MetricError(
                f"the reference {reference!r} is not in the label set of metric {name!r}{nearest(reference, labels)}"
            )


def _check_labels(spec: ScoringSpec, part: MetricSpec) -> None:
    """Refuse labels that one metric cannot tell apart."""
    if part.extractor in LABEL_EXTRACTORS and not spec.labels:
        raise MetricError(f"extractor {part.extractor!r} needs the label set of the task; set 'labels'")
    labels, compared = spec.labels or [], normalised_labels(spec, part) or []
    for label, text in zip(labels, compared, strict=True):
        if label.strip() and not text.strip():
            raise MetricError(f"normalizer {part.normalizer!r} leaves nothing of the label {label!r}; use another")
    if part.extractor in LABEL_EXTRACTORS:
        _check_distinct([(label, label.casefold()) for label in labels], "differ in case at most; keep one")
    pairs = dict.fromkeys(zip(labels, compared, strict=True))
    _check_distinct(pairs, f"are one to normalizer {part.normalizer!r}; use another")


def _check_distinct(pairs: Iterable[tuple[str, str]], problem: str) -> None:
    """Refuse labels that are compared as the same text."""
    seen: dict[str, str] = {}
    for label, text in pairs:
        if text in seen:
            raise MetricError(f"labels {seen[text]!r} and {label!r} {problem}")
        seen[text] = label
