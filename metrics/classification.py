"""Metrics of answers that are one class each: accuracy, top-k accuracy, macro-F1, unweighted average recall."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SetMetric, SumMetric, several
from metrics.multilabel import parsed, scores_of

MAX_CLASSES = 60  # in a confusion matrix
MAX_CHARACTERS = 80  # of a label shown


class Accuracy(SumMetric):
    """Share of answers equal to one of their references, in percent; a missing answer is wrong.

    Details: what always answering the most frequent class would score (`majority`), and with at most MAX_CLASSES
    classes their names, recall in percent and confusion matrix: a row a class of the references, a column a class of
    the answers, the last column for answers that are no class.
    """

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

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        frequent = Counter(reference for row in rows for reference in set(row.references))
        label, times = min(frequent.items(), key=lambda item: (-item[1], item[0]))
        found: dict[str, Any] = {"majority": {"label": _shown(label), "percent": 100 * times / len(rows)}}
        labels = self.labels or sorted(frequent)
        if len(labels) > MAX_CLASSES:
            return found
        matrix = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
        gold, answer = numbered(rows, labels)
        np.add.at(matrix, (gold[gold < len(labels)], answer[gold < len(labels)]), 1)
        return found | {
            "labels": [_shown(label) for label in labels],
            "recall": [100 * int(line[n]) / int(line.sum()) if line.any() else None for n, line in enumerate(matrix)],
            "confusion": matrix.tolist(),
        }

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"match": "exact"} | several(rows, "any")


class TopK(SumMetric):
    """Share of samples with a reference among the `k` labels that the answer ranks first, in percent.

    The answer is JSON: a list of labels, best first, or an object of label: score, of which equal scores count against
    it (a label is among the first k when fewer than k others score as much). A text that begins no list or object is
    the one label answered; an unreadable list or object is wrong.
    """

    name = "top_k"
    right_or_wrong = True
    structured = True
    options = {"k": 5}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        k = self.settings["k"]
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise MetricError(f"metric 'top_k': the option 'k' is {k!r}; it is a whole number from 1 on")

    def check_row(self, row: Row) -> None:
        for reference in row.references:
            if isinstance(parsed(reference), list | dict):
                raise MetricError(f"the reference {reference[:200]!r} is no label; write several as 'references'")

    def statistics(self, row: Row) -> Sequence[float]:
        return float(bool(_first(row.answer, self.settings["k"]) & set(row.references))), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        return {"unreadable": sum(_ranks(row.answer) is None for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"k": str(self.settings["k"]), "ties": "against"} | several(rows, "any")


@dataclass(frozen=True)
class Numbered:
    """Rows as numbers of classes; the number of classes stands for whatever is none (an unknown or missing answer)."""

    gold: np.ndarray
    """The reference of each row, shape = (n_rows,)."""
    answer: np.ndarray
    """The answer of each row, shape = (n_rows,)."""
    seen: np.ndarray
    """Whether any reference or answer has the class, shape = (n_classes,)."""


class ClassMetric(SetMetric):
    """A mean over classes: those of the label set (`labels:fixed`), else those of the references (`labels:gold`).

    With several references the one that was answered counts, else the first (`refs:any`).
    """

    def classes(self, rows: Sequence[Row]) -> Sequence[str]:
        """The labels that are classes."""
        return self.labels or sorted({reference for row in rows for reference in row.references})

    def encode(self, rows: Sequence[Row]) -> Numbered:
        labels = self.classes(rows)
        gold, answer = numbered(rows, labels)
        seen = np.zeros(len(labels) + 1, dtype=bool)
        seen[gold] = seen[answer] = True
        return Numbered(gold, answer, seen[:-1])

    def counts(self, encoded: Numbered, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weighted hits, references and answers per class, each of shape = (n_classes,)."""
        gold, answer, classes = encoded.gold, encoded.answer, len(encoded.seen)
        hit = gold == answer
        hits = np.bincount(gold[hit], weights[hit], classes + 1)
        return hits[:-1], np.bincount(gold, weights, classes + 1)[:-1], np.bincount(answer, weights, classes + 1)[:-1]

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"labels": "fixed" if self.labels else "gold"} | several(rows, "any")


