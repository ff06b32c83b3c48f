"""All metrics by name. A module of metrics lists its own in METRICS."""

from metrics import annotators, classification, events, grounding, translation, wer
from metrics.base import Metric

MODULES = (wer, translation, classification, annotators, events, grounding)

METRICS: dict[str, type[Metric]] = {metric.name: metric for module in MODULES for metric in module.METRICS}
