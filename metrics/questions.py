"""Metrics of short answers to questions, as SQuAD scores them."""

import re
import string
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from metrics.base import Row, SumMetric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class QuestionMetric(SumMetric):
    """A metric of short answers, the mean over samples of the best over references, in percent.

    Texts are normalised as SQuAD's evaluation does (Rajpurkar et al. 2016): lower case, no ASCII punctuation, no
    English articles, single blanks. Of a reference such as `A` or `The` that leaves nothing, and an empty answer would
    be right: both texts then keep their articles, and beside a reference of punctuation alone that too. A missing
    answer is wrong.
    """

    @abstractmethod
    def compared(self, answer: str, reference: str) -> float:
        """The value of one answer beside one reference, both normalised, from 0 to 1."""

    def statistics(self, row: Row) -> Sequence[float]:
        if row.answer is None:
            return 0.0, 1.0
        return max(self.compared(*_normalised(row.answer, reference)) for reference in row.references), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        bare = any(_form_for(text) is not squad_normalised for row in rows for text in row.references)
        return {"match": "squad", **({"bare": "kept"} if bare else {}), "refs": "best"}


class ExactMatch(QuestionMetric):
    """Share of answers that equal a reference after SQuAD's normalisation, in percent (Rajpurkar et al. 2016).

    Beside a reference of which that leaves nothing (`A`, `The`) articles count, and where it is all punctuation that
    too; the signature then says `bare:kept`.
    """

    name = "exact_match"
    right_or_wrong = True

    def compared(self, answer: str, reference: str) -> float:
        return float(answer == reference)


class TokenF1(QuestionMetric):
    """F1 of the words of answer and reference, after SQuAD's normalisation, in percent (Rajpurkar et al. 2016).

    Where one of both has no word left it is 1 if neither has, else 0 (as in SQuAD 2.0, Rajpurkar et al. 2018). Beside
    a reference of which nothing is left (`A`, `The`) articles count, as for `exact_match`.
    """

    name = "token_f1"

    def compared(self, answer: str, reference: str) -> float:
        said, wanted = Counter(answer.split()), Counter(reference.split())
        if not said or not wanted:
            return float(said == wanted)
        return 2 * (said & wanted).total() / (said.total() + wanted.total())

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"tok": "word"}


def squad_normalised(text: str) -> str:
    """Lower case, ASCII punctuation deleted, then `a`, `an`, `the`, then blanks single."""
    return " ".join(_ARTICLES.sub(" ", _with_articles(text)).split())


def _with_articles(text: str) -> str:
    return " ".join(text.lower().translate(_PUNCTUATION).split())


def _with_all(text: str) -> str:
    return " ".join(text.lower().split())


def _form_for(reference: str) -> Callable[[str], str]:
    """The first of SQuAD's normalisation, and then of less and less of it, that leaves something of a reference; of an
    empty one nothing is to be left."""
    forms = (squad_normalised, _with_articles, _with_all)
    return next((form for form in forms if form(reference)), squad_normalised)


def _normalised(answer: str, reference: str) -> tuple[str, str]:
    form = _form_for(reference)
    return form(answer), form(reference)


METRICS = (ExactMatch, TokenF1)
