"""Accuracies for questions that several annotators answered: each reference is one annotator's answer."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metrics.base import Row, SumMetric

VERDICTS = ("yes", "no")


class AnswerMetric(SumMetric):
    """Share of compared answers that are equal, in percent; nan where nothing is compared.

    Statistics: hits, comparisons. A missing answer is wrong.
    """

    compared: str
    """Which references count, for the signature."""

    @abstractmethod
    def golds(self, row: Row) -> Sequence[str]:
        """The references of a row that its answer is compared with, one comparison each; none leaves the row out."""

    def covers(self, row: Row) -> bool:
        return bool(self.golds(row))

    def statistics(self, row: Row) -> Sequence[float]:
        golds = self.golds(row)
        return float(sum(row.answer == gold for gold in golds)), float(len(golds))

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def scores(self, sums: np.ndarray) -> np.ndarray:
        return np.where(sums[:, 1] > 0, 100 * sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], 1), np.nan)

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"match": "exact", "refs": self.compared}


class AnnotatorAccuracy(AnswerMetric):
    """Every annotator's answer is a comparison of its own, as Qwen-Audio's evaluation of ClothoAQA has them as rows."""

    name = "annotator_accuracy"
    right_is_best = False
    compared = "each"

    def golds(self, row: Row) -> Sequence[str]:
        return row.references


class AnnotatorAccuracyYesNo(AnswerMetric):
    """Only references that are yes or no, in either case, are compared; the comparison itself minds the case."""

    name = "annotator_accuracy_yes_no"
    right_is_best = False
    compared = "each_yes_no"

    def golds(self, row: Row) -> Sequence[str]:
        return [reference for reference in row.references if reference.lower() in VERDICTS]


class MajorityAccuracy(AnswerMetric):
    """The answer that more than half of the annotators gave (two of three) is right; samples without one are out."""

    name = "majority_accuracy"
    right_or_wrong = True
    compared = "majority"

    def golds(self, row: Row) -> Sequence[str]:
        ((answer, times),) = Counter(row.references).most_common(1)
        return [answer] if 2 * times > len(row.references) else []


class UnanimousAccuracy(AnswerMetric):
    """The answer that all annotators gave is right; samples on which they differ are out."""

    name = "unanimous_accuracy"
    right_or_wrong = True
    compared = "unanimous"

    def golds(self, row: Row) -> Sequence[str]:
        return row.references[:1] if len(set(row.references)) == 1 else []


METRICS = (AnnotatorAccuracy, AnnotatorAccuracyYesNo, MajorityAccuracy, UnanimousAccuracy)
