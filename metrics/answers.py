"""From prediction records to rows: answers extracted, answers and references normalised."""

import json
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from metrics.base import Metric, MetricError, Row, check_language, nearest
from metrics.classification import ClassMetric
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.records import MetricSpec, ScoringSpec
from metrics.registry import METRICS


def answers(rows: Iterable[Mapping[str, Any]], spec: ScoringSpec, name: str) -> list[Row]:
    """What the metric of that name compares, sorted by id: the scored records, extracted and normalised."""
    return sorted(rows_of(filter(is_scored, rows), spec, part_of(spec, name)), key=attrgetter("id"))


def metric_for(spec: ScoringSpec, name: str) -> Metric:
    """The metric object for one name of the spec, with the label set it needs."""
    part = part_of(spec, name)
    if not isinstance(part.metric, str) or part.metric not in METRICS:
        raise MetricError(f"no metric named {part.metric!r}{nearest(part.metric, METRICS)}")
    return METRICS[part.metric](labels=normalised_labels(spec, part), options=part.options)


def part_of(spec: ScoringSpec, name: str) -> MetricSpec:
    if name not in spec.metrics:
        raise MetricError(f"the scoring settings have no metric {name!r}{nearest(name, spec.metrics)}")
    return spec.metrics[name]


def normalised_labels(spec: ScoringSpec, part: MetricSpec) -> list[str] | None:
    normalizer = get_normalizer(part.normalizer)
    return None if spec.labels is None else [normalizer.normalize(label, spec.language) for label in spec.labels]


LABEL_EXTRACTORS = ("label", "labels")
"""Those that look for labels of the task's set."""


def uses_labels(part: MetricSpec) -> bool:
    """Whether the label set decides something: it is then in the signature, and every reference is in it."""
    return part.extractor in LABEL_EXTRACTORS or issubclass(METRICS[part.metric], ClassMetric)


def rows_of(records: Iterable[Mapping[str, Any]], spec: ScoringSpec, part: MetricSpec) -> list[Row]:
    """Records, extracted and normalised, in their order; an error says which row it is about."""
    extract, normalize = get_extractor(part.extractor).extract, get_normalizer(part.normalizer).normalize
    joins = joins_references(spec, part)
    as_it_is = part.normalizer == "none"  # two calls a row are a third of the time of a million rows
    of_task, labels, rows = spec.language, spec.labels, []
    before = of_task  # a language is checked where it changes
    for record in records:
        get = record.get
        sample_id = str(record["id"])
        own = get("fields") or {}
        try:
            language = of_task or own.get("target_language") or own.get("language") or None
            if language != before:
                check_language(language)
                before = language
            references, group = references_of(record), get("group")
            raw = get("raw") or ""
            answer = extract(raw, own, references, labels)
            if as_it_is:
                right, said = references, answer
            else:
                right = tuple([normalize(reference, language) for reference in references])
                said = None if answer is None else normalize(answer, language)
            right = joined(right) if joins else right
        except MetricError as error:
            raise error.within(f"row {sample_id!r}") from None
        unit = f"id {sample_id}" if group is None else f"group {group}"
        rows.append(Row(sample_id, said, right, language, unit, own, answer is not None and answer != raw))
    return rows


def extracted(
    records: Iterable[Mapping[str, Any]], spec: ScoringSpec, part: MetricSpec
) -> list[tuple[str, str | None]]:
    """Each record's raw text, and the answer that the extractor reads in it."""
    extract = get_extractor(part.extractor).extract
    return [
        (raw_of(record), extract(raw_of(record), record.get("fields") or {}, references_of(record), spec.labels))
        for record in records
    ]


def references_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    references = record.get("references")
    if isinstance(references, (list, tuple)) and references:
        for reference in references:
            if not isinstance(reference, str):
                break
        else:
            return tuple(references)
    raise MetricError(f"'references' is {references!r}; it must be a list of at least one text")


def joins_references(spec: ScoringSpec, part: MetricSpec) -> bool:
    """Whether references are labels of the task's set that are right together."""
    return bool(spec.labels) and METRICS[part.metric].joins_references


def joined(references: tuple[str, ...]) -> tuple[str, ...]:
    """References that are a label each as the one JSON list of them that metrics of several labels read; what is a list
    already stays. Raises MetricError for several lists."""
    if any(reference.lstrip()[:1] in ("[", "{") for reference in references):
        if len(references) > 1:
            raise MetricError(f"{len(references)} references that are lists of labels; a sample has one, of all labels")
        return references
    return (json.dumps(list(references), ensure_ascii=False),)


def raw_of(record: Mapping[str, Any]) -> str:
    return record.get("raw") or ""


def is_scored(record: Mapping[str, Any]) -> bool:
    return record.get("status", "ok") == "ok"
