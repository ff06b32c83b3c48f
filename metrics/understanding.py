"""Metrics of spoken language understanding: intents and entities, as SLURP counts them."""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SetMetric, SumMetric
from metrics.multilabel import parsed

Entities = list[tuple[str, str]]
PARTS = ("intent", "scenario", "action")
DISTANCES = ("exact", "word", "char")
AVERAGES = ("micro", "macro")
SLURP_EXAMPLE = '{"scenario": "alarm", "action": "set", "entities": [{"type": "time", "filler": "five am"}]}'
UNREAD = ""
"""The label of what cannot be read."""
_RUN_OF_BLANKS = re.compile(r"\s\s+")


def chosen(metric: str, key: str, value: Any, known: Sequence[str]) -> str:
    """An option's value, or a MetricError."""
    if value not in known:
        raise MetricError(f"metric {metric!r}: the option {key!r} is {value!r}; it is one of {', '.join(known)}")
    return str(value)


def intent_of(text: str | None, part: str = "intent") -> str | None:
    """`scenario_action`, or one of both, of a JSON object; None where it has none."""
    said = parsed(text)
    if not isinstance(said, Mapping):
        return None
    keys = ("scenario", "action") if part == "intent" else (part,)
    values = [said[key] for key in keys if isinstance(said.get(key), str)]
    return "_".join(values) if len(values) == len(keys) else None


def entities_of(text: str | None) -> Entities | None:
    """Types and fillers of the `entities` of a JSON object; None where they cannot be read."""
    said = parsed(text)
    listed = said.get("entities") if isinstance(said, Mapping) else None
    if not isinstance(listed, list):
        return None
    pairs = []
    for one in listed:
        if (
            not isinstance(one, Mapping)
            or not isinstance(one.get("type"), str)
            or not isinstance(one.get("filler"), str)
        ):
            return None
        pairs.append((one["type"], one["filler"]))
    return pairs


class IntentAccuracy(SumMetric):
    """Share of answers with the reference's intent, in percent; unreadable ones are wrong.

    Answers and references are JSON objects with `scenario` and `action` (SLURP, Bastianelli et al. 2020); the intent is
    `scenario_action`. Equals the micro F1 of SLURP's evaluation. The option `part` compares `scenario` or `action`.
    """

    name = "intent_accuracy"
    right_or_wrong = True
    example = SLURP_EXAMPLE
    structured = True
    options = {"part": "intent"}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.part = chosen(self.name, "part", self.settings["part"], PARTS)

    def check_row(self, row: Row) -> None:
        _check_intents(row, self.part)

    def statistics(self, row: Row) -> Sequence[float]:
        answer = intent_of(row.answer, self.part)
        return float(answer is not None and answer in {intent_of(text, self.part) for text in row.references}), 1.0

    def score(self, summed: np.ndarray) -> float:
        return 100 * float(summed[0]) / float(summed[1])

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        return {"unreadable": sum(intent_of(row.answer, self.part) is None for row in rows)}

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"part": self.part}


