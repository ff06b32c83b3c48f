"""Word timestamps: shifts of matched words, in ms.

Texts hold a time stamp before and after each word: `<|0.00|><|sil|><|0.54|>面<|0.86|>`. They are scored unnormalised.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric

STAMP = re.compile(r"<\|(\d{1,2}\.\d+)\|>")
_TAGS = ("<|startoftranscript|>", "<|transcribe|>")
_LANGUAGES = ("<|en|>", "<|zh|>")
_OTHER_TAG = re.compile(r"<\|(?!sil\|>)[^|<>]*\|>")

_HIT, _SUBSTITUTION, _INSERTION, _DELETION = range(4)


@dataclass(frozen=True)
class Stamped:
    """A text cut at its stamps: word i lies between stamps i and i + 1."""

    words: tuple[str, ...]
    times: tuple[float, ...]
    """Stamps in seconds; one more than there are words, or none."""


class Shift(SumMetric):
    """What AAS and its half have in common.

    Statistics: sum of |start difference| + |end difference| in seconds, matched words. A stamp is one or two digits, a
    point and decimals; others are part of a word. Text outside the outer stamps is dropped, and anywhere the tags
    `<|startoftranscript|>`, `<|transcribe|>` and `<|en|>`, or, where that is not, `<|zh|>`; `<|sil|>` and the empty
    word are words. Words are matched by a Levenshtein alignment of unit costs that goes back from the end and prefers,
    where costs are equal, the diagonal, then an insertion, then a deletion; only equal words count. A row without a
    match (no stamps, nothing in common) adds nothing: such rows are in `details` and in the word error rate. Over a
    corpus without a match the value is undefined.
    """

    unit = "ms"
    higher_is_better = False
    range = (0.0, math.inf)
    example = "<|0.00|><|sil|><|0.54|>a<|0.86|>"
    structured = True
    boundaries: int
    """The sum of a word's shifts is divided by this."""

    def __init__(self, labels: Sequence[str] | None = None, options: dict[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        if self.settings["first_stamp"] not in ("as_is", "restored"):
            raise MetricError(f"'first_stamp' is {self.settings['first_stamp']!r}; write as_is or restored")
        if not isinstance(self.settings["fold"], bool):
            raise MetricError(f"'fold' is {self.settings['fold']!r}; it is true or false")

    def check_row(self, row: Row) -> None:
        for reference in row.references:
            if not stamped(reference).words:
                raise MetricError(f"the reference {reference[:80]!r} has no word between two stamps such as <|0.00|>")

    def answer(self, row: Row) -> Stamped:
        """What was answered, its first stamp put back if that is set."""
        text = row.answer or ""
        return self.cut(with_first_stamp(text) if self.settings["first_stamp"] == "restored" else text)

    def cut(self, text: str) -> Stamped:
        """A text at its stamps, its words in lower case if so set."""
        return stamped(text.casefold() if self.settings["fold"] else text)

    def statistics(self, row: Row) -> Sequence[float]:
        answer = self.answer(row)
        candidates = [shift(self.cut(reference), answer) for reference in row.references]
        return max(candidates, key=lambda counts: (counts[1], -counts[0]))

    def score(self, summed: np.ndarray) -> float:
        return 1000 * float(summed[0]) / float(summed[1]) / self.boundaries if summed[1] else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """How many answers could be compared, and how many words of how many."""
        answers = [self.answer(row) for row in rows]
        matched = [int(self.statistics(row)[1]) for row in rows]
        return {
            "answers": len(rows),
            "without_stamps": sum(not answer.times for answer in answers),
            "with_one_stamp": sum(len(answer.times) == 1 for answer in answers),
            "first_stamp_missing": sum((row.answer or "") != with_first_stamp(row.answer or "") for row in rows),
            "times_run_back": sum(list(answer.times) != sorted(answer.times) for answer in answers),
            "nothing_matched": matched.count(0),
            "matched_words": sum(matched),
            "reference_words": sum(len(stamped(row.references[0]).words) for row in rows),
        }

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        parts = {"shift": "start+end" if self.boundaries == 1 else "boundary", "first": self.settings["first_stamp"]}
        parts |= {"tags": "published", "ties": "match.ins.del"} | ({"case": "folded"} if self.settings["fold"] else {})
        return parts | ({"refs": "best"} if any(len(row.references) > 1 for row in rows) else {})


class AccumulatedAveragingShift(Shift):
    """Accumulated averaging shift (AAS; Shi et al. 2023), as Qwen-Audio publishes it: per matched word the shift of its
    start plus that of its end, in ms.

    Texts are `<|0.00|><|sil|><|0.54|>a<|0.86|>`, unnormalised. Only words that a Levenshtein alignment (at equal costs
    from the end: match, insertion, deletion) finds equal count; undefined where none is. Answers without stamps, or
    with nothing in common, are counted in `details` and show in the word error rate.

    Kept: both shifts are summed, not averaged; an answer without its first stamp loses its first word; of a model's
    tags `<|startoftranscript|>`, `<|transcribe|>` and one language (`<|en|>`, else `<|zh|>`) are dropped wherever they
    stand, and all others are part of a word. Fixed: rows are paired by id, where the published script pairs wrong ones,
    or stops, once an answer has no stamp.
    """

    name = "aas"
    options = {"first_stamp": "as_is", "fold": False}
    boundaries = 1


class MeanBoundaryShift(Shift):
    """The mean shift of one boundary of a matched word, in ms: half of AAS, and the stamp that the prompt ends with
    (`<|0.00|>`) is put back before an answer that begins with a word.

    The option `fold`, of both, matches words whatever their case."""

    name = "aas_half"
    options = {"first_stamp": "restored", "fold": False}
    boundaries = 2


def stamped(text: str) -> Stamped:
    """Cut a text at its stamps; text before the first and after the last is dropped, and so are the tags that the
    published script takes out: those of the prompt, and of one language."""
    for tag in _TAGS:
        text = text.replace(tag, "")
    text = text.replace(next((tag for tag in _LANGUAGES if tag in text), ""), "")
    pieces = STAMP.split(text)
    return Stamped(tuple(pieces[2:-1:2]), tuple(map(float, pieces[1::2])))


def with_first_stamp(text: str) -> str:
    """The text with `<|0.00|>` before it, where it begins with a word and has a stamp; a model's tags are no word."""
    first = STAMP.search(text)
    if first is None or not _OTHER_TAG.sub("", text[: first.start()]).strip():
        return text
    return "<|0.00|>" + _OTHER_TAG.sub("", text[: first.start()]).lstrip() + text[first.start() :]


def shift(reference: Stamped, answer: Stamped) -> tuple[float, int]:
    """Summed shift of the matched words' starts and ends in seconds, and how many words matched."""
    total, matched = 0.0, 0
    for i, j in matches(reference.words, answer.words):
        total += abs(reference.times[i] - answer.times[j]) + abs(reference.times[i + 1] - answer.times[j + 1])
        matched += 1
    return total, matched


def matches(reference: Sequence[str], answer: Sequence[str]) -> list[tuple[int, int]]:
    """The equal pairs of an alignment of unit costs, from the end: diagonal first, then insertion, then deletion."""
    i, j = len(reference), len(answer)
    pairs: list[tuple[int, int]] = []
    while i and j and reference[i - 1] == answer[j - 1]:  # an equal last pair is always on that way
        i, j = i - 1, j - 1
        pairs.append((i, j))
    steps = _steps(reference[:i], answer[:j])
    while i and j:
        step = steps[i - 1, j - 1]
        i, j = i - (step != _INSERTION), j - (step != _DELETION)
        if step == _HIT:
            pairs.append((i, j))
    return pairs[::-1]


def _steps(reference: Sequence[str], answer: Sequence[str]) -> np.ndarray:
    """The preferred last step of aligning each two beginnings, shape = (n_reference, n_answer)."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*reference, *answer]))}
    said = np.array([numbers[word] for word in answer], dtype=np.int64)
    columns = np.arange(len(answer) + 1)
    costs = columns  # of aligning the reference's first words so far with each beginning of the answer
    steps = np.full((len(reference), len(answer)), _DELETION, dtype=np.uint8)
    for row, word in enumerate(reference):
        above, differ = costs, said != numbers[word]
        costs = np.concatenate([above[:1] + 1, np.minimum(above[:-1] + differ, above[1:] + 1)])
        costs = np.minimum.accumulate(costs - columns) + columns  # insertions, from the left
        steps[row, costs[1:] == costs[:-1] + 1] = _INSERTION
        diagonal = costs[1:] == above[:-1] + differ
        steps[row, diagonal] = np.where(differ, _SUBSTITUTION, _HIT)[diagonal]
    return steps


METRICS = (AccumulatedAveragingShift, MeanBoundaryShift)
