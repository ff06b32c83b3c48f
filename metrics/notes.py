"""Metrics of musical notes described by tags, as Qwen-Audio answers NSynth (Engel et al. 2017).

`<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_100|><|instrument|>guitar_acoustic<|sonic|>bright, dark`

Each metric has two forms, by the option `published`. Off (the default, `form:strict`): a field that an answer lacks is
wrong, and a reference that lacks it is refused. On (`form:published`): what Qwen-Audio's evaluation does, where a
missing pitch or velocity is 128 and a missing text empty, on both sides, so that what both lack is a hit.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metrics.base import Metric, MetricError, Row, SetMetric, SumMetric
from metrics.multilabel import Ranking

QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release",
    "multiphonic", "nonlinear_env", "percussive", "reverb", "tempo-synced",
)  # fmt: skip
MISSING = 128
EXAMPLE = (
    "<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_100|><|instrument|>guitar_acoustic<|sonic|>bright, dark"
)


def midi_number(text: str, field: str) -> int:
    """The number of `<|field|><|midi_field_N|>`, the first in the text; 128 where there is none or N is no number.

    N is what Python reads as one: ` 60 `, `060`, `-1`, `1_0` and the digits of other scripts too, not `C4` or `60.0`.
    """
    opening = f"<|{field}|><|midi_{field}_"
    for line in text.split("\n"):  # a tag ends in its line
        start = line.find(opening)
        end = line.find("|>", start + len(opening)) if start >= 0 else -1
        if end >= 0:
            try:
                return int(line[start + len(opening) : end])
            except ValueError:
                return MISSING
    return MISSING


def after_tag(text: str, tag: str) -> str:
    """What follows the first `<|tag|>`, up to the next `<` or the line's end; empty where there is no such tag."""
    _, found, rest = text.partition(f"<|{tag}|>")
    return rest.split("\n", 1)[0].split("<", 1)[0] if found else ""


def pitch_of(text: str) -> int:
    return midi_number(text, "pitch")


class NoteMetric(Metric):
    """What the metrics of notes have in common."""

    example = EXAMPLE
    structured = True
    options = {"published": False}
    field: str
    """The field compared."""

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        if not isinstance(self.settings["published"], bool):
            raise MetricError(f"metric {self.name!r}: the option 'published' is true or false")

    @abstractmethod
    def read(self, text: str | None) -> Any:
        """The field's value in the strict form; None where it is missing."""

    def check_row(self, row: Row) -> None:
        if not self.settings["published"]:
            for reference in row.references:
                if self.read(reference) is None:
                    raise MetricError(f"no {self.field} can be read in the reference {reference[:200]!r}")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        unreadable = sum(self.read(row.answer) is None for row in rows)
        return {"unreadable": unreadable, "unreadable_percent": 100 * unreadable / len(rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"form": "published" if self.settings["published"] else "strict"}


class NoteAccuracy(NoteMetric, SumMetric):
    """Share of answers whose field is that of a reference, in percent."""

    @abstractmethod
    def as_published(self, text: str) -> Any:
        """The field's value, its default where it is missing."""

    def value(self, text: str | None) -> Any:
        return self.as_published(text or "") if self.settings["published"] else self.read(text)

    def statistics(self, row: Row) -> Sequence[float]:
        answer = self.value(row.answer)
        return float(answer is not None and any(answer == self.value(text) for text in row.references)), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])


class NoteInstrument(NoteAccuracy):
    """Share of answers with the reference's instrument, to the letter, in percent."""

    name = "note_instrument"
    right_or_wrong = True
    field = "instrument"

    def as_published(self, text: str) -> str:
        return after_tag(text, "instrument")

    def read(self, text: str | None) -> str | None:
        return after_tag(text or "", "instrument").strip() or None


class NoteVelocity(NoteAccuracy):
    """Share of answers with the reference's velocity, in percent."""

    name = "note_velocity"
    right_or_wrong = True
    field = "velocity"

    def as_published(self, text: str) -> int:
        return midi_number(text, "velocity")

    def read(self, text: str | None) -> int | None:
        return _midi(midi_number(text or "", "velocity"))


class NotePitch(NoteAccuracy):
    """Share of answers with the reference's MIDI pitch, in percent (top-1 accuracy)."""

    name = "note_pitch"
    right_or_wrong = True
    field = "pitch"

    def as_published(self, text: str) -> int:
        return pitch_of(text)

    def read(self, text: str | None) -> int | None:
        return _midi(pitch_of(text or ""))


