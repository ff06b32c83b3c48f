"""Metrics of answers that are right or wrong: accuracy, macro-F1."""

from collections.abc import Sequence

import numpy as np

from metrics.base import Row, SetMetric, SumMetric


class Accuracy(SumMetric):
    """Share of answers equal to one of their references, in percent; a missing answer is wrong."""

    name = "accuracy"
    right_or_wrong = True

    def statistics(self, row: Row) -> Sequence[float]:
        return float(row.answer in row.references), 1.0

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        right = np.array([row.answer in row.references for row in rows], dtype=np.float64)
        return np.stack([right, np.ones(len(rows))], axis=1)

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def scores(self, sums: np.ndarray) -> np.ndarray:
        return 100 * sums[:, 0] / sums[:, 1]

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"match": "exact"}


class ClassMetric(SetMetric):
    """A mean over classes: those of the label set (`labels:fixed`), else those of the references (`labels:gold`).

    Encoded: class numbers of references and answers, shape = (2, n_rows); the number of classes stands for whatever is
    no class (an unknown or missing answer). With several references the one that was answered counts, else the first.
    """

    def encode(self, rows: Sequence[Row]) -> tuple[np.ndarray, int]:
        labels = self.labels or sorted({reference for row in rows for reference in row.references})
        numbers = {label: number for number, label in enumerate(labels)}
        golds = [row.answer if row.answer in row.references else row.references[0] for row in rows]
        answers = [row.answer for row in rows]
        pairs = [
            [len(labels) if text is None else numbers.get(text, len(labels)) for text in texts]
            for texts in (golds, answers)
        ]
        return np.array(pairs, dtype=np.int64).reshape(2, len(rows)), len(labels)

    def counts(self, encoded: tuple[np.ndarray, int], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted hits, references and answers per class, each of shape = (n_classes,)."""
        (gold, answer), classes = encoded
        hit = gold == answer
        hits = np.bincount(gold[hit], weights[hit], classes + 1)
        return hits[:-1], np.bincount(gold, weights, classes + 1)[:-1], np.bincount(answer, weights, classes + 1)[:-1]

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"labels": "fixed" if self.labels else "gold"}


class MacroF1(ClassMetric):
    """Mean over classes of F1 = 2 hits / (references + answers), in percent; 0 where a class has neither.

    Equals scikit-learn's `f1_score(average="macro", labels=..., zero_division=0)`. Without a label set a resampled
    set has the classes of its own references.
    """

    name = "macro_f1"

    def score(self, encoded: tuple[np.ndarray, int], weights: np.ndarray) -> float:
        hits, gold, answered = self.counts(encoded, weights)
        f1 = 2 * hits / np.maximum(gold + answered, 1)
        return 100 * float(np.mean(f1 if self.labels else f1[gold > 0]))


METRICS = (Accuracy, MacroF1)