class MacroF1(ClassMetric):
    """Mean over classes of F1 = 2 hits / (references + answers), in percent; 0 where a class has neither.

    Equals scikit-learn's `f1_score(average="macro", labels=..., zero_division=0)`. A resampled set, of which the
    interval is made, has the classes of its own references; with a label set, of its own references and answers, and
    those that count 0 because all rows lack them. The option `classes: union` takes every label of references or
    answers for a class, as scikit-learn does unasked: one wrong answer outside the set lowers the mean of all.
    """

    name = "macro_f1"
    right_is_best = False
    options = {"classes": None}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.union = self.settings["classes"] == "union"
        if self.settings["classes"] not in (None, "union"):
            said = self.settings["classes"]
            raise MetricError(f"metric 'macro_f1': the option 'classes' is {said!r}; write 'union' or leave it out")

    def classes(self, rows: Sequence[Row]) -> Sequence[str]:
        if not self.union:
            return super().classes(rows)
        said = {row.answer for row in rows if row.answer is not None}
        return sorted(said.union(*(row.references for row in rows)))

    def score(self, encoded: Numbered, weights: np.ndarray) -> float:
        hits, gold, answered = self.counts(encoded, weights)
        f1 = 2 * hits / np.maximum(gold + answered, 1)
        if self.union:
            f1 = f1[gold + answered > 0]
        elif self.labels:
            f1 = f1[(gold + answered > 0) | ~encoded.seen]  # a class that a draw only happens to miss is no failure
        else:
            f1 = f1[gold > 0]
        return 100 * float(np.mean(f1)) if f1.size else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | ({"labels": "union"} if self.union else {})


class UnweightedAverageRecall(ClassMetric):
    """UAR (Schuller et al. 2009): mean over the classes of the references of hits / references, in percent.

    Equals scikit-learn's `balanced_accuracy_score`: a class of the label set that no reference has is left out, an
    answer that is no class costs its reference's class and adds none.
    """

    name = "uar"

    def score(self, encoded: Numbered, weights: np.ndarray) -> float:
        hits, gold, _ = self.counts(encoded, weights)
        present = gold > 0
        return 100 * float(np.mean(hits[present] / gold[present])) if present.any() else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"classes": "gold"} | several(rows, "any")


def numbered(rows: Sequence[Row], labels: Sequence[str]) -> np.ndarray:
    """Class numbers of references and answers, shape = (2, n_rows), as `Numbered` has them."""
    numbers = {label: number for number, label in enumerate(labels)}
    golds = [row.answer if row.answer in row.references else row.references[0] for row in rows]
    answers = [row.answer for row in rows]
    pairs = [
        [len(labels) if text is None else numbers.get(text, len(labels)) for text in texts]
        for texts in (golds, answers)
    ]
    return np.array(pairs, dtype=np.int64).reshape(2, len(rows))


def _ranks(answer: str | None) -> dict[str, int] | None:
    """Label -> how many labels rank at least as high, itself among them; None where nothing can be read."""
    if answer is None:
        return None
    if not answer.lstrip().startswith(("[", "{")):
        return {answer: 1}
    said = parsed(answer)
    if isinstance(said, list) and all(isinstance(label, str) for label in said):
        return {label: rank for rank, label in enumerate(dict.fromkeys(said), 1)}
    scores = scores_of(said)
    if scores is None:
        return None
    ordered = sorted(scores.values(), reverse=True)
    at_least = {score: rank for rank, score in enumerate(ordered, 1)}  # the last of equal scores stays
    return {label: at_least[score] for label, score in scores.items()}


def _first(answer: str | None, k: int) -> set[str]:
    return {label for label, rank in (_ranks(answer) or {}).items() if rank <= k}


def _shown(label: str) -> str:
    return label if len(label) <= MAX_CHARACTERS else label[: MAX_CHARACTERS - 1] + "…"


METRICS = (Accuracy, TopK, MacroF1, UnweightedAverageRecall)
