"""Temporal grounding: when does it sound? Spans of time against spans of time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric, exactly
from metrics.timed import Event, read_spans

RECALL_AT = (0.3, 0.5, 0.7)


class GroundingMetric(SumMetric):
    """Right spans are those of all references together, each of which holds one span or more; an answer holds spans,
    with scores or in the order of their likelihood. Labels do not count. An answer that cannot be read, or holds no
    span, has found nothing.
    """

    example = "1.2-3.4"
    structured = True

    def check_row(self, row: Row) -> None:
        self.overlaps(row)

    def overlaps(self, row: Row) -> np.ndarray:
        """IoU of answered spans, best first, and right ones, shape = (n_answers, n_references)."""
        right: list[Event] = []
        for text in row.references:
            spans = read_spans(text)
            if not spans or any(span.offset <= span.onset for span in spans):
                raise MetricError(
                    f"row {row.id!r}: the reference {text[:60]!r} is no span of time that is not empty; write 1.2-3.4 "
                    "or [1.2, 3.4], in seconds, under the normaliser none"
                )
            right += spans
        answered = (None if row.answer is None else read_spans(row.answer)) or []
        return np.array([[_iou(span, other) for other in right] for span in answered]).reshape(-1, len(right))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"refs": "all"} if any(len(row.references) > 1 for row in rows) else {}

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """How many answers could not be read, and R1@IoU: the share (percent) of samples whose first answered span
        overlaps a right one by at least that IoU."""
        best = np.array([self.overlaps(row)[:1].max(initial=0.0) for row in rows])
        return {
            "unread": sum(row.answer is None or read_spans(row.answer) is None for row in rows),
            "recall_at_1": {f"{iou:g}": 100 * float((best >= iou).mean()) for iou in RECALL_AT},
        }


class TemporalIou(GroundingMetric):
    """Mean over samples of the IoU (length of the intersection / of the union, in percent) of the first answered span
    with that right span which it overlaps most: mIoU of temporal grounding (Gao et al. 2017).

    Statistics: IoU, 1.
    """

    name = "temporal_iou"

    def statistics(self, row: Row) -> Sequence[float]:
        return float(self.overlaps(row)[:1].max(initial=0.0)), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"span": "first"} | super().signature_parts(rows)


class GroundingMap(GroundingMetric):
    """Mean over samples and over IoU thresholds of the average precision of the answered spans, in percent, as in
    moment retrieval (Lei et al. 2021, with the AP of ActivityNet: the best precision at this recall or a higher one).

    Spans are taken best first; each hits the right span, not yet hit, that it overlaps most, if their IoU reaches the
    threshold; else it is false. Of equal scores the one that stands first comes first. The ranking is within a sample,
    so scores need no common scale. Statistics: AP at each threshold, 1.
    """

    name = "grounding_map"
    right_is_best = False
    options: Mapping[str, Any] = {"thresholds": [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        said = self.settings["thresholds"]
        self.thresholds = [said] if isinstance(said, int | float) and not isinstance(said, bool) else said
        numbers = isinstance(self.thresholds, list | tuple) and all(
            isinstance(iou, int | float) and not isinstance(iou, bool) and 0 < iou <= 1 for iou in self.thresholds
        )
        if not numbers or not self.thresholds:
            raise MetricError(f"metric {self.name!r}: option 'thresholds' is {said!r}; write IoUs such as [0.5, 0.75]")

    def statistics(self, row: Row) -> Sequence[float]:
        overlaps = self.overlaps(row)
        return [*(average_precision(overlaps, iou) for iou in self.thresholds), 1.0]

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(np.mean(summed[:-1])) / float(summed[-1])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        # `refs` says nothing here: several references are several spans to find
        return {"iou": "+".join(map(exactly, self.thresholds)), "ap": "interpolated", "agg": "samples"}

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Those of all, and the mAP at each threshold."""
        means = 100 * self.table(rows)[:, :-1].mean(axis=0)
        at = {exactly(iou): float(mean) for iou, mean in zip(self.thresholds, means, strict=True)}
        return super().details(rows) | {"map_at": at}


def average_precision(overlaps: np.ndarray, threshold: float) -> float:
    """Interpolated AP, 0 to 1, of spans in their order; `overlaps` are IoUs, shape = (n_answers, n_references)."""
    free = np.ones(overlaps.shape[1], dtype=bool)
    hits = np.zeros(len(overlaps))
    for place, ious in enumerate(overlaps):
        best = int(np.argmax(np.where(free, ious, -1.0)))
        if free[best] and ious[best] >= threshold:
            free[best], hits[place] = False, 1
        if not free.any():
            break
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best_from_here * hits).sum() / len(free))


def _iou(one: Event, other: Event) -> float:
    shared = min(one.offset, other.offset) - max(one.onset, other.onset)
    union = (one.offset - one.onset) + (other.offset - other.onset) - max(shared, 0.0)
    return max(shared, 0.0) / union if union > 0 else 0.0


METRICS = (TemporalIou, GroundingMap)