class CountedF1(SetMetric):
    """F1 of counts of hits, false answers and misses by label, in percent, as SLURP's evaluation has it.

    micro: of the summed counts; macro: the mean over the labels of references and answers. Encoded: the row, shape =
    (m,), the label's number, (m,), and the three counts, (m, 3), of m entries. nan where nothing is counted.
    """

    example = SLURP_EXAMPLE
    structured = True
    options = {"average": "micro"}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.average = chosen(self.name, "average", self.settings["average"], AVERAGES)

    @abstractmethod
    def counts(self, row: Row) -> list[tuple[str, float, float, float]]:
        """Label, hits, false answers, misses; a label may come several times."""

    def encode(self, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        entries = [(number, *entry) for number, row in enumerate(rows) for entry in self.counts(row)]
        numbers = {label: number for number, label in enumerate(sorted({entry[1] for entry in entries}))}
        return (
            np.array([entry[0] for entry in entries], dtype=np.int64),
            np.array([numbers[entry[1]] for entry in entries], dtype=np.int64),
            np.array([entry[2:] for entry in entries], dtype=np.float64).reshape(-1, 3),
        )

    def score(self, encoded: tuple[np.ndarray, np.ndarray, np.ndarray], weights: np.ndarray) -> float:
        rows, labels, counts = encoded
        weighted = weights[rows][:, np.newaxis] * counts
        by_label = np.stack([np.bincount(labels, column) for column in weighted.T], axis=1)
        by_label = by_label[by_label.any(axis=1)]
        if not len(by_label):
            return float("nan")
        if self.average == "micro":
            by_label = by_label.sum(axis=0, keepdims=True)
        hits, false, missed = by_label.T
        return 100 * float(np.mean(2 * hits / (2 * hits + false + missed)))

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {"avg": self.average, "unread": "wrong"}


class IntentF1(CountedF1):
    """F1 of intents as SLURP's evaluation has it (Bastianelli et al. 2020), in percent; by default the macro mean over
    intents of references and answers. See `intent_accuracy`, which is its micro mean; all unreadable answers are one
    wrong intent.
    """

    name = "intent_f1"
    options = {"average": "macro", "part": "intent"}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.part = chosen(self.name, "part", self.settings["part"], PARTS)

    def check_row(self, row: Row) -> None:
        _check_intents(row, self.part)

    def counts(self, row: Row) -> list[tuple[str, float, float, float]]:
        answer = intent_of(row.answer, self.part)
        golds = [str(intent_of(text, self.part)) for text in row.references]
        if answer in golds:
            return [(str(answer), 1, 0, 0)]
        return [(golds[0], 0, 0, 1), (UNREAD if answer is None else answer, 0, 1, 0)]

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"part": self.part}


class EntityMetric(CountedF1):
    """F1 of entities; references are JSON objects with `entities`, a list of objects with `type` and `filler`.

    An answer whose entities cannot be read is as wrong as one with as many entities of each type as the reference has,
    or with one of no type where that has none. SLURP's evaluation passes over samples without a prediction;
    here those are the failed ones, which are outside of every score.
    """

    def check_row(self, row: Row) -> None:
        if len(row.references) != 1:
            raise MetricError(f"metric {self.name!r} takes one reference; there are {len(row.references)}")
        found = entities_of(row.references[0])
        if found is None:
            raise MetricError(
                f"the reference {row.references[0][:200]!r} has no entities; write a JSON object with 'entities', "
                f"a list of objects with the texts 'type' and 'filler'"
            )
        for kind, filler in found:
            if not filler.strip():
                raise MetricError(f"the reference has an entity of type {kind!r} without a filler")

    def details(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        return {"unreadable": sum(entities_of(row.answer) is None for row in rows)}

    def compared(self, row: Row, distance: str) -> list[tuple[str, float, float, float]]:
        gold, answer = entities_of(row.references[0]) or [], entities_of(row.answer)
        if answer is None:
            return [(kind, 0.0, 1.0, 1.0) for kind, _ in gold] or [(UNREAD, 0.0, 1.0, 0.0)]
        return exact_counts(gold, answer) if distance == "exact" else distance_counts(gold, answer, distance)


class EntityF1(EntityMetric):
    """SLURP's entity F1 (Bastianelli et al. 2020), in percent.

    `distance` exact: an answer with type and filler of a reference is a hit. word, char: an answer of a reference's
    type is one hit whatever its filler, and the distance to the nearest filler of that type adds to false answers and
    to misses: word error rate (which may exceed 1), or edits by the longer's characters. Answers are matched in their
    order. One that cannot be read is as wrong as one as long as the reference, of one entity at least. Options
    `distance`, `average`.
    """

    name = "entity_f1"
    options = {"distance": "exact", "average": "micro"}

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        self.distance = chosen(self.name, "distance", self.settings["distance"], DISTANCES)

    def counts(self, row: Row) -> list[tuple[str, float, float, float]]:
        return self.compared(row, self.distance)

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"distance": self.distance}


