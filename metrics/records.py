"""The records of scoring: how a task is scored, and what comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from metrics.base import MetricError, nearest


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
        if not isinstance(settings["metrics"], Mapping):
            raise MetricError(f"'metrics' is {settings['metrics']!r}; write a mapping of name: metric")
        if not isinstance(settings["primary"], str):
            raise MetricError(f"'primary' is {settings['primary']!r}; write the name of a metric")
        metrics = {}
        for name, metric in settings["metrics"].items():
            if not isinstance(metric, Mapping):
                raise MetricError(f"metric {name!r} is {metric!r}; write a mapping with the key 'metric'")
            _check_keys(metric, MetricSpec, ("metric",), f"metric {name!r}")
            for key in ("metric", "normalizer", "extractor"):
                if not isinstance(metric.get(key, ""), str):
                    raise MetricError(f"metric {name!r}: {key!r} is {metric[key]!r}; write a name")
            if not isinstance(metric.get("options", {}), Mapping):
                raise MetricError(f"metric {name!r}: 'options' is {metric['options']!r}; write a mapping")
            metrics[str(name)] = MetricSpec(**metric)
        labels = settings.get("labels")
        if not isinstance(labels, Sequence | None) or isinstance(labels, str):
            raise MetricError(f"'labels' is {labels!r}; write a list of labels")
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
    unparsed: int | None = None
    """Of the rows scored, those whose answer this metric's extractor could not read; counted wrong."""
    rewritten: int | None = None
    """Of the rows scored, those whose answer this metric's extractor changed."""
    unavailable: str | None = None
    """Why there is no value on this machine, and the cure."""
    details: dict[str, Any] | None = None
    """More than a number: a confusion matrix, a value a class."""
    ci_method: str = "percentile"
    """How the interval was made: `percentile` or `bca`."""
    unjudged: int | None = None
    """Rows on which a judge (or SPICE) gave no verdict; by the metric's docstring they count as the lowest value or are
    outside of `n`. None for a metric that always has one."""

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


def _check_keys(settings: Mapping[str, Any], record: type, required: Sequence[str], where: str) -> None:
    known = {entry.name for entry in fields(record)}
    for key in settings:
        if key not in known:
            raise MetricError(f"unknown key {key!r} in {where}{nearest(key, known)}")
    for key in required:
        if not settings.get(key):
            raise MetricError(f"{where}: the key {key!r} is missing; set it")
