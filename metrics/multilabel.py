"""Metrics of answers that are several labels each, with scores or without: mAP, d', lwlrap."""

import json
import math
from abc import abstractmethod
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import NormalDist
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SetMetric, SumMetric, nearest

AVERAGES = ("macro", "micro")
BOTH = "with_positives_and_negatives"
CLASSES = (BOTH, "with_positives", "all")
MAX_CLASSES = 1000  # in details


def parsed(text: str | None) -> Any:
    """What a JSON text says; None for null and for what is no JSON."""
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return None


def scores_of(said: Any) -> dict[str, float] | None:
    """Label -> score of a JSON object of finite numbers; None for anything else."""
    if not isinstance(said, Mapping):
        return None
    for score in said.values():
        if isinstance(score, bool) or not isinstance(score, int | float) or not abs(score) < float("inf"):
            return None
    try:
        return {label: float(score) for label, score in said.items()}
    except OverflowError:  # a whole number beyond what a float holds
        return None


def label_scores(answer: str | None) -> dict[str, float] | None:
    """Label -> score of an answer; a list of labels is a hard decision, 1 each. None where nothing can be read."""
    said = parsed(answer)
    if isinstance(said, list) and all(isinstance(label, str) for label in said):
        return dict.fromkeys(said, 1.0)
    return scores_of(said)


def label_list(reference: str) -> list[str]:
    """The labels of a reference, each once; a MetricError where it is no JSON list of texts."""
    said = parsed(reference)
    if not isinstance(said, list) or not all(isinstance(label, str) for label in said):
        raise MetricError(f'the reference {reference[:200]!r} is no list of labels in JSON, such as ["dog", "rain"]')
    return list(dict.fromkeys(said))


