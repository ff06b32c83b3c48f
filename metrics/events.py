"""Sound event detection: F1 and error rate of events with collars (Mesaros, Heittola, Virtanen 2016).

A reference is the list of all events of a recording, an answer the list that was found; `metrics/timed.py` says how
both are written. What sed_eval 0.2.1 computes comes out equal, but for what the docstrings name.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric, exactly
from metrics.timed import Event, read_events

Classes = dict[str, np.ndarray]
"""Label -> hits, references, answers, shape = (3,)."""

NO_CLASS = " "
"""Stands among the labels for an answer's event of no class; the labels of events have no blank at their ends."""

SLACK = {"decimal": 1e-9, "sed_eval": 0.0}
"""Seconds by which a collar's bounds give way: as floats, 0.9 - 0.7 is more than 0.2."""


@dataclass
class Tally:
    """One recording, counted."""

    errors: Sequence[float]
    """Substitutions, deletions, insertions, shape = (3,)."""
    classes: Classes
    """Hits, references and answers of each class."""
    length: float = 0
    """Segments up to the last event."""

    def as_wrong_as_long(self) -> "Tally":
        """From the tally of no answer that of one as long as the reference, none of it right; one of no class, where
        the reference has nothing."""
        classes = {label: counts + np.array([0, 0, counts[1]]) for label, counts in self.classes.items()}
        classes = classes or {NO_CLASS: np.array([0.0, 0.0, 1.0])}
        insertions = sum(float(counts[2]) for counts in classes.values())
        return Tally((*self.errors[:2], insertions), classes, self.length)


