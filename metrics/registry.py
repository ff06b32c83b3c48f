"""All metrics by name. A module of metrics lists its own in METRICS."""

from metrics import (
    activity,
    annotators,
    captions,
    classification,
    comet,
    diarization,
    events,
    grounding,
    judge,
    multilabel,
    notes,
    options,
    overlap,
    questions,
    slots,
    spice,
    timestamps,
    translation,
    understanding,
    verification,
    wer,
)
from metrics.base import Metric

MODULES = (
    wer,
    timestamps,
    diarization,
    overlap,
    verification,
    translation,
    comet,
    classification,
    multilabel,
    notes,
    captions,
    spice,
    events,
    activity,
    grounding,
    understanding,
    slots,
    questions,
    options,
    annotators,
    judge,
)

METRICS: dict[str, type[Metric]] = {metric.name: metric for module in MODULES for metric in module.METRICS}
