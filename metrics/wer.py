"""Error rates: edits between answer and reference, summed over the corpus and divided by the reference length."""

import math
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from metrics.base import Row, SumMetric, primary_language

# Written without blanks between words; scored by character, as the field does (Cantonese with Mandarin).
BY_CHARACTER = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})

# One Han, Kana, Bopomofo, Thai, Lao, Burmese or Khmer character with its marks, or a run of anything else.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_RUN_OF_BLANKS = re.compile(r"\s\s+")
_MIXED_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


LISTED = 20  # confusions of each kind in details
_LONGEST_LISTED = 100  # characters of a token there


class Operation(NamedTuple):
    """One step from a reference to an answer."""

    kind: str
    """`hit`, `substitution`, `deletion` or `insertion`."""
    reference: str | None
    """The reference's token; None for an insertion."""
    answer: str | None
    """The answer's token; None for a deletion."""


class ErrorRate(SumMetric):
    """(substitutions + deletions + insertions) / reference tokens, in percent, with jiwer's alignment.

    Statistics: substitutions, deletions, insertions, reference tokens. A missing answer counts as empty. An empty
    reference (also `[noise]`, of which a normaliser leaves nothing) adds its insertions and no length; over a corpus
    without any reference token the rate is undefined (nan). With several references the one with the fewest edits
    counts (the longest of these, then the first).
    """

    higher_is_better = False
    empty_references = True
    range = (0.0, math.inf)  # an answer can have more words too many than the reference has words

    @abstractmethod
    def tokens(self, text: str, language: str | None) -> list[str]:
        """The tokens that are compared."""

    @abstractmethod
    def unit_of(self, language: str | None) -> str:
        """What a token is in that language, for the signature: `word`, `char`, `mixed`."""

    def statistics(self, row: Row) -> Sequence[float]:
        answer = self.tokens(row.answer or "", row.language)
        candidates = [edits(self.tokens(reference, row.language), answer) for reference in row.references]
        return min(candidates, key=_fewest)

    def align(self, row: Row) -> list[Operation]:
        """The alignment that `statistics` counts, from the first token to the last; of several references, the one that
        counts."""
        answer = self.tokens(row.answer or "", row.language)
        references = [self.tokens(reference, row.language) for reference in row.references]
        if len(references) > 1:
            references.sort(key=lambda reference: _fewest(edits(reference, answer)))
        return align(references[0], answer)

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Counts over the rows, and the commonest confusions: [reference, answer, how often], at most LISTED each."""
        kinds = {"hit": "hits", "substitution": "substitutions", "deletion": "deletions", "insertion": "insertions"}
        steps = Counter(step for row in rows for step in self.align(row))
        counts = dict.fromkeys(kinds.values(), 0)
        for step, times in steps.items():
            counts[kinds[step.kind]] += times
        return counts | {
            "confused": [[*map(_shown, step[1:]), times] for step, times in _commonest(steps, "substitution")],
            "deleted": [[_shown(step.reference), times] for step, times in _commonest(steps, "deletion")],
            "inserted": [[_shown(step.answer), times] for step, times in _commonest(steps, "insertion")],
        }

    def score(self, summed: np.ndarray) -> float:
        errors, length = float(summed[:3].sum()), float(summed[3])
        return 100 * errors / length if length else float("nan")

    def scores(self, sums: np.ndarray) -> np.ndarray:
        errors, length = sums[:, :3].sum(axis=1), sums[:, 3]
        rates = 100 * errors / np.where(length == 0, 1, length)
        return np.where(length > 0, rates, np.nan)

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        units = {self.unit_of(row.language) for row in rows} or {self.unit_of(None)}
        parts = {"tok": units.pop() if len(units) == 1 else "lang", "agg": "corpus"}
        if any(len(row.references) > 1 for row in rows):
            parts["refs"] = "best"
        return parts | {"jiwer": version("jiwer")}


class WordErrorRate(ErrorRate):
    """Word error rate: of words between blanks; of characters without white space in languages written without it.

    Words are jiwer's: runs of white space are one blank, but a single tab or line end inside joins two words.
    """

    name = "wer"

    def tokens(self, text: str, language: str | None) -> list[str]:
        if self.unit_of(language) == "char":
            return list("".join(text.split()))
        return [word for word in _RUN_OF_BLANKS.sub(" ", text).strip().split(" ") if word]

    def unit_of(self, language: str | None) -> str:
        return "char" if primary_language(language) in BY_CHARACTER else "word"


class CharacterErrorRate(ErrorRate):
    """Character error rate: blanks between words are characters too (those at the ends not), as jiwer counts."""

    name = "cer"

    def tokens(self, text: str, language: str | None) -> list[str]:
        return list(text.strip())

    def unit_of(self, language: str | None) -> str:
        return "char"


class MixedErrorRate(ErrorRate):
    """Error rate for speech that switches languages: characters of scripts written without blanks, else words.

    `我想要 a cup of咖啡` -> 我 想 要 a cup of 咖 啡
    """

    name = "mixed_error_rate"

    def tokens(self, text: str, language: str | None) -> list[str]:
        return _MIXED_TOKEN.findall(text)

    def unit_of(self, language: str | None) -> str:
        return "mixed"


def edits(reference: list[str], answer: list[str]) -> tuple[int, int, int, int]:
    """Substitutions, deletions, insertions and reference length of two token lists: of the alignment that jiwer reads,
    which is RapidFuzz's, without what jiwer builds around it."""
    from rapidfuzz.distance import Levenshtein

    if reference == answer:
        return 0, 0, 0, len(reference)
    tags = [tag for tag, _, _ in Levenshtein.editops(*_numbered(reference, answer)).as_list()]
    return tags.count("replace"), tags.count("delete"), tags.count("insert"), len(reference)


def align(reference: list[str], answer: list[str]) -> list[Operation]:
    """The steps of the same alignment, hits among them, in order."""
    from rapidfuzz.distance import Levenshtein

    steps: list[Operation] = []
    for run in Levenshtein.opcodes(*_numbered(reference, answer)):
        right, said = reference[run.src_start : run.src_end], answer[run.dest_start : run.dest_end]
        if run.tag == "delete":
            steps += [Operation("deletion", token, None) for token in right]
        elif run.tag == "insert":
            steps += [Operation("insertion", None, token) for token in said]
        else:
            kind = "hit" if run.tag == "equal" else "substitution"
            steps += [Operation(kind, *pair) for pair in zip(right, said, strict=True)]
    return steps


def _numbered(*texts: list[str]) -> list[list[int]]:
    """Token lists as lists of numbers, equal where the tokens are."""
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(token, len(numbers)) for token in tokens] for tokens in texts]


def _fewest(counts: tuple[int, int, int, int]) -> tuple[int, int]:
    """Orders alignments: the fewest edits, then the longest reference."""
    return sum(counts[:3]), -counts[3]


def _commonest(steps: Counter[Operation], kind: str) -> list[tuple[Operation, int]]:
    """At most LISTED, the same for any order of rows."""
    found = [(step, times) for step, times in steps.items() if step.kind == kind]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].reference or "", pair[0].answer or ""))[:LISTED]


def _shown(token: str | None) -> str:
    token = token or ""
    return token if len(token) <= _LONGEST_LISTED else f"{token[:_LONGEST_LISTED]}..."


METRICS = (WordErrorRate, CharacterErrorRate, MixedErrorRate)