class SluF1(EntityMetric):
    """SLU-F1 (Bastianelli et al. 2020), in percent: F1 of the counts of entity F1 by word and by character distance
    added. An answer that cannot be read counts as there. Option `average`."""

    name = "slu_f1"

    def counts(self, row: Row) -> list[tuple[str, float, float, float]]:
        return self.compared(row, "word") + self.compared(row, "char")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return super().signature_parts(rows) | {"distance": "word+char"}


def exact_counts(gold: Entities, answer: Entities) -> list[tuple[str, float, float, float]]:
    """Hits, false answers and misses of entities equal in type and filler."""
    left = Counter(gold)
    found: list[tuple[str, float, float, float]] = []
    for entity in answer:
        hit = left[entity] > 0
        left[entity] -= hit
        found.append((entity[0], float(hit), float(not hit), 0.0))
    return found + [(kind, 0.0, 0.0, float(times)) for (kind, _), times in left.items() if times]


def distance_counts(gold: Entities, answer: Entities, distance: str) -> list[tuple[str, float, float, float]]:
    """Hits of entities equal in type; the distance of their fillers counts as false answer and as miss."""
    cut = _words_as_characters([filler for _, filler in gold]) if distance == "word" else str
    wanted: dict[str, list[str]] = {}
    for kind, filler in gold:
        wanted.setdefault(kind, []).append(cut(filler))
    taken = {kind: np.zeros(len(fillers)) for kind, fillers in wanted.items()}  # infinite: no longer there
    found: list[tuple[str, float, float, float]] = []
    for kind, filler in answer:
        if kind not in taken or np.isinf(taken[kind]).all():
            found.append((kind, 0.0, 1.0, 0.0))
            continue
        away = _distances(wanted[kind], cut(filler), distance) + taken[kind]
        nearest = int(np.argmin(away))
        taken[kind][nearest] = np.inf
        found.append((kind, 1.0, float(away[nearest]), float(away[nearest])))
    left = {kind: float(np.isfinite(gone).sum()) for kind, gone in taken.items()}
    return found + [(kind, 0.0, 0.0, missed) for kind, missed in left.items() if missed]


def _distances(golds: Sequence[str], answer: str, distance: str) -> np.ndarray:
    """Of an answer from each of some fillers, shape = (n_golds,). `word`, each a character: word error rate. `char`:
    edits by the length of the longer text, 0 for two empty ones."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    edits = cdist([answer], golds, scorer=Levenshtein.distance, dtype=np.int64)[0]
    lengths = np.array([len(gold) for gold in golds])
    return edits / np.maximum(lengths if distance == "word" else np.maximum(lengths, len(answer)), 1)


def _words_as_characters(fillers: Sequence[str]) -> Callable[[str], str]:
    """How to write each word of a text as one character, which is compared faster; all words of no filler as one."""
    words = dict.fromkeys(word for filler in fillers for word in _words(filler))
    characters = {word: chr(0xE000 + number) for number, word in enumerate(words)}
    return lambda text: "".join(characters.get(word, "\0") for word in _words(text))


def _words(text: str) -> list[str]:
    """Words as jiwer has them: a single tab or line end inside joins two."""
    return [word for word in _RUN_OF_BLANKS.sub(" ", text).strip().split(" ") if word]


def _check_intents(row: Row, part: str) -> None:
    for reference in row.references:
        if intent_of(reference, part) is None:
            raise MetricError(
                f"the reference {reference[:200]!r} has no intent; write a JSON object with the texts 'scenario' and "
                f"'action'"
            )


METRICS = (IntentAccuracy, IntentF1, EntityF1, SluF1)
