"""BLEU, chrF and TER, by sacreBLEU: its statistics per sentence, its score of the sums."""

import math
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric, nearest, primary_language
from metrics.shifts import edits_with_shifts

# Target languages that sacreBLEU tokenises in their own way; all others use mteval's 13a.
TOKENIZERS = {"zh": "zh", "yue": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
TOKENIZE = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")  # those that download nothing
MECAB = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]"}  # what they need
ORDERS = range(1, 5)  # of BLEU's n-grams

# mteval's signs that stand alone, and where points, commas and dashes do
_APART = {ord(sign): f" {sign} " for sign in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'}
_AFTER_NO_DIGIT = re.compile(r"([^0-9])([.,])")
_BEFORE_NO_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])-")


class SacreMetric(SumMetric):
    """A sacreBLEU metric (Post 2018) taken apart into sentence statistics and a score of their sum.

    The private methods of sacreBLEU used here are those its own bootstrap uses; its version is pinned and stands in
    the signature. A missing answer counts as the empty string.
    """

    empty_references = True

    @abstractmethod
    def scorer(self, language: str | None) -> Any:
        """The sacreBLEU metric for a target language."""

    def statistics(self, row: Row) -> Sequence[float]:
        scorer = self.scorer(row.language)
        references = [scorer._preprocess_segment(reference) for reference in row.references]
        answer = scorer._preprocess_segment(row.answer or "")
        return scorer._compute_segment_statistics(answer, scorer._extract_reference_info(references))

    def score(self, summed: np.ndarray) -> float:
        return float(self.scorer(None)._compute_score_from_stats([int(count) for count in summed]).score)

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        numbers = {len(row.references) for row in rows} or {1}
        scorers = {id(scorer): scorer for scorer in (self.scorer(row.language) for row in rows)}
        texts = []
        for scorer in scorers.values() or [self.scorer(None)]:
            scorer.num_refs = numbers.copy().pop() if len(numbers) == 1 else -1  # sacreBLEU's word for a varying number
            texts.append(scorer.get_signature().format())
        parts = [dict(part.split(":", 1) for part in text.split("|")) for text in texts]
        return {name: "+".join(sorted({part[name] for part in parts})) for name in parts[0]}


