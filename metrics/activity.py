"""Sound event detection by segments: which classes are active in which (Mesaros, Heittola, Virtanen 2016)."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, exactly
from metrics.events import (
    F1,
    NO_CLASS,
    ClassAverage,
    Classes,
    ErrorRate,
    EventMetric,
    MacroErrorRate,
    MacroF1,
    Tally,
    percent,
)
from metrics.timed import LONGEST, Event


class SegmentMetric(EventMetric):
    """Units are segments of `resolution` seconds in which a class is active: from that of its onset up to that of its
    offset, touched ones wholly. In a segment, missed and false classes pair up as substitutions; what is left of them
    are deletions or insertions.
    """

    options = {**EventMetric.options, "resolution": 1.0}

    def check_row(self, row: Row) -> None:
        super().check_row(row)
        said = row.fields.get("duration")
        if said is not None and _duration(row) is None:
            raise MetricError(f"the field 'duration' is {said!r:.80}; write the seconds from 0 to {LONGEST:g}")

    def tally(self, reference: list[Event], answer: list[Event]) -> Tally:
        spans = [
            (side, event.label, *self._segments(event)) for side, es in ((1, reference), (2, answer)) for event in es
        ]
        changes = sorted(
            [(first, 1, side, label) for side, label, first, _ in spans]
            + [(last, -1, side, label) for side, label, _, last in spans]
        )
        active: tuple[dict[str, int], dict[str, int]] = ({}, {})
        classes: Classes = {}
        errors, before = np.zeros(3), 0
        for at, change, side, label in changes:
            if at > before:
                errors += (at - before) * _segment(active[0].keys(), active[1].keys(), classes, at - before)
                before = at
            here = active[side - 1]
            here[label] = here.get(label, 0) + change
            if not here[label]:
                del here[label]
        return Tally(errors.tolist(), classes, before)

    def _segments(self, event: Event) -> tuple[int, int]:
        resolution = self.settings["resolution"]
        return math.floor(event.onset / resolution), math.ceil(event.offset / resolution)

    def counted(self) -> dict[str, str]:
        return {"segment": f"{exactly(self.settings['resolution'])}s"}

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Those of all, and the accuracies that count segments in which nothing is and nothing was said to be, over the
        classes of the label set and those seen on either side: up to the last event of each recording and, where all
        rows have a field `duration`, over the whole of it."""
        found, tallies = super().details(rows), self.tallies(rows)
        seen = {*(self.labels or ()), *(label for tally in tallies for label in tally.classes)} - {NO_CLASS}
        hits, golds, said = sum((counts for tally in tallies for counts in tally.classes.values()), np.zeros(3))
        lengths = [tally.length for tally in tallies]
        durations = [_duration(row) for row in rows]
        found["accuracy"] = _accuracies(hits, golds, said, len(seen) * sum(lengths))
        if None not in durations:
            whole = [math.ceil((duration or 0) / self.settings["resolution"]) for duration in durations]
            length = sum(max(pair) for pair in zip(lengths, whole, strict=True))
            found["accuracy_of_whole_files"] = _accuracies(hits, golds, said, len(seen) * length)
        return found


class SegmentF1(SegmentMetric, F1):
    """F1 of the classes active in segments of `resolution` seconds over the corpus, in percent (`SegmentMetric`,
    `F1`)."""

    name = "segment_f1"


class SegmentErrorRate(SegmentMetric, ErrorRate):
    """Substituted, missed and false classes of segments by those of the references over the corpus, in percent
    (`SegmentMetric`, `ErrorRate`)."""

    name = "segment_error_rate"


class SegmentMacroF1(SegmentMetric, MacroF1):
    """F1 of the classes active in segments, mean over classes, in percent (`SegmentMetric`, `ClassAverage`)."""

    name = "segment_macro_f1"
    options = {**SegmentMetric.options, **ClassAverage.options}


class SegmentMacroErrorRate(SegmentMetric, MacroErrorRate):
    """Missed and false segments of a class by those of the references, mean over classes, in percent (`SegmentMetric`,
    `ClassAverage`)."""

    name = "segment_macro_error_rate"
    options = {**SegmentMetric.options, **ClassAverage.options}


def _duration(row: Row) -> float | None:
    """Seconds of a recording, where its field says so."""
    said = row.fields.get("duration")
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= LONGEST:
        return None
    return float(said)


def _segment(golds: Collection[str], said: Collection[str], classes: Classes, times: int) -> np.ndarray:
    """Count `times` equal segments in which these classes are active, and return the errors of one, shape = (3,)."""
    hits = set(golds) & set(said)
    for labels, side in ((hits, 0), (golds, 1), (said, 2)):
        for label in labels:
            classes.setdefault(label, np.zeros(3))[side] += times
    both = min(len(golds), len(said))
    return np.array([both - len(hits), len(golds) - both, len(said) - both])


def _accuracies(hits: float, golds: float, said: float, segments: float) -> dict[str, float | int | None]:
    """Accuracies (percent) of segments times classes, shape = (segments,), idle ones counted."""
    idle = max(segments - (golds + said - hits), 0)  # what an unread answer counts for may be more than there is
    sensitivity, specificity = percent(hits, golds), percent(idle, segments - golds)
    both = sensitivity is not None and specificity is not None
    return {
        "idle": int(idle),
        "accuracy": percent(hits + idle, segments),
        "balanced_accuracy": ((sensitivity or 0) + (specificity or 0)) / 2 if both else None,
        "sensitivity": sensitivity,
        "specificity": specificity,
    }


METRICS = (SegmentF1, SegmentErrorRate, SegmentMacroF1, SegmentMacroErrorRate)
