"""From prediction records to scores: the one place where answers are extracted, normalised and measured."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from typing import Any

from metrics.base import Metric, MetricError, Row, UnavailableError, nearest
from metrics.bootstrap import measure
from metrics.classification import ClassMetric
from metrics.extractors import get_extractor
from metrics.normalizers import get_normalizer
from metrics.registry import METRICS

LANGUAGE = re.compile(r"[a-z]{2,3}([-_]\w+)*")


@dataclass
class MetricSpec:
    """How one metric of a task is computed."""

    metric: str
    """Name of the metric: a key of METRICS."""
    normalizer: str = "none"
    """Name of the normaliser that answers and references pass."""
    extractor: str = "exact"
    """Name of the extractor that raw texts pass before."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the metric's own."""


@dataclass
class ScoringSpec:
    """How a task is scored: all that decides its numbers, beside the predictions."""

    metrics: dict[str, MetricSpec]
    """Name shown in tables -> metric, in the order in which they are shown."""
    primary: str
    """The name (of `metrics`) that stands for the task."""
    language: str | None = None
    """Language of answers and references, for translation the target language; None: each row's own."""
    labels: list[str] | None = None
    """The label set of a classification task."""

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "ScoringSpec":
        """A spec from plain dicts; unknown or missing keys are a MetricError with the nearest valid one."""
        _check_keys(settings, cls, ("metrics", "primary"), "the scoring settings")
        metrics = {}
        for name, metric in settings["metrics"].items():
            if not isinstance(metric, Mapping):
                raise MetricError(f"metric {name!r} is {metric!r}; write a mapping with the key 'metric'")
            _check_keys(metric, MetricSpec, ("metric",), f"metric {name!r}")
            metrics[str(name)] = MetricSpec(**metric)
        labels = settings.get("labels")
        return cls(
            metrics=metrics,
            primary=settings["primary"],
            language=settings.get("language"),
            labels=None if labels is None else [str(label) for label in labels],
        )

    def to_dict(self) -> dict[str, Any]:
        """The inverse of `from_dict`, JSON-able."""
        return asdict(self)


@dataclass
class Score:
    """One number with all that is needed to trust it."""

    name: str
    """Name in the task's scoring spec."""
    subset: str | None
    """The subset scored; None for all rows together, or when the rows name no subset."""
    value: float | None
    """The value in `unit`; None when no row could be scored or the metric is undefined on them."""
    ci95: list[float] | None
    """95 % bootstrap interval [low, high], resampled by group; None with fewer than two groups."""
    n: int
    """Rows scored: failed ones are not, nor those that the metric leaves out (a question without a majority)."""
    signature: str
    """What decides the number: metric, extractor, normaliser, tokens, versions; equal signatures are comparable."""
    higher_is_better: bool
    """Whether more is better."""
    primary: bool
    """Whether this is the task's primary metric."""
    unit: str
    """`%`, `BLEU`, ..."""
    unavailable: str | None = None
    """Why there is no value on this machine, and the cure."""
    details: dict[str, Any] | None = None
    """More than a number: a confusion matrix, a value a class."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass
class Counts:
    """What became of the samples; the primary metric's extractor decides `unparsed` and `rewritten`."""

    expected: int
    """Samples that the task asked for."""
    scored: int
    """Samples with an answer; they are in the scores."""
    failed: int
    """Samples without an answer (unreadable, crashed, timed out); outside the scores."""
    empty: int
    """Scored samples whose answer is empty."""
    truncated: int
    """Scored samples whose audio was cut to what the model takes."""
    chunked: int
    """Scored samples whose audio was answered in pieces."""
    unparsed: int
    """Scored samples whose answer could not be read; counted wrong."""
    rewritten: int
    """Scored samples whose answer the extractor changed."""

    def to_dict(self) -> dict[str, int]:
        """JSON-able."""
        return asdict(self)


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
            if metric.missing() is None and not metric.asks_endpoint:
                measure(metric, [trial])
            if spec.language:
                get_normalizer(part.normalizer).check_language(spec.language)
            if part.extractor == "label":
                _check_labels(spec.labels)
        except MetricError as error:
            raise MetricError(f"metric {name!r}: {error}") from None
    metrics = {name: metric_for(spec, name) for name in spec.metrics}
    for sample in samples:
        for name, part in spec.metrics.items():
            row = _row({**sample, "raw": ""}, spec, part)
            _check_row(metrics[name], row)
            labels = _normalised_labels(spec, part) if part.extractor == "label" else None
            strange = [reference for reference in row.references if labels and reference not in labels]
            if strange and labels:
                raise MetricError(
                    f"row {row.id!r}: the reference {strange[0]!r} is not in the label set of metric {name!r}"
                    f"{nearest(strange[0], labels)}"
                )