class Bleu(SacreMetric):
    """Corpus BLEU (Papineni et al. 2002), 0 to 100: mixed case, exponential smoothing.

    Tokens: those that the option `tokenize` names (13a, intl, zh, ja-mecab, ko-mecab, char, none), else by target
    language (zh, yue: zh; ja: ja-mecab; ko: ko-mecab, or 13a where its dictionary is not installed; all others 13a).
    """

    name = "bleu"
    right_is_best = False
    unit = "BLEU"
    options = {"tokenize": None}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self._scorers: dict[str, Any] = {}
        # An option of the command line that reads as a number or null is one by now
        wanted = self.settings["tokenize"]
        if wanted is not None and wanted not in TOKENIZE:
            raise MetricError(f"metric 'bleu': no tokenizer {wanted!r}{nearest(str(wanted), TOKENIZE)}")

    def missing(self) -> str | None:
        wanted = self.settings["tokenize"]
        if wanted not in MECAB:
            return None
        from sacrebleu.metrics import BLEU

        try:
            BLEU(tokenize=wanted)
        except RuntimeError:
            return f"BLEU with tokenizer {wanted!r} needs MeCab with its dictionary; pip install '{MECAB[wanted]}'"
        return None

    def scorer(self, language: str | None) -> Any:
        tokenizer = self.settings["tokenize"] or TOKENIZERS.get(primary_language(language) or "", "13a")
        if tokenizer not in self._scorers:
            self._scorers[tokenizer] = _bleu(tokenizer)
        return self._scorers[tokenizer]

    def _tokens_of(self, language: str | None) -> Callable[[str], list[str]]:
        scorer = self.scorer(language)
        if scorer.tokenizer.signature() == "13a":
            return tokens_13a
        return lambda text: scorer._preprocess_segment(text).split()

    def statistics(self, row: Row) -> Sequence[float]:
        """Lengths of answer and nearest reference, then n-grams found and n-grams answered, for n from 1 to 4: what
        sacreBLEU counts, in a third of its time."""
        tokens_of = self._tokens_of(row.language)
        answer = tokens_of(row.answer or "")
        references = [tokens_of(reference) for reference in row.references]
        nearest = min((abs(len(answer) - len(tokens)), len(tokens)) for tokens in references)[1]
        allowed, found = _ngrams(references[0]), _ngrams(answer)
        for tokens in references[1:]:
            allowed |= _ngrams(tokens)
        correct = [0] * len(ORDERS)
        for ngram in found.keys() & allowed.keys():
            correct[len(ngram) - 1] += min(found[ngram], allowed[ngram])
        total = [max(len(answer) - n + 1, 0) for n in ORDERS]
        return len(answer), nearest, *correct, *total

    def scores(self, sums: np.ndarray) -> np.ndarray:
        """By the formula of sacreBLEU's `compute_bleu` (order 4, smoothing `exp`), in the order of its operations and
        by the logarithm that it takes: the same numbers, in a tenth of its time."""
        counts = sums.astype(np.int64)
        answered, reference = counts[:, 0], counts[:, 1]
        correct, total = counts[:, 2 : 2 + len(ORDERS)], counts[:, 2 + len(ORDERS) :]
        smooth = 2.0 ** np.cumsum(correct == 0, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            precisions = np.where(correct == 0, 100.0 / (smooth * total), 100.0 * correct / total)
            penalties = np.where(answered > 0, _each(math.exp, np.minimum(1 - reference / answered, 0.0)), 0.0)
        none = np.minimum.accumulate(total, axis=1) == 0
        logs = np.where(none, -9999999999, _each(math.log, np.where(none, 1.0, precisions)))
        means = np.fromiter(map(sum, logs.tolist()), np.float64, len(logs)) / len(ORDERS)
        return np.where(correct.any(axis=1), penalties * _each(math.exp, means), 0.0)


def _each(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    """A function of Python's own of each value: numpy's differs in the last digit."""
    return np.fromiter(map(function, values.ravel().tolist()), np.float64, values.size).reshape(values.shape)


def tokens_13a(text: str) -> list[str]:
    """mteval's tokens, as sacreBLEU's `13a` has them; without a regular expression at each blank, which is what takes
    its time."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in line:
        for name, sign in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            line = line.replace(name, sign)
    line = f" {line} ".translate(_APART)
    if "." in line or "," in line:
        line = _AFTER_NO_DIGIT.sub(r"\1 \2 ", line)
        line = _BEFORE_NO_DIGIT.sub(r" \1 \2", line)
    if "-" in line:
        line = _DASH_AFTER_DIGIT.sub(r"\1 - ", line)
    return line.split()


def _ngrams(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    """N-grams of all ORDERS with their counts."""
    shifted = [tokens[start:] for start in range(len(ORDERS))]
    return Counter(chain.from_iterable(zip(*shifted[:n], strict=False) for n in ORDERS))


class Chrf(SacreMetric):
    """Corpus chrF2 (Popović 2015), 0 to 100: character n-grams up to 6, recall counts twice."""

    name = "chrf"
    unit = "chrF"
    word_order = 0

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self._scorer: Any = None

    def scorer(self, language: str | None) -> Any:
        if self._scorer is None:
            from sacrebleu.metrics import CHRF

            self._scorer = CHRF(word_order=self.word_order)
        return self._scorer


class ChrfPlusPlus(Chrf):
    """Corpus chrF2++ (Popović 2017), 0 to 100: chrF2 with word n-grams up to 2."""

    name = "chrf_pp"
    unit = "chrF++"
    word_order = 2


class TranslationEditRate(SacreMetric):
    """Corpus TER (Snover et al. 2006) in percent: edits, a shift of words among them, by reference length.

    Statistics: edits to the reference that needs fewest, mean reference length. The edits are sacreBLEU's, found faster
    (`metrics/shifts.py`): of up to 1,000 shifts, of up to 10 words by up to 50 places. Options as sacreBLEU has them,
    off as there: `normalized` (Tercom's tokens), `no_punct`, `asian_support` (CJK by character, with `normalized`),
    `case_sensitive`. Words are those between blanks: Chinese and Japanese need the options. Undefined over a corpus
    without a reference word, where sacreBLEU has 0 or 100 %.
    """

    name = "ter"
    higher_is_better = False
    range = (0.0, float("inf"))
    options = {"normalized": False, "no_punct": False, "asian_support": False, "case_sensitive": False}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        for key, value in self.settings.items():
            if not isinstance(value, bool):
                raise MetricError(f"metric 'ter': option {key!r} is {value!r}; it is true or false")
        self._scorer: Any = None

    def scorer(self, language: str | None) -> Any:
        if self._scorer is None:
            from sacrebleu.metrics import TER

            self._scorer = TER(**self.settings)
        return self._scorer

    def statistics(self, row: Row) -> Sequence[float]:
        words_of = self.scorer(row.language)._preprocess_segment
        answer = words_of(row.answer or "").split()
        references = [words_of(reference).split() for reference in row.references]
        edits = min(edits_with_shifts(answer, reference) for reference in references)
        return float(edits), sum(map(len, references)) / len(references)

    def score(self, summed: np.ndarray) -> float:
        return 100 * (float(summed[0]) / float(summed[1])) if summed[1] else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        parts = super().signature_parts(rows)  # 'norm' is the normaliser's already
        return {{"norm": "tercom_norm"}.get(key, key): value for key, value in parts.items()}


def _bleu(tokenizer: str) -> Any:
    """sacreBLEU's BLEU; Korean falls back to 13a where MeCab's Korean dictionary is not installed."""
    from sacrebleu.metrics import BLEU

    try:
        return BLEU(tokenize=tokenizer)
    except RuntimeError as error:
        if tokenizer != "ko-mecab":
            raise MetricError(f"BLEU with tokenizer {tokenizer!r} needs MeCab; pip install 'sacrebleu[ja]'") from error
        return BLEU(tokenize="13a")


METRICS = (Bleu, Chrf, ChrfPlusPlus, TranslationEditRate)
