"""Word error rates of speech by several speakers, overlapped or in turns: cpWER and ORC-WER, through meeteval.

A row is a recording. Answers and references are lists of segments with words (`metrics.segments`); start and end order
them and may be left out where the list is in order already.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric
from metrics.normalizers import Normalizer, get_normalizer
from metrics.segments import check_segments, segments_of
from metrics.wer import WordErrorRate

CELLS = 100_000_000  # of ORC's exact search; about a second


class SpeakerErrorRate(SumMetric):
    """(substitutions + deletions + insertions) / reference words, in percent, words given to speakers at best;
    undefined without a reference word.

    Words are those of `wer` (characters in languages written without blanks), after the normaliser of the option. An
    answer that cannot be read, or has more speakers than meeteval takes, is an empty one.
    """

    higher_is_better = False
    range = (0.0, math.inf)
    example = (
        '[{"speaker": "A", "start": 0, "end": 1.5, "words": "a"}, {"speaker": "B", "start": 1, "end": 2, "words": "b"}]'
    )
    structured = True
    options: Mapping[str, Any] = {"normalizer": "default"}
    most_speakers: int
    """That meeteval takes in an answer."""

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.normalizer: Normalizer = get_normalizer(self.settings["normalizer"])
        self.words = WordErrorRate()
        self.said = lru_cache(maxsize=100_000)(self._said)  # the details ask again

    def missing(self) -> str | None:
        if find_spec("meeteval") is None:
            return (
                f"{self.name} needs meeteval, which is compiled at installation: with a C++ compiler and Python's"
                " headers, pip install meeteval==0.4.3, then rescore"
            )
        return None

    def check_row(self, row: Row) -> None:
        check_segments(row, words=True)

    def streams(self, row: Row, text: str | None) -> list[dict[str, Any]] | None:
        """Segments in meeteval's form, by start; None where they cannot be read."""
        segments = segments_of(text, timed=False)
        if segments is None:
            return None
        return [
            {"session_id": "", "speaker": segment.speaker, "words": self.said(segment.words, row.language)}
            for segment in sorted(segments, key=lambda segment: segment.start)
        ]

    def _said(self, words: str, language: str | None) -> str:
        return " ".join(self.words.tokens(self.normalizer.normalize(words, language), language))

    def pair(self, row: Row) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Reference and answer; an answer that cannot be scored is empty."""
        reference = self.streams(row, row.references[0])
        if reference is None:
            raise MetricError(f"row {row.id!r}: the reference is no list of segments")
        return reference, (self.streams(row, row.answer) or []) if self.readable(row) else []

    def readable(self, row: Row) -> bool:
        """Whether the answer can be scored."""
        segments = segments_of(row.answer, timed=False)
        return segments is not None and len({segment.speaker for segment in segments}) <= self.most_speakers

    def score(self, summed: np.ndarray) -> float:
        errors, length = float(summed[:3].sum()), float(summed[3])
        return 100 * errors / length if length else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The parts of the rate, and answers that could not be read."""
        names = ("substitutions", "deletions", "insertions", "reference_words", "speakers_missed", "speakers_invented")
        counts = dict(zip(names, map(int, self.table(rows).sum(axis=0)), strict=False))
        return counts | {"unreadable": sum(not self.readable(row) for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        units = {self.words.unit_of(row.language) for row in rows} or {"word"}
        parts = {"words": self.normalizer.signature({row.language for row in rows} or {None})}
        parts |= {"tok": units.pop() if len(units) == 1 else "lang", "agg": "corpus"}
        return parts | {"meeteval": "none" if self.missing() else version("meeteval")}


class ConcatenatedPermutationErrorRate(SpeakerErrorRate):
    """cpWER (Watanabe et al. 2020, CHiME-6): all words of a speaker in a row, speakers of answer and reference paired
    so that the errors are fewest; words of speakers without a partner are deleted or inserted.

    Answers and references are JSON lists of {speaker, start, end, words}, the times of which may be left out, or STM.
    Words are those of `wer` after the normaliser of the option. An answer that cannot be read, or has more than 20
    speakers, is an empty one. Statistics: substitutions, deletions, insertions, reference words, speakers missed,
    speakers too many.
    """

    name = "cpwer"
    most_speakers = 20

    def check_row(self, row: Row) -> None:
        super().check_row(row)
        speakers = {segment.speaker for segment in segments_of(row.references[0], timed=False) or []}
        if len(speakers) > self.most_speakers:
            raise MetricError(
                f"the reference has {len(speakers)} speakers; meeteval takes {self.most_speakers} at most"
            )

    def statistics(self, row: Row) -> Sequence[float]:
        from meeteval.io import SegLST
        from meeteval.wer import cp_word_error_rate

        sides = [SegLST(side) for side in self.pair(row)]
        found = cp_word_error_rate(*sides, reference_sort=False, hypothesis_sort=False)
        counts = (found.substitutions, found.deletions, found.insertions, found.length)
        return *counts, found.missed_speaker, found.falarm_speaker


class OptimalReferenceCombinationErrorRate(SpeakerErrorRate):
    """ORC-WER (Sklyar et al. 2022; von Neumann et al. 2023): every segment of the reference goes, in order, to the
    stream of the answer where the errors are fewest; which speaker said it does not matter.

    Answers and references as of `cpwer`; more than 10 streams are not read. Exact up to 100,000,000 cells of the search
    (reference words times the product of the streams' lengths), beyond by meeteval's greedy search, which never comes
    out lower; `details` counts those rows. Statistics: substitutions, deletions, insertions, reference words.
    """

    name = "orcwer"
    most_speakers = 10

    def statistics(self, row: Row) -> Sequence[float]:
        from meeteval.io import SegLST
        from meeteval.wer import greedy_orc_word_error_rate, orc_word_error_rate

        reference, answer = self.pair(row)
        words, said = (sum(len(segment["words"].split()) for segment in side) for side in (reference, answer))
        if not words or not said:  # meeteval trips over an empty answer
            return 0, words, said, words
        rate = orc_word_error_rate if cells(reference, answer) <= CELLS else greedy_orc_word_error_rate
        found = rate(SegLST(reference), SegLST(answer), reference_sort=False, hypothesis_sort=False)
        return found.substitutions, found.deletions, found.insertions, found.length

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        return super().details(rows) | {"greedy": sum(cells(*self.pair(row)) > CELLS for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"search": f"exact.{CELLS}"}


def cells(reference: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]]) -> int:
    """How large the exact search of ORC-WER is."""
    lengths: dict[str, int] = {}
    for segment in answer:
        lengths[segment["speaker"]] = lengths.get(segment["speaker"], 1) + len(segment["words"].split())
    words = sum(1 + len(segment["words"].split()) for segment in reference)
    return words * math.prod(lengths.values())


METRICS = (ConcatenatedPermutationErrorRate, OptimalReferenceCombinationErrorRate)
