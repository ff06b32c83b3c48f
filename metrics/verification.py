"""Speaker verification: equal error rate and detection cost.

From the scores of trials, targets and non-targets.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SetMetric, exactly

_WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
_REFERENCES = {"1": True, "1.0": True, "0": False, "0.0": False, "yes": True, "no": False, "true": True, "false": False}
_REFERENCES |= {"target": True, "nontarget": False, "non-target": False}

P_TARGETS = (1e-6, 1 - 1e-6)
COSTS = (1e-6, 1e6)


@dataclass(frozen=True)
class Trials:
    """Trials from the highest score to the lowest."""

    order: np.ndarray
    """Row numbers by falling score, shape = (n_rows,)."""
    target: np.ndarray
    """Whether the trial is a target, in that order, shape = (n_rows,)."""
    last: np.ndarray
    """Positions after which a threshold can lie: the last of each run of equal scores, shape = (n_thresholds,)."""


class VerificationMetric(SetMetric):
    """A metric of scores: the answer is a number, the higher the more alike (`yes` and `no` are 1 and 0), the reference
    1 for a target trial and 0 for another (or yes and no, true and false, target and nontarget).

    An answer that is no number is the most wrong there is: below all scores for a target, above them for another.
    Undefined without a target or without a non-target.
    """

    higher_is_better = False
    right_is_best = False
    example = "1"
    structured = True

    def check_row(self, row: Row) -> None:
        for reference in row.references:
            if is_target(reference) is None:
                raise MetricError(f"the reference is {reference[:80]!r}; write 1 for a target trial, 0 for another")
        if len(set(map(is_target, row.references))) > 1:
            raise MetricError("the references contradict each other; write 1 for a target trial, 0 for another, once")

    def encode(self, rows: Sequence[Row]) -> Trials:
        target = np.array([is_target(row.references[0]) is True for row in rows], dtype=bool)
        scores = np.array(
            [_worst(row) if (value := score_of(row.answer)) is None else value for row in rows], dtype=np.float64
        )
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        last = (
            np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(rows) else np.zeros(0, dtype=np.int64)
        )
        return Trials(order, target[order], last)

    def rates(self, trials: Trials, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """False acceptance and false rejection rates from the highest threshold (nothing accepted) to the lowest,
        shape = (n_thresholds + 1,) each; None without trials of both kinds."""
        counts = np.asarray(weights, dtype=np.float64)[trials.order]
        targets = np.cumsum(np.where(trials.target, counts, 0.0))
        others = np.cumsum(np.where(trials.target, 0.0, counts))
        if not len(counts) or targets[-1] == 0 or others[-1] == 0:
            return None
        accepted = np.append(0.0, others[trials.last]) / others[-1]
        rejected = 1 - np.append(0.0, targets[trials.last]) / targets[-1]
        return accepted, rejected

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """How many trials of each kind, answers that are no number, and different scores."""
        scores = [score_of(row.answer) for row in rows]
        targets = sum(is_target(row.references[0]) is True for row in rows)
        return {
            "targets": targets,
            "nontargets": len(rows) - targets,
            "unreadable": scores.count(None),
            "different_scores": len({score for score in scores if score is not None}),
        }


class EqualErrorRate(VerificationMetric):
    """Equal error rate: where as many non-targets are accepted as targets are rejected, in percent.

    The two rates at neighbouring thresholds are joined by straight lines, and the value is where those cross: the
    linear interpolation of the ROC curve (scikit-learn's `roc_curve`), exactly. A threshold lies between different
    scores only. The answer is a number, the higher the more alike, or yes or no (1 and 0); the reference 1 or 0. An
    answer that is neither is the most wrong score there is. Undefined without a target or without a non-target.
    """

    name = "eer"

    def score(self, encoded: Trials, weights: np.ndarray) -> float:
        rates = self.rates(encoded, weights)
        if rates is None:
            return float("nan")
        accepted, rejected = rates
        over = int(np.argmax(accepted >= rejected))  # the last threshold accepts all and rejects none
        if accepted[over] == rejected[over]:
            return 100 * float(accepted[over])
        before, after = accepted[over - 1] - rejected[over - 1], accepted[over] - rejected[over]
        share = before / (before - after)
        return 100 * float(accepted[over - 1] + share * (accepted[over] - accepted[over - 1]))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"crossing": "linear"}


class MinimumDetectionCost(VerificationMetric):
    """Minimum detection cost (minDCF; NIST SRE), 0 to 1.

    The least over all thresholds of c_miss p_target P(rejected | target) + c_fa (1 - p_target) P(accepted |
    non-target), divided by the lesser of c_miss p_target and c_fa (1 - p_target): what a system pays that always says
    the same. Answers and references as of `eer`.
    """

    name = "min_dcf"
    unit = "minDCF"
    range = (0.0, 1.0)
    options = {"p_target": 0.01, "c_miss": 1.0, "c_fa": 1.0}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        for key, value in self.settings.items():
            low, high = P_TARGETS if key == "p_target" else COSTS
            if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
                raise MetricError(
                    f"metric {self.name!r}: option {key!r} is {value!r}; write a number from {low:g} to {high:g}"
                )

    def score(self, encoded: Trials, weights: np.ndarray) -> float:
        rates = self.rates(encoded, weights)
        if rates is None:
            return float("nan")
        miss = self.settings["c_miss"] * self.settings["p_target"]
        false_alarm = self.settings["c_fa"] * (1 - self.settings["p_target"])
        return float(np.min(false_alarm * rates[0] + miss * rates[1])) / min(miss, false_alarm)

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {key: exactly(float(value)) for key, value in self.settings.items()}


def score_of(answer: str | None) -> float | None:
    """The number that an answer is; None where it is none, or not finite."""
    text = (answer or "").strip()
    folded = text.rstrip(".!").casefold()
    if folded in _WORDS:
        return _WORDS[folded]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e300:
        return None
    return float(value) if math.isfinite(value) else None


def is_target(reference: str) -> bool | None:
    """Whether the trial is a target; None for a reference that says neither."""
    return _REFERENCES.get(reference.strip().casefold())


def _worst(row: Row) -> float:
    return -math.inf if is_target(row.references[0]) else math.inf


METRICS = (EqualErrorRate, MinimumDetectionCost)
