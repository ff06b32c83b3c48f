"""All metrics by name. A module of metrics lists its own in METRICS."""

from metrics import (
    annotators,
    captions,
    classification,
    diarization,
    overlap,
    spice,
    timestamps,
    translation,
    verification,
    wer,
)
from metrics.base import Metric

MODULES = (
    wer,
    translation,
    captions,
    spice,
    classification,
    annotators,
    timestamps,
    diarization,
    overlap,
    verification,
)

METRICS: dict[str, type[Metric]] = {metric.name: metric for module in MODULES for metric in module.METRICS}
