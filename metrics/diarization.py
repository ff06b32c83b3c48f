"""Diarization: who spoke when, DER and JER.

Through pyannote.metrics. A row is a recording, and intervals resample recordings.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric, exactly
from metrics.segments import Segment, check_segments, regions_of, segments_of

_EXAMPLE = '[{"speaker": "A", "start": 0, "end": 1.5}, {"speaker": "B", "start": 1, "end": 2}]'


class DiarizationMetric(SumMetric):
    """What DER and JER have in common. Answers and references are lists of segments (`metrics.segments`).

    Scored are the regions of the field `uem`, without it the recording from the first to the last segment of answer and
    reference. An answer that cannot be read is an empty one: all speech is missed.
    """

    higher_is_better = False
    example = _EXAMPLE
    structured = True
    options: Mapping[str, Any] = {"collar": 0.0, "skip_overlap": False, "merge": True}
    """collar: seconds left out on *each* side of a boundary of the reference (NIST's 0.25), the half of what pyannote
    calls collar; skip_overlap: whether regions where reference speakers overlap are left out; merge: whether segments
    of one speaker that overlap or touch are one, without which their time counts twice."""

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        collar = self.settings["collar"]
        if not isinstance(collar, int | float) or isinstance(collar, bool) or not 0 <= collar <= 60:
            raise MetricError(f"'collar' is {collar!r}; write the seconds to leave out on each side, such as 0.25")
        for key in ("skip_overlap", "merge"):
            if not isinstance(self.settings[key], bool):
                raise MetricError(f"{key!r} is {self.settings[key]!r}; write true or false")

    def check_row(self, row: Row) -> None:
        check_segments(row, words=False)
        regions_of(row)

    def components(self, row: Row, kind: str) -> Mapping[str, float]:
        """pyannote's components of one recording."""
        reference = segments_of(row.references[0])
        if reference is None:
            raise MetricError(f"row {row.id!r}: the reference is no list of segments")
        answer = segments_of(row.answer) or []
        regions = regions_of(row)
        if regions is None:
            times = [time for segment in [*reference, *answer] for time in (segment.start, segment.end)]
            regions = [(min(times), max(times))] if times else []
        metric = _pyannote(kind, 2 * float(self.settings["collar"]), self.settings["skip_overlap"])
        found = metric.compute_components(self._annotation(reference), self._annotation(answer), uem=_timeline(regions))
        return {str(key): float(value) for key, value in found.items()}

    def _annotation(self, segments: Sequence[Segment]) -> Any:
        from pyannote.core import Annotation
        from pyannote.core import Segment as Span

        annotation = Annotation()
        for track, segment in enumerate(segments):
            if segment.start < segment.end:
                annotation[Span(segment.start, segment.end), track] = segment.speaker
        return annotation.support() if self.settings["merge"] else annotation

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        given = {row.fields.get("uem") is not None for row in rows}
        return {
            "collar": f"{exactly(self.settings['collar'])}s.each",
            "overlap": "skipped" if self.settings["skip_overlap"] else "scored",
            "same_speaker": "merged" if self.settings["merge"] else "as_is",
            "uem": "+".join(sorted("field" if one else "extent" for one in given)) or "extent",
            "agg": "corpus",
            "pyannote.metrics": version("pyannote.metrics"),
        }


class DiarizationErrorRate(DiarizationMetric):
    """Diarization error rate: (missed speech + false alarm + speaker confusion) / speech of the reference, in percent.

    Speakers are mapped so that they agree longest in each recording (Hungarian method). Statistics: missed, false
    alarm, confusion, reference speech, all in seconds. Undefined where no reference speech is scored. Answers and
    references are JSON lists of {speaker, start, end} in seconds, RTTM or STM; an answer that cannot be read is an
    empty one. Scored is the field `uem` ([start, end] or several), without it the time from the first to the last
    segment of both.

    Options: `collar`, the seconds left out on *each* side of a boundary of the reference (NIST's 0.25; pyannote calls
    twice that its collar); `skip_overlap`, whether to leave out where reference speakers overlap; `merge`, whether
    segments of one speaker that overlap are one, without which (pyannote as it is) their time counts twice.
    """

    name = "der"
    range = (0.0, math.inf)

    def statistics(self, row: Row) -> Sequence[float]:
        found = self.components(row, "der")
        return found["missed detection"], found["false alarm"], found["confusion"], found["total"]

    def score(self, summed: np.ndarray) -> float:
        errors, total = float(summed[:3].sum()), float(summed[3])
        return 100 * errors / total if total > 0 else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The parts of the rate in seconds, and answers that could not be read."""
        missed, false_alarm, confusion, total = map(float, self.table(rows).sum(axis=0))
        parts = {"missed": missed, "false_alarm": false_alarm, "confusion": confusion, "reference_speech": total}
        return parts | {"unreadable": unreadable(rows)}


class JaccardErrorRate(DiarizationMetric):
    """Jaccard error rate (Ryant et al. 2019, DIHARD II): the mean over reference speakers of 1 - (time in common with
    the mapped speaker of the answer / time of either), in percent. Every speaker of every recording counts alike.

    Statistics: summed error of the speakers, speakers. Undefined without a reference speaker. Answers, `uem` and
    options as of `der`.
    """

    name = "jer"

    def statistics(self, row: Row) -> Sequence[float]:
        found = self.components(row, "jer")
        return found["speaker error"], found["speaker count"]

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Reference speakers scored, and answers that could not be read."""
        return {"speakers": int(self.table(rows)[:, 1].sum()), "unreadable": unreadable(rows)}


def unreadable(rows: Sequence[Row]) -> int:
    """How many answers are no list of segments."""
    return sum(segments_of(row.answer) is None for row in rows)


def _timeline(regions: Sequence[tuple[float, float]]) -> Any:
    from pyannote.core import Segment as Span
    from pyannote.core import Timeline

    return Timeline([Span(*region) for region in regions])


@cache
def _pyannote(kind: str, collar: float, skip_overlap: bool) -> Any:
    """pyannote's metric, of which only the function of one recording is used; `collar` is the full width."""
    from pyannote.metrics import diarization

    kinds = {"der": diarization.DiarizationErrorRate, "jer": diarization.JaccardErrorRate}
    return kinds[kind](collar=collar, skip_overlap=skip_overlap)


METRICS = (DiarizationErrorRate, JaccardErrorRate)