@dataclass(frozen=True)
class Ranking:
    """The scores that were given, class by class from the best on; what was given no score comes last.

    m scores; g groups of equal scores of a class with a positive (a row whose reference has the class) among them; h
    positives with a score; p positives.
    """

    rows: np.ndarray
    """Row of each score, shape = (m,)."""
    bounds: np.ndarray
    """Where each class starts, and m, shape = (n_classes + 1,)."""
    firsts: np.ndarray
    """Where each group starts, shape = (g,)."""
    ends: np.ndarray
    """Where each group ends (exclusive), shape = (g,)."""
    of: np.ndarray
    """The class of each group, shape = (g,)."""
    hit_rows: np.ndarray
    """Row of each positive with a score, shape = (h,)."""
    hit_groups: np.ndarray
    """Its group, shape = (h,)."""
    positive_rows: np.ndarray
    """Shape = (p,)."""
    positive_classes: np.ndarray
    """Shape = (p,)."""
    per_row: int
    """Classes that a row counts for: 1, or all of them where they were made one."""

    @classmethod
    def of_answers(
        cls,
        answers: Iterable[Mapping[str, float] | None],
        references: Sequence[Collection[str]],
        classes: Sequence[str],
        as_one: bool = False,
    ) -> "Ranking":
        """Answers beside references; labels that are no class are passed over. `as_one`: one ranking of all classes.

        An answer of None is as wrong as there can be: its negatives come before, its positives after all scores.
        """
        numbers = {label: number for number, label in enumerate(classes)}
        said, values, sizes = array("q"), array("d"), array("q")
        for scores, labels in zip(answers, references, strict=True):
            if scores is None:
                scores = {label: math.inf for label in classes if label not in labels}
            known = [(numbers[label], score) for label, score in scores.items() if label in numbers]
            said.extend([number for number, _ in known])
            values.extend([score for _, score in known])
            sizes.append(len(known))
        rows = np.repeat(np.arange(len(sizes)), np.array(sizes, dtype=np.int64))
        right = [(row, numbers[label]) for row, labels in enumerate(references) for label in labels if label in numbers]
        pairs = np.array(right, dtype=np.int64).reshape(-1, 2)
        columns = np.array(said, dtype=np.int64)
        hit = np.isin(rows * len(numbers) + columns, pairs[:, 0] * len(numbers) + pairs[:, 1])
        if as_one:
            columns, pairs = np.zeros_like(columns), pairs * np.array([1, 0])
        return cls._sorted(rows, columns, np.array(values, dtype=np.float64), hit, pairs, len(numbers), as_one)

    @classmethod
    def _sorted(
        cls,
        rows: np.ndarray,
        columns: np.ndarray,
        scores: np.ndarray,
        hit: np.ndarray,
        pairs: np.ndarray,
        n_labels: int,
        as_one: bool,
    ) -> "Ranking":
        order = np.lexsort((rows, -scores, columns))
        rows, columns, scores, hit = rows[order], columns[order], scores[order], hit[order]
        new = np.append(True, (columns[1:] != columns[:-1]) | (scores[1:] != scores[:-1]))[: len(rows)]
        firsts = np.flatnonzero(new)
        group = np.cumsum(new) - 1
        kept, hit_groups = np.unique(group[hit], return_inverse=True)
        return cls(
            rows=rows,
            bounds=np.searchsorted(columns, np.arange((1 if as_one else n_labels) + 1)),
            firsts=firsts[kept],
            ends=np.append(firsts[1:], len(rows)).astype(np.int64)[kept],
            of=columns[firsts[kept]],
            hit_rows=rows[hit],
            hit_groups=hit_groups,
            positive_rows=pairs[:, 0],
            positive_classes=pairs[:, 1],
            per_row=n_labels if as_one else 1,
        )

    @property
    def n_classes(self) -> int:
        return len(self.bounds) - 1

    def given(self, weights: np.ndarray) -> np.ndarray:
        """Weighted scores before each place, shape = (m + 1,)."""
        return np.concatenate([[0.0], np.cumsum(weights[self.rows], dtype=np.float64)])

    def positives(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted positives of each group, shape = (g,), and of each class, shape = (n_classes,)."""
        by_class = _summed(self.positive_classes, weights[self.positive_rows], self.n_classes)
        return _summed(self.hit_groups, weights[self.hit_rows], len(self.firsts)), by_class

    def negatives(self, weights: np.ndarray) -> np.ndarray:
        """Weighted negatives of each class, shape = (n_classes,)."""
        return float(weights.sum() * self.per_row) - self.positives(weights)[1]

    def average_precisions(self, weights: np.ndarray) -> np.ndarray:
        """Average precision of each class, shape = (n_classes,); nan where it has no positive.

        The sum over distinct scores of precision times the gain in recall, without interpolation, as scikit-learn has
        it: equal scores are one step, what has no score is the last.
        """
        total = float(weights.sum() * self.per_row)
        if not total:
            return np.full(self.n_classes, np.nan)
        before = self.given(weights)
        own, positives = self.positives(weights)
        down = np.concatenate([[0.0], np.cumsum(own)])
        hits = down[1:] - down[np.searchsorted(self.of, self.of)]
        seen = before[self.ends] - before[self.bounds[self.of]]
        precision = np.divide(hits, seen, out=np.zeros(len(own)), where=seen > 0)
        left = positives - _summed(self.of, own, self.n_classes)
        gained = _summed(self.of, own * precision, self.n_classes) + left * positives / total
        return np.divide(gained, positives, out=np.full(self.n_classes, np.nan), where=positives > 0)

    def areas(self, weights: np.ndarray) -> np.ndarray:
        """Area under the ROC curve of each class, equal scores half; nan where it lacks positives or negatives."""
        before = self.given(weights)
        own, positives = self.positives(weights)
        negatives = self.negatives(weights)
        down = np.concatenate([[0.0], np.cumsum(own)])[:-1]
        hits = down - down[np.searchsorted(self.of, self.of)]
        above = before[self.firsts] - before[self.bounds[self.of]] - hits
        among = before[self.ends] - before[self.firsts] - own
        found = _summed(self.of, own, self.n_classes)
        passed = before[self.bounds[1:]] - before[self.bounds[:-1]] - found
        lost = _summed(self.of, own * (above + among / 2), self.n_classes)
        lost += (positives - found) * (passed + (negatives - passed) / 2)
        pairs = positives * negatives
        return 1 - np.divide(lost, pairs, out=np.full(self.n_classes, np.nan), where=pairs > 0)


class MultiLabelMetric(SetMetric):
    """A metric over classes of rows with several labels.

    The references are labels of the task's set, or the reference is one JSON list of labels (an empty one: none). The
    answer is JSON: an object of label: score, or a list of labels, which is a hard decision of score 1. A label without
    a score ranks below every score. An answer that cannot be read is the worst ranking there is: all labels that the
    reference has not are above every score, its own below.
    Classes are the label set, else the labels of references and answers.
    """

    example = '["a"]'
    structured = True
    joins_references = True
    unit = "mAP"
    range = (0.0, 1.0)

    def check_row(self, row: Row) -> None:
        check_labels(row, self.labels, self.name)

    def ranking(self, rows: Sequence[Row], as_one: bool = False) -> Ranking:
        references = [set(label_list(row.references[0])) for row in rows]
        seen = set().union(*references)
        if self.settings.get("classes") != "all":
            classes = [label for label in self.labels or sorted(seen) if label in seen]
        else:
            classes = list(self.labels or sorted(seen.union(*(scores or {} for scores in _scores(rows)))))
        return Ranking.of_answers(_scores(rows), references, classes, as_one)

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        counted: dict[str, int] = {}
        for row in rows:
            for label in label_list(row.references[0]):
                counted[label] = counted.get(label, 0) + 1
        found: dict[str, Any] = {"unreadable": sum(label_scores(row.answer) is None for row in rows)}
        labels = self.labels or sorted(counted)
        found["without_positives"] = [label for label in labels if label not in counted][:MAX_CLASSES]
        if len(labels) <= MAX_CLASSES and labels:
            references = [set(label_list(row.references[0])) for row in rows]
            values = self.by_class(Ranking.of_answers(_scores(rows), references, labels), np.ones(len(rows)))
            found["classes"] = {
                label: {"positives": counted.get(label, 0), self.name: float(value) if math.isfinite(value) else None}
                for label, value in zip(labels, values, strict=True)
            }
        return found

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return label_set(self.labels) | {"unread": "worst"}

    @abstractmethod
    def by_class(self, ranking: Ranking, weights: np.ndarray) -> np.ndarray:
        """The value of each class, shape = (n_classes,), nan where it is undefined."""


class MeanAveragePrecision(MultiLabelMetric):
    """mAP: the mean over classes of average precision, 0 to 1, as scikit-learn's `average_precision_score` has it.

    Without interpolation; equal scores are one step, so a class with one score for all rows, or with none, has the
    share of its positives. Options: `average`: macro, or micro (every row and class one decision of a single ranking).
    `classes`: with_positives_and_negatives (left out are, in each resampled set too, a class that no reference has and
    one that every reference has, the precision of which is 1 whatever is answered), with_positives (the latter counts),
    or all (macro: the former counts as 0). An answer that cannot be read is the worst ranking there is: labels that are
    not in the reference are above every score, those of the reference below.
    """

    name = "mean_ap"
    right_is_best = False
    options = {"average": "macro", "classes": BOTH}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        for key, known in (("average", AVERAGES), ("classes", CLASSES)):
            if self.settings[key] not in known:
                raise MetricError(
                    f"metric {self.name!r}: the option {key!r} is {self.settings[key]!r}; it is one of "
                    f"{', '.join(known)}"
                )

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"avg": self.settings["average"], "classes": self.settings["classes"]}

    def encode(self, rows: Sequence[Row]) -> Ranking:
        return self.ranking(rows, as_one=self.settings["average"] == "micro")

    def score(self, encoded: Ranking, weights: np.ndarray) -> float:
        values = self.by_class(encoded, weights)
        if not np.isfinite(values).any():
            return float("nan")
        return float(np.mean(np.nan_to_num(values))) if self.settings["classes"] == "all" else float(np.nanmean(values))

    def by_class(self, ranking: Ranking, weights: np.ndarray) -> np.ndarray:
        values = ranking.average_precisions(weights)
        if self.settings["classes"] == BOTH:
            values[ranking.negatives(weights) == 0] = np.nan
        return values


class DPrime(MultiLabelMetric):
    """d' (Gemmeke et al. 2017): sqrt(2) times the normal quantile of the AUC, the mean over classes of the area under
    the ROC curve (equal scores count half).

    Classes without a positive or without a negative are left out. An answer that cannot be read is the worst ranking
    there is: labels that are not in the reference are above every score, those of the reference below. An AUC of 1
    stands as the largest number below it: d' is then 11.61, and -11.61 for an AUC of 0.
    """

    name = "d_prime"
    right_is_best = False
    unit = "d'"
    range = (-math.sqrt(2) * NormalDist().inv_cdf(1 - 2**-53), math.sqrt(2) * NormalDist().inv_cdf(1 - 2**-53))

    def encode(self, rows: Sequence[Row]) -> Ranking:
        return self.ranking(rows)

    def score(self, encoded: Ranking, weights: np.ndarray) -> float:
        areas = encoded.areas(weights)
        return _d_prime(float(np.nanmean(areas))) if np.isfinite(areas).any() else float("nan")

    def by_class(self, ranking: Ranking, weights: np.ndarray) -> np.ndarray:
        return np.array([_d_prime(area) if math.isfinite(area) else math.nan for area in ranking.areas(weights)])

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"auc": "macro", "classes": BOTH}


class Lwlrap(SumMetric):
    """Label-weighted label-ranking average precision (Fonseca et al. 2019), 0 to 1: the mean over all labels of all
    references of the share of right labels among those that the answer ranks at least as high.

    Statistics: summed shares, labels. A label that the answer gives no score has a share of 0. Where every class has a
    score it equals scikit-learn's `label_ranking_average_precision_score` weighted by the number of labels.
    """

    name = "lwlrap"
    unit = "lwlrap"
    range = (0.0, 1.0)
    example = '["a"]'
    structured = True
    joins_references = True

    def check_row(self, row: Row) -> None:
        check_labels(row, self.labels, self.name)

    def statistics(self, row: Row) -> Sequence[float]:
        right = set(label_list(row.references[0]))
        scores = label_scores(row.answer) or {}
        if self.labels:
            known = set(self.labels)
            scores = {label: score for label, score in scores.items() if label in known}
        total = 0.0
        for score in sorted(scores[label] for label in right if label in scores):
            ranked = [label for label, other in scores.items() if other >= score]
            total += sum(label in right for label in ranked) / len(ranked)
        return total, float(len(right))

    def score(self, summed: np.ndarray) -> float:
        return float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        return {"unreadable": sum(label_scores(row.answer) is None for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return label_set(self.labels) | {"unscored": "0"}


def label_set(labels: Sequence[str] | None) -> dict[str, str]:
    """The part of a signature that says which classes there are: size and hash of the set, or those seen."""
    if not labels:
        return {"labels": "seen"}
    return {"set": f"{len(labels)}.{sha256(json.dumps(sorted(labels)).encode()).hexdigest()[:6]}", "labels": "fixed"}


def check_labels(row: Row, labels: Sequence[str] | None, name: str) -> None:
    """Raise a MetricError unless the row has one reference, a list of labels of the set."""
    if len(row.references) != 1:
        raise MetricError(f"metric {name!r} takes one reference, a list of all labels; there are {len(row.references)}")
    for label in label_list(row.references[0]):
        if labels and label not in labels:
            raise MetricError(f"the reference has the label {label!r}, which is not in the set{nearest(label, labels)}")


def _scores(rows: Sequence[Row]) -> Iterator[dict[str, float] | None]:
    """Label -> score of each row's answer, one at a time: all at once they may be large."""
    return (label_scores(row.answer) for row in rows)


def _summed(numbers: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Sums of values by number, shape = (size,)."""
    return np.bincount(numbers, values, size).astype(np.float64)  # without any value numpy counts in whole numbers


def _d_prime(area: float) -> float:
    inside = min(max(area, 2**-53), 1 - 2**-53)
    return math.sqrt(2) * NormalDist().inv_cdf(inside)


METRICS = (MeanAveragePrecision, DPrime, Lwlrap)