def _check_row(metric: Metric, row: Row) -> None:
    try:
        metric.check_row(row)
    except MetricError as error:
        raise MetricError(f"row {row.id!r}: {error}") from None


def score(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec) -> list[Score]:
    """Scores of prediction records: each metric over all rows and over each subset.

    `rows` are records with `id`, `references`, `fields`, `group`, `subset`, `raw`, `status`; failed ones are left out.
    With several subsets the scores over all rows come first (subset None), then the subsets by name; with one, that
    subset's alone. A function of the rows, not of their order. Without a scorable row a value is None, never an error.
    """
    subsets = sorted({record["subset"] for record in rows if record.get("subset") is not None})
    several = len(subsets) > 1 or (len(subsets) == 1 and any(record.get("subset") is None for record in rows))
    subset_of = {str(record["id"]): record.get("subset") for record in rows}
    compared: dict[tuple[str, str], list[Row]] = {}  # metrics often share extractor and normaliser
    for name, part in spec.metrics.items():
        if (part.extractor, part.normalizer) not in compared:
            compared[part.extractor, part.normalizer] = answers(rows, spec, name)
    scores = []
    for subset in [None, *subsets] if several or not subsets else subsets:
        for name, part in spec.metrics.items():
            found = compared[part.extractor, part.normalizer]
            chosen = [row for row in found if subset is None or subset_of[row.id] == subset]
            scores.append(_score(chosen, spec, name, subset))
    return scores


def count(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, expected: int | None = None) -> Counts:
    """What became of the samples; `expected` is how many the task asked for, by default as many as there are rows."""
    scored = [record for record in rows if _is_scored(record)]
    part = spec.metrics[spec.primary]
    extracted = [(_raw(record), _extract(record, spec, part)) for record in scored]
    return Counts(
        expected=len(rows) if expected is None else expected,
        scored=len(scored),
        failed=len(rows) - len(scored),
        empty=sum("empty" in _flags(record) or not _raw(record).strip() for record in scored),
        truncated=sum("truncated_audio" in _flags(record) for record in scored),
        chunked=sum("chunked_audio" in _flags(record) for record in scored),
        unparsed=sum(answer is None for _, answer in extracted),
        rewritten=sum(answer is not None and answer != raw for raw, answer in extracted),
    )


def answers(rows: Sequence[Mapping[str, Any]], spec: ScoringSpec, name: str) -> list[Row]:
    """What the metric of that name compares, sorted by id: the scored records, extracted and normalised."""
    part = _part(spec, name)
    return sorted((_row(record, spec, part) for record in rows if _is_scored(record)), key=lambda row: row.id)


def metric_for(spec: ScoringSpec, name: str) -> Metric:
    """The metric object for one name of the spec, with the label set it needs."""
    part = _part(spec, name)
    if part.metric not in METRICS:
        raise MetricError(f"no metric named {part.metric!r}{nearest(part.metric, METRICS)}")
    return METRICS[part.metric](labels=_normalised_labels(spec, part), options=part.options)


def signature(metric: Metric, rows: Sequence[Row], spec: ScoringSpec, name: str) -> str:
    """What decides a number, in sacreBLEU's manner: `wer|norm:whisper_en.1|tok:word|agg:corpus|jiwer:4.0.0`."""
    extractor, normalizer = get_extractor(spec.metrics[name].extractor), get_normalizer(spec.metrics[name].normalizer)
    parts = {} if extractor.name == "exact" else {"extract": str(extractor)}
    parts["norm"] = str(normalizer)
    if spec.labels is not None and (extractor.name == "label" or isinstance(metric, ClassMetric)):
        parts["set"] = f"{len(spec.labels)}.{sha256(json.dumps(sorted(spec.labels)).encode()).hexdigest()[:6]}"
    languages = sorted({row.language for row in rows if row.language})
    if normalizer.uses_language and languages:
        parts["lang"] = "+".join(languages)
    parts |= metric.signature_parts(rows)
    return "|".join([metric.name, *(f"{key}:{value}" for key, value in parts.items())])


