"""Verification: a run's scores beside the published ones that it reproduces, each with a verdict and what could explain
it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, log10
from pathlib import PurePosixPath
from typing import Any

from metrics.base import nearest
from metrics.score import Score
from results import causes
from results.causes import Case, gap, point
from results.console import counted
from results.files import RunError
from results.leaderboard import CONTROLS, table
from results.published import Published, published
from results.run import RunDirectory, RunRecord, TaskScores
from results.scoring import records_of

REPRODUCED, CLOSE, OFF, NOT_COMPARABLE = "reproduced", "close", "off", "not comparable"
TOLERANCE = 0.1
"""Points: of percent and BLEU one, of measures from 0 to 1 (and CIDEr) a hundredth."""
RELATIVE = 0.05
FEW = 50
"""Samples below which an interval says nothing."""
EXACT = 1e-9  # what rounding of doubles may add to a difference
STANDS_FOR = {
    "qwen_audio": ("Qwen-Audio",),
    "qwen_audio_chat": ("Qwen-Audio-Chat", "Qwen-Audio-Chat (8.4B)"),
    # What was released for transformers is not what the paper measured: its own numbers come first
    "qwen2_audio": ("Qwen2-Audio-7B (HF checkpoint)", "Qwen2-Audio (HF checkpoint)", "Qwen2-Audio"),
    "qwen2_audio_instruct": (
        *("Qwen2-Audio-7B-Instruct", "Qwen2-Audio-Instruct"),
        *("Qwen2-Audio-Instruct (7B)", "Qwen2-Audio-Instruct (8.2B)"),
    ),
}
"""The models of configs/model as they are published, the one that a run is held against first before the others."""
WHISPER = {
    "whisper-large-v2": ("openai/whisper-large-v2",),
    "whisper-large-v3": ("openai/whisper-large-v3", "Whisper-large-v3"),
    "whisper-large-v3-turbo": ("openai/whisper-large-v3-turbo",),
}
"""The same for model=whisper, by the last part of its path."""


@dataclass(frozen=True)
class Line:
    """One published number, and what the run has for it."""

    task: str
    """As the run names it."""
    published: Published
    score: Score | None
    """None where the run has none of that kind."""
    verdict: str
    reasons: tuple[str, ...]
    """Why it is not comparable; else what differs from how the published number was made, the likeliest cause first."""

    @property
    def difference(self) -> float | None:
        """Measured minus published, in the unit of the score."""
        if self.score is None or self.score.value is None:
            return None
        return self.score.value - self.published.value

    def to_dict(self) -> dict[str, Any]:
        score, paper = self.score, self.published
        measured = {
            "measured": score.value if score else None,
            "ci95": score.ci95 if score else None,
            "n": score.n if score else None,
            "unit": score.unit if score else None,
            "score": score.name if score else None,
            "signature": score.signature if score else None,
        }
        return {
            "task": self.task,
            "subset": paper.subset,
            "metric": paper.metric,
            "model": paper.model,
            "published": paper.value,
            "printed": paper.row.value,
            "source": paper.source,
            "note": paper.note,
            **measured,
            "difference": self.difference,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
        }


def verify(
    directory: RunDirectory, model: str | None = None, tolerance: float = TOLERANCE
) -> tuple[list[Line], list[str]]:
    """A run's lines, and notes: a sentence on each task of which nothing is published, that is not finished, or that
    lacks a subset.

    ``model`` says which published model the run stands for, where its configuration does not. ``tolerance`` is in
    points. Verdicts, the published value being anything that rounds to what was printed:

    - `reproduced`: it is inside the 95 % interval of the measured one, or within the tolerance of it;
    - `close`: within twice the half width of that interval, or within 1 point and 5 % of the published value;
    - `off`: neither;
    - `not comparable`: the run is a control, or has no such score; or too few samples to tell (fewer than 50, or a part
      of the set with an interval of more than both 1 point and 5 % to each side); or it is off a value of which nobody
      knows how it was scored.

    Raises RunError where the run is of no published model.
    """
    record = directory.must_read()
    models = models_of(record, model)
    lines: list[Line] = []
    notes = []
    if model is not None and model not in _stands_for(record):
        notes.append(f"held against {model} as --model says; the run's model is {record.shown_model}")
    for task in record.tasks:
        rows = chosen(task, record, models)
        scores = directory.read_scores(task) if rows else None
        if not rows:
            notes.append(f"nothing is published here of {models[0]} on {task}")
        elif scores is None:
            notes.append(f"{task} is not finished; the command that began it goes on")
        else:
            subsets = {score.subset for score in scores.scores}
            here = [place for place in rows if place[0].subset in subsets or place[0].subset is None]
            lines += _lines(directory, record, scores, here, tolerance)
            absent = dict.fromkeys(str(place[0].subset) for place in rows if place not in here)
            if absent:
                notes.append(f"{task}: published too, and not in the run: {', '.join(absent)}")
    return lines, notes


def models_of(record: RunRecord, named: str | None) -> tuple[str, ...]:
    """The published models that a run stands for, the first choice first. Raises RunError where there is none."""
    known = {row.model for row in published()}
    if named is not None:
        if named not in known:
            raise RunError(
                f"--model {named}: nothing that belongs to a task here is published of it{nearest(named, known)}"
            )
        return (named,)
    found = _stands_for(record)
    if not found:
        raise RunError(
            f"the run is of the model {record.model!r}, which stands for no published one; --model NAME says for which "
            f"('python -m results published' lists them)"
        )
    return found


def _stands_for(record: RunRecord) -> tuple[str, ...]:
    config = record.config.get("model") or {}
    name = str(config.get("name") or record.model)
    if name == "whisper":
        return WHISPER.get(PurePosixPath(str(config.get("path"))).name, ())
    return STANDS_FOR.get(name, ())


def chosen(task: str, record: RunRecord, models: Sequence[str]) -> list[list[Published]]:
    """The published numbers of a task of the run, a list for each subset and score, the one to hold it against first.

    Where it is known how some of a subset were scored, the others are left out: they are quotes, or runs by others."""
    pair = _pair(task, record)
    rows = [row for row in published() if row.task == task.removesuffix(f"_{pair}") and row.model in models]
    rows = [row for row in rows if pair is None or (row.subset or "").startswith(f"{pair}.")]
    rows.sort(key=lambda row: (row.scoring is None, models.index(row.model)))
    known = {row.subset for row in rows if row.scoring is not None}
    places: dict[tuple[str | None, str], list[Published]] = {}
    for row in rows:
        if row.scoring is not None or row.subset not in known:
            places.setdefault((row.subset, row.metric), []).append(row)
    return list(places.values())


def _pair(task: str, record: RunRecord) -> str | None:
    """The pair of languages of s2tt/covost2_en_de, which is published under s2tt/covost2; None of other tasks."""
    configs = [record.config.get("task"), *(record.config.get("tasks") or {}).values()]
    return next((entry.get("pair") for entry in configs if entry and entry.get("name") == task), None)


def _lines(
    directory: RunDirectory,
    record: RunRecord,
    scores: TaskScores,
    places: Sequence[Sequence[Published]],
    tolerance: float,
) -> list[Line]:
    rows = records_of(directory, record, scores.task)
    found = []
    for row, *others in places:
        score = _score_of(scores, row)
        if score is None or score.value is None:
            found.append(Line(scores.task, row, score, NOT_COMPARABLE, (_lacking(scores, row, score),)))
            continue
        of_subset = [entry for entry in rows if row.subset is None or entry.get("subset") == row.subset]
        case = Case(record, scores, score, row, of_subset)
        verdict, why = _verdict(case, tolerance)
        if not why:
            why = tuple(causes.of(case, tolerance, deep=verdict != REPRODUCED))
        found.append(Line(scores.task, row, score, verdict, (*why, *_remarks(row, others))))
    return found


def _score_of(scores: TaskScores, row: Published) -> Score | None:
    """The score of that name, else another of the same metric, the primary one first."""
    here = [score for score in scores.scores if score.subset == row.subset]
    named = [score for score in here if score.name == row.metric]
    alike = [
        score
        for score in here
        if row.scoring is not None and scores.scoring["metrics"][score.name]["metric"] == row.scoring.metric
    ]
    return next(iter([*named, *sorted(alike, key=lambda score: not score.primary)]), None)


def _lacking(scores: TaskScores, row: Published, score: Score | None) -> str:
    if score is not None:
        return f"{score.name} has no value here: {score.unavailable or 'no sample could be scored'}"
    names = dict.fromkeys(one.name for one in scores.scores)
    return f"the run has no score {row.metric}; it has {', '.join(names)}"


def _remarks(row: Published, others: Sequence[Published]) -> list[str]:
    """What is known of the published number, and where another one is published."""
    said = [f"of the published number: {row.note}"] if row.note else []
    return said + [
        f"published also: {other.row.value} of {other.model} ({other.source})"
        for other in others
        if abs(other.value - row.value) > other.rounding + row.rounding + EXACT
    ]


def _verdict(case: Case, tolerance: float) -> tuple[str, tuple[str, ...]]:
    """The verdict; and why it is not comparable, where it is not."""
    paper, score = case.published, case.score
    assert score.value is not None
    if case.record.control:
        return NOT_COMPARABLE, (f"control: {CONTROLS.get(case.record.control, case.record.control)}",)
    near = min(point(score.unit), RELATIVE * abs(paper.value))
    low, high = score.ci95 or (score.value, score.value)
    width = (high - low) / 2 if score.ci95 else inf
    wide = max(point(score.unit), RELATIVE * abs(paper.value))
    away = gap(score.value, paper)
    inside = score.ci95 is not None and low - paper.rounding <= paper.value <= high + paper.rounding
    if score.n < FEW:
        return NOT_COMPARABLE, (f"n: {case.share}, too few to tell",)
    reproduced = inside or away <= tolerance * point(score.unit) + EXACT
    if reproduced or away <= high - low or away <= near:
        if case.is_part and width > wide:
            return NOT_COMPARABLE, (f"n: {case.share}, and an interval too wide to tell (about ±{width:.2g})",)
        return REPRODUCED if reproduced else CLOSE, ()
    return (OFF if paper.scoring is not None else NOT_COMPARABLE), ()


def as_json(lines: Sequence[Line], notes: Sequence[str]) -> str:
    record: Mapping[str, Any] = {"lines": [line.to_dict() for line in lines], "notes": list(notes)}
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)


def as_markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    """The table; below it the reasons, by the numbers of the lines, the notes, and how many lines got which verdict."""
    header = ["", "task", "subset", "metric", "paper", "measured", "95 % interval", "n", "difference", "verdict"]
    rows = [[f"[{number}]" if line.reasons else "", *_cells(line)] for number, line in enumerate(lines, 1)]
    parts = [table(header, rows)] if rows else []
    alike: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for number, line in enumerate(lines, 1):
        if line.reasons:
            alike.setdefault((line.verdict, line.reasons), []).append(number)
    for (verdict, reasons), numbers in alike.items():
        line = lines[numbers[0] - 1]
        place = f" {line.task} {line.published.subset or 'all'}" if len(numbers) == 1 else ""
        parts += ["", f"{' '.join(f'[{number}]' for number in numbers)}{place}, {verdict}:"]
        parts += [f"- {_plain(reason)}" for reason in reasons]
    said = [*notes, *([conclusion(lines)] if lines else [])]
    if said:
        parts += ["", *(f"{_plain(note)}  " for note in said)]
    return "\n".join(parts).lstrip("\n")


def conclusion(lines: Sequence[Line]) -> str:
    """How many of the published numbers got which verdict."""
    counts = Counter(line.verdict for line in lines)
    said = ", ".join(f"{counts[word]} {word}" for word in (REPRODUCED, CLOSE, OFF, NOT_COMPARABLE) if counts[word])
    return f"{counted(len(lines), 'published number')}: {said}"


def _cells(line: Line) -> list[str]:
    paper, score = line.published, line.score
    place = [line.task, "all" if paper.subset is None else paper.subset, score.name if score else paper.metric]
    printed = f"{paper.value:.{max(0, -floor(log10(2 * paper.rounding) + EXACT))}f}"
    if score is None or score.value is None:
        return [*place, printed, "–", "–", "–", "–", line.verdict]
    digits = 2 if point(score.unit) == 1 else 4
    interval = "–" if score.ci95 is None else f"{score.ci95[0]:.{digits}f} to {score.ci95[1]:.{digits}f}"
    numbers = [f"{score.value:.{digits}f}", interval, str(score.n), f"{line.difference:+.{digits}f}"]
    return [*place, printed, *numbers, line.verdict]


def _plain(text: str) -> str:
    """A sentence that stays text in Markdown: a run's names could carry markup."""
    return " ".join(text.replace("\\", "\\\\").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`").split())
