"""Caption metrics as coco-caption computes them, on Penn Treebank tokens: BLEU, ROUGE-L, METEOR, CIDEr, CIDEr-D."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from metrics import java, ptb
from metrics.base import MetricError, Row, SumMetric

Counts = list[Counter[tuple[str, ...]]]
"""n-gram counts by order: unigrams first."""


class CaptionMetric(SumMetric):
    """A metric of captions as coco-caption tokenises them (`metrics.ptb`): lower case, single punctuation dropped.

    The tokens come from Java where there is one, else from a port; the signature says which. Kept from coco-caption:
    brackets stay as words (`-lrb-`), runs such as `!!!` stay. Not kept: its wrapper splits a caption at a carriage
    return, U+2028 and the like, so that every later caption gets its predecessor's tokens; here these are blanks. And
    there the first word of a caption decides whether a single letter at the end of the one before (`named b.`) keeps
    its full stop; here a caption's tokens are its own. A missing answer counts as the empty caption.
    """

    example = "a dog barks in the distance"

    def captions(self, rows: Sequence[Row]) -> list[java.Caption]:
        """Tokens of answer and references of each row, all made at once."""
        texts = [text for row in rows for text in (row.answer or "", *row.references)]
        tokens = iter(java.tokenizer()(texts))
        return [(next(tokens), tuple(next(tokens) for _ in row.references)) for row in rows]

    def statistics(self, row: Row) -> Sequence[float]:
        return [float(number) for number in self.table([row])[0]]

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"tok": java.tokenizer_version()}


class CaptionBleu(CaptionMetric):
    """BLEU-n of captions (Papineni et al. 2002) in percent, by coco-caption's rules; not the `bleu` of translation.

    n-gram counts are clipped by the largest count in any reference and summed over the corpus, the brevity penalty
    takes the reference closest in length; no smoothing but 1e-15 over 1e-9 in each precision, so a perfect score is a
    little short of 100. Statistics: tokens of the answer and of the closest reference, hits of order 1 to n, n-grams of
    order 1 to n.
    """

    right_is_best = False
    order: int

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        return np.array([self._row(*caption) for caption in self.captions(rows)], dtype=np.float64)

    def _row(self, answer: str, references: Sequence[str]) -> list[int]:
        counts, others = ngrams(answer, self.order), [ngrams(reference, self.order) for reference in references]
        length = len(answer.split())
        closest = min((abs(len(text.split()) - length), len(text.split())) for text in references)[1]
        hits = [
            sum(min(count, max(other[n][ngram] for other in others)) for ngram, count in counts[n].items())
            for n in range(self.order)
        ]
        return [length, closest, *hits, *(max(0, length - n) for n in range(self.order))]

    def score(self, summed: np.ndarray) -> float:
        length, closest, *rest = map(float, summed)
        precisions = [(hit + 1e-15) / (out_of + 1e-9) for hit, out_of in zip(rest, rest[self.order :], strict=False)]
        ratio = (length + 1e-15) / (closest + 1e-9)
        penalty = 1.0 if ratio >= 1 else math.exp(1 - 1 / ratio)
        return float(100 * penalty * math.prod(precisions) ** (1 / self.order))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {**super().signature_parts(rows), "n": str(self.order), "ref": "closest", "agg": "corpus"}


class CaptionBleu1(CaptionBleu):
    """BLEU-1 of captions: unigrams."""

    name, order = "caption_bleu1", 1


class CaptionBleu2(CaptionBleu):
    """BLEU-2 of captions: geometric mean of the precisions of orders 1 and 2."""

    name, order = "caption_bleu2", 2


class CaptionBleu3(CaptionBleu):
    """BLEU-3 of captions: geometric mean of the precisions of orders 1 to 3."""

    name, order = "caption_bleu3", 3


class CaptionBleu4(CaptionBleu):
    """BLEU-4 of captions: geometric mean of the precisions of orders 1 to 4."""

    name, order = "caption_bleu4", 4


class RougeL(CaptionMetric):
    """ROUGE-L (Lin 2004) by coco-caption's rules: mean over captions, in percent.

    Of the longest common subsequence with each reference, the best precision and the best recall (not necessarily of
    the same reference) give F with beta 1.2. Kept: an empty caption is one empty word, so empty equals empty.
    Statistics: F, 1.
    """

    name = "rouge_l"
    beta = 1.2

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        return np.array([(self._f(*caption), 1.0) for caption in self.captions(rows)], dtype=np.float64)

    def _f(self, answer: str, references: Sequence[str]) -> float:
        said, others = answer.split(" "), [reference.split(" ") for reference in references]
        common = [common_subsequence(said, other) for other in others]
        precision = max(common) / len(said)
        recall = max(length / len(other) for length, other in zip(common, others, strict=True))
        if not (precision and recall):
            return 0.0
        return (1 + self.beta**2) * precision * recall / (recall + self.beta**2 * precision)

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {**super().signature_parts(rows), "beta": str(self.beta), "agg": "mean"}


class Meteor(CaptionMetric):
    """METEOR 1.5 (Denkowski and Lavie 2014), English, `-norm`, in percent: exact, stem, synonym and paraphrase matches.

    The Java program aligns; its 23 statistics a caption (from the best reference) are summed, and the score of the sums
    is the corpus score, as the program's own EVAL has it: it is not the mean of the captions' scores. Statistics:
    lengths and function words of answer and reference, matched content and function words by matcher and side, chunks
    (none where everything matches in one piece), matched words of either side.

    The program's time and memory grow with the product of the lengths, until it ends without a value for any caption.
    So an answer of more than 1,000 tokens, which no caption is, counts as the empty one: its own score is the lowest,
    `details` counts it, and what it costs is the same on every machine. A reference of that length is refused.
    """

    name = "meteor"
    longest = 1000
    """Tokens of an answer or a reference."""
    costly_trial = True
    alpha, beta, gamma, delta = 0.85, 0.2, 0.6, 0.75
    weights = (1.0, 0.6, 0.8, 0.6)
    """What an exact, stem, synonym, paraphrase match is worth."""

    def missing(self) -> str | None:
        return java.meteor_missing()

    def check_row(self, row: Row) -> None:
        for reference in row.references:
            # There are no more tokens than characters
            words = len(ptb.tokenize(reference).split()) if len(reference) > self.longest else 0
            if words > self.longest:
                raise MetricError(f"a reference has {words} tokens; METEOR takes {self.longest} at most: shorten it")

    def captions(self, rows: Sequence[Row]) -> list[java.Caption]:
        return [("" if self._too_long(said) else said, others) for said, others in super().captions(rows)]

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """How many answers are too long."""
        return {"answers_too_long": sum(self._too_long(said) for said, _ in super().captions(rows))}

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        table = np.array(java.meteor(java.find_java() or "java")(self.captions(rows)), dtype=np.float64)
        whole = (table[:, 20] == 1) & (table[:, 21:] == table[:, :2]).all(axis=1)
        table[whole, 20] = 0  # as the program does before it sums
        return table

    def score(self, summed: np.ndarray) -> float:
        lengths, words, chunks, matched = summed[:2], summed[2:4], float(summed[20]), summed[21:]
        # By matcher: content words of the answer and the reference, function words of the answer and the reference
        content, function = (summed[4:20].reshape(4, 2, 2)[:, kind].T @ self.weights for kind in (0, 1))
        right = self.delta * content + (1 - self.delta) * function
        out_of = self.delta * (lengths - words) + (1 - self.delta) * words
        if not right.all() or not out_of.all():
            return 0.0
        precision, recall = right / out_of
        mean = 1 / ((1 - self.alpha) / precision + self.alpha / recall)
        return float(100 * mean * (1 - self.gamma * (chunks / matched.mean()) ** self.beta))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        own = {"lang": "en", "agg": "corpus", "max": str(self.longest), "meteor": "1.5"}
        return {**super().signature_parts(rows), **own}

    def _too_long(self, tokens: str) -> bool:
        return tokens.count(" ") >= self.longest


class CiderD(CaptionMetric):
    """CIDEr-D (Vedantam et al. 2015): what coco-caption, and with it the papers, call CIDEr; 0 to 10, as in the papers.

    Mean over captions, references and n-gram orders 1 to 4 of the tf-idf cosine, times 10, where an n-gram weighs at
    most what it does in the reference and a Gaussian (sigma 6) punishes a different length, counted in bigrams.
    Document frequencies are those of the references of the rows scored (document: row): a value belongs to its set.
    Subsets have other frequencies than the whole; on a single row, or where all rows have the same references, every
    weight is 0, and a perfect answer scores 0 too. The interval resamples rows and keeps the frequencies. Statistics:
    the row's score, 1.
    """

    name = "cider_d"
    right_is_best = False
    unit = "CIDEr-D"
    range = (0.0, 10.0)
    clipped = True
    sigma = 6.0
    few = 100
    """Fewer rows than this: the report says that their frequencies are no good estimate."""

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        captions = [(ngrams(answer), list(map(ngrams, references))) for answer, references in self.captions(rows)]
        frequencies: Counter[tuple[str, ...]] = Counter()
        for _, references in captions:
            frequencies.update({ngram for counts in references for order in counts for ngram in order})
        idf = {ngram: math.log(len(rows)) - math.log(times) for ngram, times in frequencies.items()}
        unseen = math.log(len(rows)) if rows else 0.0
        scores = []
        for answer, references in captions:
            said = _Weighted(answer, idf, unseen)
            similar = [self._similarity(said, _Weighted(counts, idf, unseen)) for counts in references]
            scores.append((10 * sum(similar) / len(similar), 1.0))
        return np.array(scores, dtype=np.float64)

    def _similarity(self, said: "_Weighted", other: "_Weighted") -> float:
        """Mean over orders of the (clipped, penalised) cosine."""
        cosines = []
        for mine, theirs, my_norm, their_norm in zip(said.weights, other.weights, said.norms, other.norms, strict=True):
            shared = ((weight, theirs[ngram]) for ngram, weight in mine.items() if ngram in theirs)
            product = sum((min(weight, their) if self.clipped else weight) * their for weight, their in shared)
            cosines.append(product / (my_norm * their_norm) if my_norm and their_norm else 0.0)
        penalty = math.exp(-((said.bigrams - other.bigrams) ** 2) / (2 * self.sigma**2)) if self.clipped else 1.0
        return penalty * sum(cosines) / len(cosines)

    def score(self, summed: np.ndarray) -> float:
        return float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """From how many rows the document frequencies are, and a warning where they are few."""
        if len(rows) >= self.few:
            return {"document_frequencies_of": len(rows)}
        warning = f"document frequencies of only {len(rows)} rows: not comparable with a value of the whole set"
        return {"document_frequencies_of": len(rows), "warning": warning}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        variant = {"sigma": f"{self.sigma:g}"} if self.clipped else {"clip": "no"}
        return {**super().signature_parts(rows), "n": "4", "df": "rows", **variant, "agg": "mean"}


class Cider(CiderD):
    """Plain CIDEr (Vedantam et al. 2015), 0 to 10: CIDEr-D without its clipping and length penalty. Like its authors'
    program it does not stem, of which the paper speaks. It is NOT what papers print as CIDEr: that is `cider_d`."""

    name = "cider"
    unit = "CIDEr"
    clipped = False


class _Weighted:
    """The tf-idf vectors of a caption: weights and norm by order, and its length in bigrams."""

    def __init__(self, counts: Counts, idf: Mapping[tuple[str, ...], float], unseen: float) -> None:
        self.weights = [{ngram: count * idf.get(ngram, unseen) for ngram, count in order.items()} for order in counts]
        self.norms = [math.sqrt(sum(weight * weight for weight in order.values())) for order in self.weights]
        self.bigrams = counts[1].total()


def ngrams(tokens: str, order: int = 4) -> Counts:
    """Counts of the n-grams of a caption, by order from 1 to `order`."""
    words = tokens.split()
    return [Counter(zip(*(words[start:] for start in range(n)), strict=False)) for n in range(1, order + 1)]


def common_subsequence(first: Sequence[str], second: Iterable[str]) -> int:
    """Length of the longest common subsequence, a row of the table in the bits of a number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    everything = (1 << len(first)) - 1
    row = everything
    for word in second:
        hits = row & places.get(word, 0)
        row = (row + hits | row - hits) & everything
    return len(first) - row.bit_count()


METRICS = (CaptionBleu1, CaptionBleu2, CaptionBleu3, CaptionBleu4, RougeL, Meteor, CiderD, Cider)
