"""Metrics of slots and their values: slot filling and dialogue state."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric
from metrics.multilabel import parsed


def slots_of(text: str | None, fold: bool = False) -> dict[str, str] | None:
    """Slot -> value of a JSON object of texts or numbers; slots that are null or empty are none. None: unreadable."""
    said = parsed(text)
    if not isinstance(said, Mapping):
        return None
    slots = {}
    for slot, value in said.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str | None):
            return None
        value = " ".join(value.casefold().split()) if fold and value else value
        if value:
            slots[slot.casefold() if fold else slot] = value
    return slots


class SlotMetric(SumMetric):
    """A metric of slots and their values: references and answers are JSON objects of slot: value (a text or a number).

    A slot that is null or empty is as if not there. The option `fold` takes no notice of case and of how many blanks.
    """

    example = '{"area": "north"}'
    structured = True
    options = {"fold": False}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        if not isinstance(self.settings["fold"], bool):
            raise MetricError(f"metric {self.name!r}: the option 'fold' is true or false")

    def slots(self, text: str | None) -> dict[str, str] | None:
        return slots_of(text, self.settings["fold"])

    def check_row(self, row: Row) -> None:
        for reference in row.references:
            if self.slots(reference) is None:
                raise MetricError(f"the reference {reference[:200]!r} is no JSON object of slot: value")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        return {"unreadable": sum(self.slots(row.answer) is None for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"match": "folded" if self.settings["fold"] else "exact"}


class JointGoalAccuracy(SlotMetric):
    """Share of answers whose slots and values are all those of a reference and no more, in percent (dialogue state:
    Henderson et al. 2014)."""

    name = "joint_goal_accuracy"
    right_or_wrong = True

    def statistics(self, row: Row) -> Sequence[float]:
        answer = self.slots(row.answer)
        return float(answer is not None and any(answer == self.slots(text) for text in row.references)), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])


class SlotF1(SlotMetric):
    """Micro F1 of slots with their values, in percent: 2 hits / (slots answered + slots of the reference).

    Statistics: hits, slots answered, slots of the reference. With several references the one with the highest F1
    counts. An unreadable answer is as wrong as one with as many slots as the reference, one at least; nan where there
    are no slots at all.
    """

    name = "slot_f1"

    def statistics(self, row: Row) -> Sequence[float]:
        answer = self.slots(row.answer)
        found = []
        for text in row.references:
            gold = self.slots(text) or {}
            if answer is None:
                found.append((0.0, (0.0, max(float(len(gold)), 1.0), float(len(gold)))))
                continue
            hits = len(answer.items() & gold.items())
            f1 = 2 * hits / (len(answer) + len(gold)) if answer or gold else 1.0
            found.append((f1, (float(hits), float(len(answer)), float(len(gold)))))
        return max(found, key=lambda one: one[0])[1]

    def score(self, summed: np.ndarray) -> float:
        hits, answered, gold = map(float, summed)
        return 200 * hits / (answered + gold) if answered + gold else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"unread": "wrong"}


METRICS = (JointGoalAccuracy, SlotF1)
