"""All metrics by name. A module of metrics lists its own in METRICS."""

from metrics import annotators, classification, events, grounding, judge, translation, wer
from metrics.base import Metric

MODULES = (wer, translation, classification, annotators, events, grounding, judge)

METRICS: dict[str, type[Metric]] = {metric.name: metric for module in MODULES for metric in module.METRICS}
