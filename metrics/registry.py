"""All metrics by name. A module of metrics lists its own in METRICS."""

from metrics import (
    annotators,
    classification,
    comet,
    multilabel,
    notes,
    questions,
    slots,
    translation,
    understanding,
    wer,
)
from metrics.base import Metric

MODULES = (wer, translation, comet, classification, multilabel, notes, understanding, slots, questions, annotators)

METRICS: dict[str, type[Metric]] = {metric.name: metric for module in MODULES for metric in module.METRICS}
