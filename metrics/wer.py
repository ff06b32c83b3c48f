"""Error rates: edits between answer and reference, summed over the corpus and divided by the reference length."""

import math
import re
from abc import abstractmethod
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from metrics.base import Row, SumMetric, primary_language

# Written without blanks between words; scored by character, as the field does (Cantonese with Mandarin).
BY_CHARACTER = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})

# One Han, Kana, Bopomofo, Thai, Lao, Burmese or Khmer character with its marks, or a run of anything else.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_RUN_OF_BLANKS = re.compile(r"\s\s+")
_MIXED_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


class ErrorRate(SumMetric):
    """(substitutions + deletions + insertions) / reference tokens, in percent, with jiwer's alignment.

    Statistics: substitutions, deletions, insertions, reference tokens. A missing answer counts as empty. An empty
    reference adds its insertions and no length; over a corpus without any reference token the rate is 0 when nothing
    was inserted and undefined (nan) otherwise. With several references the one with the fewest edits counts (the
    longest of these, then the first).
    """

    higher_is_better = False
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
        return min(candidates, key=lambda counts: (sum(counts[:3]), -counts[3]))

    def score(self, summed: np.ndarray) -> float:
        errors, length = float(summed[:3].sum()), float(summed[3])
        if length == 0:
            return 0.0 if errors == 0 else float("nan")
        return 100 * errors / length

    def scores(self, sums: np.ndarray) -> np.ndarray:
        errors, length = sums[:, :3].sum(axis=1), sums[:, 3]
        rates = 100 * errors / np.where(length == 0, 1, length)
        return np.where(length > 0, rates, np.where(errors == 0, 0.0, np.nan))

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
    numbers: dict[str, int] = {}
    texts = [[numbers.setdefault(token, len(numbers)) for token in tokens] for tokens in (reference, answer)]
    tags = [tag for tag, _, _ in Levenshtein.editops(*texts).as_list()]
    return tags.count("replace"), tags.count("delete"), tags.count("insert"), len(reference)


METRICS = (WordErrorRate, CharacterErrorRate, MixedErrorRate)