class NoteChroma(NoteMetric, SetMetric):
    """Share of answers with the reference's pitch class, in percent: octave errors do not count (HEAR, Turian et al.
    2022).

    Strict: MIDI pitch modulo 12. Published: a pitch stands for its place among the distinct pitches of all references
    and answers, ascending, and these places are compared modulo 12; that is the pitch class only where no pitch between
    the lowest and the highest is absent, and 128 (unreadable) hits whatever has its place. Encoded: pitches (strict) or
    their ranks (published), shape = (2, n_rows), references first.
    """

    name = "note_chroma"
    field = "pitch"

    def read(self, text: str | None) -> int | None:
        return _midi(pitch_of(text or ""))

    def encode(self, rows: Sequence[Row]) -> np.ndarray:
        if self.settings["published"]:
            pairs = [(pitch_of(row.references[0]), pitch_of(row.answer or "")) for row in rows]
            ranks = {pitch: rank for rank, pitch in enumerate(sorted({pitch for pair in pairs for pitch in pair}))}
            return np.array([[ranks[pitch] for pitch in pair] for pair in pairs], dtype=np.int64).reshape(-1, 2).T
        chromas = [[self._chroma(text) for text in (self._gold(row), row.answer)] for row in rows]
        return np.array(chromas, dtype=np.int64).reshape(-1, 2).T

    def score(self, encoded: np.ndarray, weights: np.ndarray) -> float:
        total = float(weights.sum())
        if not total:
            return float("nan")
        if self.settings["published"]:
            drawn = np.zeros(int(encoded.max()) + 1, dtype=np.int64)
            drawn[encoded[:, weights > 0]] = 1
            columns = (np.cumsum(drawn) - 1)[encoded] % 12
            return 100 * float(weights[columns[0] == columns[1]].sum()) / total
        hit = (encoded[0] == encoded[1]) & (encoded[1] >= 0)
        return 100 * float(weights[hit].sum()) / total

    def _chroma(self, text: str | None) -> int:
        pitch = self.read(text)
        return -1 if pitch is None else pitch % 12

    def _gold(self, row: Row) -> str:
        """The reference that was answered, else the first."""
        answered = self._chroma(row.answer)
        return next((text for text in row.references if self._chroma(text) == answered), row.references[0])


class NoteQualities(NoteMetric, SetMetric):
    """mAP of the ten qualities that NSynth knows, 0 to 1: macro mean of average precision with the 0/1 answer as score.

    Strict: qualities stand between commas; those without a positive are left out (details name them). Published:
    qualities stand between `, ` exactly, the mean is over all that references or answers have, and one that only
    answers have counts as 0; undefined where there is none at all.
    """

    name = "note_qualities"
    field = "qualities"
    unit = "mAP"
    range = (0.0, 1.0)

    def read(self, text: str | None) -> list[str] | None:
        if "<|sonic|>" not in (text or ""):
            return None
        said = [quality.strip() for quality in after_tag(text or "", "sonic").split(",")]
        return [quality for quality in dict.fromkeys(said) if quality in QUALITIES]

    def check_row(self, row: Row) -> None:
        super().check_row(row)
        if not self.settings["published"]:
            for quality in after_tag(row.references[0], "sonic").split(","):
                if quality.strip() not in ("", *QUALITIES):
                    raise MetricError(f"the reference has the quality {quality.strip()[:80]!r}, which NSynth has not")

    def qualities(self, text: str | None) -> list[str]:
        if self.settings["published"]:
            return [quality for quality in after_tag(text or "", "sonic").split(", ") if quality in QUALITIES]
        return self.read(text) or []

    def encode(self, rows: Sequence[Row]) -> Ranking:
        answers = [dict.fromkeys(self.qualities(row.answer), 1.0) for row in rows]
        return Ranking.of_answers(answers, [set(self.qualities(row.references[0])) for row in rows], QUALITIES)

    def score(self, encoded: Ranking, weights: np.ndarray) -> float:
        values = encoded.average_precisions(weights)
        if self.settings["published"]:
            answered = np.diff(encoded.given(weights)[encoded.bounds]) > 0
            values = np.where(answered, np.nan_to_num(values), values)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        values = self.encode(rows).average_precisions(np.ones(len(rows)))
        by_quality = dict(zip(QUALITIES, values.tolist(), strict=True))
        return {
            **(super().details(rows) or {}),
            "without_positives": [quality for quality, value in by_quality.items() if value != value],
            "average_precision": {quality: value for quality, value in by_quality.items() if value == value},
        }

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        classes = "seen" if self.settings["published"] else "with_positives"
        return super().signature_parts(rows) | {"avg": "macro", "classes": classes}


def _midi(number: int) -> int | None:
    return number if 0 <= number < MISSING else None


METRICS = (NoteInstrument, NoteVelocity, NotePitch, NoteChroma, NoteQualities)
