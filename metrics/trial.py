"""A trial of a task's metrics before any model work: made-up answers, right and wrong, to its own first samples."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from metrics.answers import joined, joins_references, metric_for, references_of, rows_of
from metrics.base import Metric, Row
from metrics.bootstrap import sample_of
from metrics.normalizers import get_normalizer
from metrics.records import ScoringSpec
from metrics.score import score

SAMPLES = 8
WRONG = "zyzzyva"
"""A word that no reference has."""
UNREADABLE = "\N{REPLACEMENT CHARACTER} {[<|?"
TOLERANCE = 1e-6
KINDS = ("right", "changed", "empty", "unreadable")


def trial(samples: Iterable[Mapping[str, Any]], spec: ScoringSpec) -> list[str]:
    """What is wrong with each metric on the first samples (`id`, `references`, `fields`), a sentence each.

    Right answers have the best value where the metric says they do (`right_is_best`), one changed answer among them is
    never better and, where the metric sees it by itself, worse; no answer stops a metric: a right one, one with a part
    changed, an empty one, an unreadable one, nor an empty reference, where the samples have one. A metric that this
    machine lacks, or that takes a request or seconds for a row, is not tried.
    """
    rest = iter(samples)
    chosen = list(islice(rest, SAMPLES))
    if not any(map(_blank, chosen)):
        chosen += islice(filter(_blank, rest), 1)
    problems = []
    for name, part in spec.metrics.items():
        metric = metric_for(spec, name)
        if not metric.costly_trial and metric.missing() is None:
            found = _tried(metric, chosen, replace(spec, metrics={name: part}, primary=name))
            problems += [f"metric {name!r} {what}" for what in found]
    return problems


def tried_names(spec: ScoringSpec) -> list[str]:
    """The metrics of a spec that a trial runs here."""
    metrics = {name: metric_for(spec, name) for name in spec.metrics}
    return [name for name, metric in metrics.items() if not metric.costly_trial and metric.missing() is None]


def _blank(sample: Mapping[str, Any]) -> bool:
    return not any(text.strip() for text in references_of(sample))


def _tried(metric: Metric, samples: Sequence[Mapping[str, Any]], spec: ScoringSpec) -> list[str]:
    (part,) = spec.metrics.values()
    answers = {kind: [_record(sample, spec, kind) for sample in samples] for kind in KINDS}
    try:
        rows = {kind: rows_of(records, spec, part) for kind, records in answers.items()}
    except Exception as error:  # noqa: BLE001 - whatever is raised here would be raised at the end of the run
        return [f"cannot read made-up answers: {_told(error)}"]
    if stops := _stops(answers, spec):
        return stops
    if not any(text for row in rows["right"] for text in row.references) and any(
        text.strip() for sample in samples for text in references_of(sample)
    ):
        return [f"compares nothing: its normaliser {part.normalizer!r} leaves no word of the references"]
    read = [place for place, row in enumerate(rows["right"]) if row.answer in row.references]
    if not read:
        shown = references_of(samples[0])[0][:80]
        return [f"reads no right answer as one: its extractor is {part.extractor!r}, and a reference is {shown!r}"]
    covered = [place for place in read if metric.covers(rows["right"][place])]
    return _compared(metric, {kind: [rows[kind][place] for place in covered] for kind in KINDS}) if covered else []


def _record(sample: Mapping[str, Any], spec: ScoringSpec, kind: str) -> dict[str, Any]:
    """A sample with a made-up answer, as a prediction is scored."""
    (part,), references = spec.metrics.values(), references_of(sample)
    references = joined(references) if joins_references(spec, part) else references
    right = _right(references, part.normalizer, spec.language)
    raw = {"right": right, "changed": changed(right, spec.labels), "empty": "", "unreadable": UNREADABLE}[kind]
    return {**sample, "id": f"{kind} {sample['id']}", "group": None, "subset": None, "raw": raw, "status": "ok"}


def _right(references: Sequence[str], normalizer: str, language: str | None) -> str:
    """The reference that most agree with; of equals the first."""
    normalize = get_normalizer(normalizer).normalize
    normalised = [normalize(reference, language) for reference in references]
    ((most, _),) = Counter(normalised).most_common(1)
    return references[normalised.index(most)]


def changed(text: str, labels: Sequence[str] | None = None) -> str:
    """A text with a part of it wrong: another label, another verdict, another word, another digit."""
    if labels and text in labels and len(labels) > 1:
        return labels[(list(labels).index(text) + 1) % len(labels)]
    if text.casefold() in ("yes", "no"):
        return "no" if text.casefold() == "yes" else "yes"
    if word := max(re.findall(r"[^\W\d_]+", text), key=len, default=""):
        return text.replace(word, WRONG, 1)
    return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1) if text.strip() else WRONG


def _stops(answers: Mapping[str, list[dict[str, Any]]], spec: ScoringSpec) -> list[str]:
    """What stops the metric: found for all answers at once, and only where something is, for each kind by itself."""
    if _stop([record for records in answers.values() for record in records], spec) is None:
        return []
    found = {kind: _stop(records, spec) for kind, records in answers.items()}
    return [f"cannot score {kind} answers: {why}" for kind, why in found.items() if why] or [
        "cannot score right and wrong answers together"
    ]


def _stop(records: Sequence[Mapping[str, Any]], spec: ScoringSpec) -> str | None:
    try:
        (found,) = score(records, spec)
    except Exception as error:  # noqa: BLE001 - whatever a metric raises here it would raise at the end of the run
        return _told(error)
    return found.unavailable


def _compared(metric: Metric, rows: Mapping[str, list[Row]]) -> list[str]:
    """What is wrong with the values of right and wrong answers, in one look at all rows."""
    count, kinds = len(rows["right"]), len(KINDS)
    one = np.eye(count, dtype=np.int64)
    nothing = np.zeros((count, count), dtype=np.int64)
    whole = np.kron(np.eye(kinds, dtype=np.int64), np.ones((1, count), dtype=np.int64))
    alone = np.hstack([one, *[nothing] * (kinds - 1)])
    alone_changed = np.hstack([nothing, one, *[nothing] * (kinds - 2)])
    one_changed = whole[:1] - alone + alone_changed
    sample = sample_of(metric, [row for kind in KINDS for row in rows[kind]])
    with np.errstate(all="ignore"):  # a single row often has no value
        values = sample.values(np.vstack([whole, alone, alone_changed, one_changed]))
    of_kind, (single, single_changed, mixed) = values[:kinds], values[kinds:].reshape(3, count)
    right = float(of_kind[0])
    problems = []
    best = metric.range[1] if metric.higher_is_better else metric.range[0]
    if metric.right_is_best and _worse(metric, right, best):
        problems.append(f"gives right answers {right:.4g}, and the best there is is {best:.4g}")
    for kind, value in zip(KINDS[1:], of_kind[1:], strict=True):
        if _worse(metric, right, value):
            problems.append(f"gives {kind} answers {value:.4g}, and right ones no better than {right:.4g}")
    if any(_worse(metric, right, value) for value in mixed):
        problems.append("is better with a changed answer among right ones than without it")
    seen = [_worse(metric, *pair) for pair in zip(single_changed, single, strict=True)]
    if any(by_itself and not _worse(metric, value, right) for by_itself, value in zip(seen, mixed, strict=True)):
        problems.append("sees a changed answer by itself, and not among right ones")
    return problems


def _worse(metric: Metric, value: float, than: float) -> bool:
    """Whether a value is worse than another by more than rounding; one that is undefined is not."""
    gap = (than - value) * (1 if metric.higher_is_better else -1)
    return bool(np.isfinite(gap) and gap > TOLERANCE * max(1.0, abs(than)))


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