class EventMetric(SumMetric):
    """What all have in common. Counted in units (events or segments): a unit's class was referred to and answered
    (a hit), referred to (a reference), answered (an answer).

    Statistics: substitutions, deletions, insertions; then for each class hits, references, answers, shape = (3,); the
    last class stands for all that are neither in the label set nor, without one, in the references. Classes are those
    of the label set, else those of the references. An answer that cannot be read counts as one with as many units of
    each class as the reference has, or one of no class where that has none, and nothing right: worse than none, and
    than any other as long. The details count them. `fold_labels` compares labels without case and underscores as
    blanks.
    """

    options: Mapping[str, Any] = {"fold_labels": False}
    example = "dog_bark: 1.2-3.4"
    structured = True
    average = "micro"

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        for key, default in self.options.items():
            _check_option(self.name, key, self.settings[key], default)
        if self.labels is not None:
            self.labels = tuple(dict.fromkeys(map(self.label, self.labels)))

    def label(self, text: str) -> str:
        """A label as it is compared."""
        return " ".join(text.replace("_", " ").casefold().split()) if self.settings["fold_labels"] else text

    def check_row(self, row: Row) -> None:
        self.reference(row)

    def reference(self, row: Row) -> list[Event]:
        """The events of the reference; a MetricError where it is not one list of events."""
        if len(row.references) != 1:
            raise MetricError(f"{len(row.references)} references; write all events of a recording as one list")
        events = read_events(row.references[0])
        if events is None:
            raise MetricError(
                f"the reference {row.references[0][:60]!r} is no list of events; write "
                '[{"event_label": "dog", "onset": 1.2, "offset": 3.4}] or dog: 1.2-3.4, under the normaliser none'
            )
        return self._relabelled(events)

    def answer(self, row: Row) -> list[Event] | None:
        """The events of the answer; None where it cannot be read."""
        events = None if row.answer is None else read_events(row.answer)
        return None if events is None else self._relabelled(events)

    def _relabelled(self, events: list[Event]) -> list[Event]:
        return [Event(self.label(event.label), event.onset, event.offset) for event in events]

    @abstractmethod
    def tally(self, reference: list[Event], answer: list[Event]) -> Tally:
        """One recording, counted."""

    @abstractmethod
    def counted(self) -> dict[str, str]:
        """How, for the signature."""

    def tallies(self, rows: Sequence[Row]) -> list[Tally]:
        tallies = []
        for row in rows:
            try:
                answer = self.answer(row)
                tally = self.tally(self.reference(row), answer or [])
                tallies.append(tally.as_wrong_as_long() if answer is None else tally)
            except MetricError as error:
                raise MetricError(f"row {row.id!r}: {error}") from None
        return tallies

    def columns(self, tallies: Sequence[Tally]) -> list[str]:
        """The classes that have a place of their own in the statistics."""
        gold = {label for tally in tallies for label, counts in tally.classes.items() if counts[1]}
        return list(self.labels) if self.labels else sorted(gold)

    def statistics(self, row: Row) -> Sequence[float]:
        return [float(count) for count in self.table([row])[0]]

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        tallies = self.tallies(rows)
        places = {label: place for place, label in enumerate(self.columns(tallies))}
        table = np.zeros((len(tallies), 3 + 3 * (len(places) + 1)))
        for line, tally in zip(table, tallies, strict=True):
            line[:3] = tally.errors
            classes = line[3:].reshape(-1, 3)
            for label, counts in tally.classes.items():
                classes[places.get(label, -1)] += counts
        return table

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        fold = {"labels": "folded"} if self.settings["fold_labels"] else {}
        return self.counted() | fold | {"unread": "wrong", "agg": self.average}

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Counts and rates of all units and of each class (percent), and how many answers could not be read."""
        table = self.table(rows)
        summed = table.sum(axis=0)
        classes = summed[3:].reshape(-1, 3)
        names = self.columns(self.tallies(rows))
        return {
            "unread": sum(self.answer(row) is None for row in rows),
            "overall": _rates(classes.sum(axis=0), summed[:3]),
            "classes": {name: _rates(counts) for name, counts in zip(names, classes, strict=False)},
            "other_classes": {"answers": int(classes[-1, 2])},
        }


class CollarMetric(EventMetric):
    """Units are events. An answered event hits a reference of its class whose onset is at most `onset_collar` seconds
    away and, `with_offset`, whose offset is at most max(`onset_collar`, `offset_share` percent of the reference's
    length) away; both bounds are inside. Each event is paired once, so that there are as many hits as can be and, with
    these, as many substitutions (pairs within the collars, of two classes). The defaults are those of DCASE task 4.

    sed_eval takes substitutions as they come, and so depends on the order in which events are listed; this does not.
    `bounds: decimal`, the default, bears with a nanosecond, so that 0.9 is within 0.2 of 0.7, as it is written;
    `bounds: sed_eval` compares floats, by which it is not (0.9 - 0.7 = 0.20000000000000007).
    """

    options = {
        **EventMetric.options, "onset_collar": 0.2, "offset_share": 20, "with_offset": True, "bounds": "decimal",
    }  # fmt: skip

    def tally(self, reference: list[Event], answer: list[Event]) -> Tally:
        classes: Classes = {}
        for side, events in ((1, reference), (2, answer)):
            for event in events:
                classes.setdefault(event.label, np.zeros(3))[side] += 1
        hits, substitutions = 0, 0
        for gold, said in self._pairs(reference, answer):
            if reference[gold].label == answer[said].label:
                classes[reference[gold].label][0] += 1
                hits += 1
            else:
                substitutions += 1
        left = hits + substitutions
        return Tally((substitutions, len(reference) - left, len(answer) - left), classes)

    def _pairs(self, reference: list[Event], answer: list[Event]) -> list[tuple[int, int]]:
        """Which reference goes with which answer: most hits first, then most substitutions."""
        if not reference or not answer:
            return []
        collar, share = self.settings["onset_collar"], self.settings["offset_share"] / 100
        slack = SLACK[self.settings["bounds"]]
        golds = np.array([[event.onset, event.offset] for event in reference])
        said = np.array([[event.onset, event.offset] for event in answer])
        near = np.abs(golds[:, None, 0] - said[None, :, 0]) <= collar + slack
        if self.settings["with_offset"]:
            width = np.maximum(collar, share * (golds[:, 1] - golds[:, 0])) + slack
            near &= np.abs(golds[:, None, 1] - said[None, :, 1]) <= width[:, None]
        if not near.any():
            return []
        from scipy.optimize import linear_sum_assignment

        numbers = {label: number for number, label in enumerate({event.label for event in (*reference, *answer)})}
        same = np.equal.outer(*(np.array([numbers[e.label] for e in events]) for events in (reference, answer)))
        worth = near * (1 + same * (1 + min(near.shape)))  # one hit is worth more than all substitutions
        lines, columns = linear_sum_assignment(worth, maximize=True)
        return [(line, column) for line, column in zip(lines, columns, strict=True) if near[line, column]]

    def counted(self) -> dict[str, str]:
        collar, share = self.settings["onset_collar"], self.settings["offset_share"]
        return {
            "onset": f"{exactly(collar)}s",
            "offset": f"max({exactly(collar)}s,{exactly(share)}%)" if self.settings["with_offset"] else "none",
            "bounds": self.settings["bounds"],
            "match": "optimal",
        }


class F1(EventMetric):
    """2 hits / (references + answers) over the corpus, in percent; nan where there are neither. sed_eval has nan also
    where nothing at all was answered; here that is 0."""

    def score(self, summed: np.ndarray) -> float:
        hits, golds, said = summed[3:].reshape(-1, 3).sum(axis=0)
        return 100 * float(2 * hits / (golds + said)) if golds + said else float("nan")


class ErrorRate(EventMetric):
    """(substitutions + deletions + insertions) / references over the corpus, in percent; it can exceed 100. Without any
    reference nan, where sed_eval divides by 2e-16."""

    higher_is_better = False
    range = (0.0, float("inf"))

    def score(self, summed: np.ndarray) -> float:
        errors, golds = float(summed[:3].sum()), float(summed[3:].reshape(-1, 3)[:, 1].sum())
        return 100 * errors / golds if golds else float("nan")


class ClassAverage(EventMetric):
    """Mean over classes, in percent. `classes: gold`, the default: those of the label set (`fixed` in the signature),
    else of the references; a class that was never answered has an F1 of 0. `classes: sed_eval`: those seen in
    references or answers, left out where sed_eval has no number for them (never answered, or never referred to): its
    class-wise average, which so rewards a model for classes that it never names.

    What is no class costs no class anything: neither a label outside of them, nor an answer that cannot be read where
    the reference has nothing.
    """

    right_is_best = False
    options = {"classes": "gold"}
    average = "macro"

    def columns(self, tallies: Sequence[Tally]) -> list[str]:
        if self.settings["classes"] != "sed_eval":
            return super().columns(tallies)
        return sorted({*(self.labels or ()), *(label for tally in tallies for label in tally.classes)} - {NO_CLASS})

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        classes = "fixed" if self.labels and self.settings["classes"] == "gold" else self.settings["classes"]
        return super().signature_parts(rows) | {"classes": classes}

    def score(self, summed: np.ndarray) -> float:
        """The mean of what the classes have, nan where none has."""
        values = self.of_classes(*summed[3:].reshape(-1, 3)[:-1].T)
        values = values[~np.isnan(values)]
        return 100 * float(values.mean()) if values.size else float("nan")

    @abstractmethod
    def of_classes(self, hits: np.ndarray, golds: np.ndarray, said: np.ndarray) -> np.ndarray:
        """A value for each class, nan for one to leave out, all of shape = (n_classes,)."""


class MacroF1(ClassAverage):
    """F1 a class, averaged."""

    def of_classes(self, hits: np.ndarray, golds: np.ndarray, said: np.ndarray) -> np.ndarray:
        f1 = 2 * hits / np.maximum(golds + said, 1)
        if self.settings["classes"] == "sed_eval":
            return np.where((golds > 0) & (said > 0), f1, np.nan)
        return f1 if self.labels else np.where(golds > 0, f1, np.nan)


class MacroErrorRate(ClassAverage):
    """(missed + false) / references a class, averaged: there are no substitutions within a class. A class without
    references is left out, but for `classes: sed_eval`, which divides its false ones by 2e-16, as sed_eval does."""

    higher_is_better = False
    range = (0.0, float("inf"))

    def of_classes(self, hits: np.ndarray, golds: np.ndarray, said: np.ndarray) -> np.ndarray:
        wrong = golds + said - 2 * hits
        if self.settings["classes"] == "sed_eval":
            return wrong / (golds + np.spacing(1))
        return np.where(golds > 0, wrong / np.maximum(golds, 1), np.nan)


class EventF1(CollarMetric, F1):
    """F1 of events over the corpus, in percent: an answered event hits one of its class that begins and ends where it
    does, give or take the collars (`CollarMetric`, `F1`)."""

    name = "event_f1"


class EventErrorRate(CollarMetric, ErrorRate):
    """Substituted, missed and false events by events of the references over the corpus, in percent (`CollarMetric`,
    `ErrorRate`)."""

    name = "event_error_rate"


class EventMacroF1(CollarMetric, MacroF1):
    """F1 of events, mean over classes, in percent (`CollarMetric`, `ClassAverage`)."""

    name = "event_macro_f1"
    options = {**CollarMetric.options, **ClassAverage.options}


class EventMacroErrorRate(CollarMetric, MacroErrorRate):
    """Missed and false events by events of the references, mean over classes, in percent (`CollarMetric`,
    `ClassAverage`)."""

    name = "event_macro_error_rate"
    options = {**CollarMetric.options, **ClassAverage.options}


def _rates(counts: np.ndarray, errors: np.ndarray | None = None) -> dict[str, float | int | None]:
    """Counts and their rates in percent; None where there is nothing to divide by."""
    hits, golds, said = (int(count) for count in counts)
    substitutions, deletions, insertions = map(int, errors if errors is not None else (0, golds - hits, said - hits))
    return {
        "hits": hits,
        "references": golds,
        "answers": said,
        "substitutions": substitutions,
        "precision": percent(hits, said),
        "recall": percent(hits, golds),
        "f1": percent(2 * hits, golds + said),
        "error_rate": percent(substitutions + deletions + insertions, golds),
        "substitution_rate": percent(substitutions, golds),
        "deletion_rate": percent(deletions, golds),
        "insertion_rate": percent(insertions, golds),
    }


def percent(part: float, whole: float) -> float | None:
    return 100 * float(part) / float(whole) if whole else None


def _check_option(metric: str, key: str, value: Any, default: Any) -> None:
    """Raise a MetricError unless an option is of its default's kind and in its bounds."""
    least = 1e-4 if key == "resolution" else 0
    right, wish = isinstance(value, int | float) and least <= value <= 1e4, f"a number from {least:g} to 10000"
    if isinstance(default, str):
        right, wish = value in (default, "sed_eval"), f"{default} or sed_eval"
    elif isinstance(default, bool):
        wish = "true or false"
    if not right or isinstance(value, bool) != isinstance(default, bool):
        raise MetricError(f"metric {metric!r}: option {key!r} is {value!r}; write {wish}")


METRICS = (EventF1, EventErrorRate, EventMacroF1, EventMacroErrorRate)