def _score(rows: Sequence[Row], spec: ScoringSpec, name: str, subset: str | None) -> Score:
    metric = metric_for(spec, name)
    unavailable = metric.missing()
    value, ci95, details = None, None, None
    try:
        if not unavailable:
            value, ci95 = measure(metric, rows)
            details = metric.details(rows) if rows else None
    except UnavailableError as error:
        unavailable = str(error)
    return Score(
        name=name,
        subset=subset,
        value=value,
        ci95=None if ci95 is None else list(ci95),
        n=sum(map(metric.covers, rows)),
        signature=signature(metric, rows, spec, name),
        higher_is_better=metric.higher_is_better,
        primary=name == spec.primary,
        unit=metric.unit,
        unavailable=unavailable,
        details=details,
    )


def _part(spec: ScoringSpec, name: str) -> MetricSpec:
    if name not in spec.metrics:
        raise MetricError(f"the scoring settings have no metric {name!r}{nearest(name, spec.metrics)}")
    return spec.metrics[name]


def _row(record: Mapping[str, Any], spec: ScoringSpec, part: MetricSpec) -> Row:
    """One record, extracted and normalised; an error says which row it is about."""
    sample_id = str(record["id"])
    own = record.get("fields") or {}
    language = spec.language or own.get("target_language") or own.get("language")
    normalizer = get_normalizer(part.normalizer)
    try:
        if language is not None and not isinstance(language, str):
            raise MetricError(f"'language' is {language!r}; it must be a text such as 'en'")
        answer = _extract(record, spec, part)
        references = tuple(normalizer.normalize(reference, language) for reference in _references(record))
        return Row(
            id=sample_id,
            answer=None if answer is None else normalizer.normalize(answer, language),
            references=references,
            language=language,
            group=f"id {sample_id}" if record.get("group") is None else f"group {record['group']}",
            fields=own,
        )
    except MetricError as error:
        raise MetricError(f"row {sample_id!r}: {error}") from None


def _extract(record: Mapping[str, Any], spec: ScoringSpec, part: MetricSpec) -> str | None:
    extractor = get_extractor(part.extractor)
    return extractor.extract(_raw(record), record.get("fields") or {}, _references(record), spec.labels)


def _references(record: Mapping[str, Any]) -> list[str]:
    references = record.get("references")
    if not isinstance(references, list | tuple) or not references or not all(isinstance(r, str) for r in references):
        raise MetricError(f"'references' is {references!r}; it must be a list of at least one text")
    return list(references)


def _raw(record: Mapping[str, Any]) -> str:
    return record.get("raw") or ""


def _flags(record: Mapping[str, Any]) -> Sequence[str]:
    return record.get("flags") or ()


def _is_scored(record: Mapping[str, Any]) -> bool:
    return record.get("status", "ok") == "ok"


def _normalised_labels(spec: ScoringSpec, part: MetricSpec) -> list[str] | None:
    normalizer = get_normalizer(part.normalizer)
    return None if spec.labels is None else [normalizer.normalize(label, spec.language) for label in spec.labels]


def _check_labels(labels: Sequence[str] | None) -> None:
    if not labels:
        raise MetricError("extractor 'label' needs the label set of the task; set 'labels'")
    seen: dict[str, str] = {}
    for label in labels:
        if label.casefold() in seen:
            raise MetricError(f"labels {seen[label.casefold()]!r} and {label!r} differ in case at most; keep one")
        seen[label.casefold()] = label


def _check_keys(settings: Mapping[str, Any], record: type, required: Sequence[str], where: str) -> None:
    known = {entry.name for entry in fields(record)}
    for key in settings:
        if key not in known:
            raise MetricError(f"unknown key {key!r} in {where}{nearest(key, known)}")
    for key in required:
        if not settings.get(key):
            raise MetricError(f"{where}: the key {key!r} is missing; set it")
