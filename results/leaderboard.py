"""Leaderboards: the scores of runs as a table, in Markdown, CSV or JSON."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metrics.score import Counts, Score
from results import text
from results.console import listed
from results.files import write_text
from results.run import RunDirectory, RunRecord, TaskScores

FORMATS = ("md", "csv", "json")
OF_TASK = ("expected", "scored", "failed", "empty", "truncated", "chunked")
"""Counts of a whole task; those of unparsed and rewritten answers are a score's own."""


STANDINGS = {
    "unofficial": "is not as published (prepared with --unofficial)",
    "unrecorded": "has no record of where it is from (corpus.json)",
    "unchecked": "could be held against nothing that was published",
}
"""What the table says of data that is not known to be as published."""
CONTROLS = {
    "silence": "each clip was silence of its length",
    "shuffle": "each sample had the clips of another",
    "no_audio": "no clip was heard",
}
"""What the table says of a run with a control."""


@dataclass(frozen=True)
class Line:
    """One score of one model on one task."""

    model: str
    task: str
    score: Score
    counts: Counts
    """Of the whole task."""
    counts_hold: bool
    """Whether the counts are those of this line: of a subset among several they are not."""
    data: str = ""
    """How the line's data stands to what was published; empty where it is of no public corpus."""
    control: str = ""
    """What was heard in place of the clips; empty where they were."""

    def flat(self) -> dict[str, Any]:
        score = asdict(self.score)
        low, high = score.pop("ci95") or (None, None)
        score.pop("details")
        record = {"model": self.model, "task": self.task, "subset": score.pop("subset"), "metric": score.pop("name")}
        record |= {"value": score.pop("value"), "ci95_low": low, "ci95_high": high, "unit": score.pop("unit")}
        counts = {name: getattr(self.counts, name) for name in OF_TASK}
        return record | score | counts | {"control": self.control, "data": self.data}


def lines_of(scores: Iterable[TaskScores], record: RunRecord) -> list[Line]:
    """The lines of a run's tasks, scored anew."""
    return [line for task in scores for line in _lines(record, record.shown_model, task)]


def _lines(record: RunRecord, shown: str, task: TaskScores) -> list[Line]:
    data = record.tasks[task.task].data
    return task_lines(shown, task.task, task.scores, task.counts, data, record.control or "")


def task_lines(
    model: str,
    task: str,
    scores: Sequence[Score],
    counts: Counts,
    data: Mapping[str, str] | None = None,
    control: str = "",
) -> list[Line]:
    """The lines of one task. Where it has several subsets, only scores over all of them have its counts.

    ``data`` is how each subset stands to what was published; of several the worst is that of all together."""
    several = len({score.subset for score in scores}) > 1
    worst = next((standing for standing in (*STANDINGS, "published") if standing in (data or {}).values()), "")
    return [
        Line(
            model=model,
            task=task,
            score=score,
            counts=counts,
            counts_hold=not several or score.subset is None,
            data=(data or {}).get(score.subset or "", worst),
            control=control,
        )
        for score in scores
    ]


def read(directories: Sequence[RunDirectory]) -> tuple[list[Line], list[str]]:
    """The lines of runs; and notes, a sentence each, on tasks that are not finished, were left out, or are on data that
    is not as published. Raises RunError."""
    lines, notes = [], []
    runs = named_runs(directories)
    for directory, record, shown in runs:
        for task in record.tasks:
            scores = directory.read_scores(task)
            if scores is None:
                notes.append(unfinished(directory, record, task, shown))
            else:
                lines += _lines(record, shown, scores)
    return lines, notes + notes_of_all((record, shown) for _, record, shown in runs)


def named_runs(directories: Sequence[RunDirectory]) -> list[tuple[RunDirectory, RunRecord, str]]:
    """Runs with their records and the models' names as shown: with that of the folder where another run has the same
    model and a task of this one. A folder that is named twice counts once. Raises RunError."""
    folders = {directory.path.resolve(): directory for directory in directories}
    records = {folder: directory.must_read() for folder, directory in folders.items()}
    runs = Counter((record.shown_model, task) for record in records.values() for task in record.tasks)
    named = []
    for folder, record in records.items():
        shown = record.shown_model
        if any(runs[shown, task] > 1 for task in record.tasks):
            shown += f" ({_tail(folder, records)})"
        named.append((folders[folder], record, shown))
    return named


def _tail(folder: Path, folders: Iterable[Path]) -> str:
    """As much of the end of a folder's path as tells it from the others."""
    others = [other for other in folders if other != folder]
    for count in range(1, len(folder.parts) + 1):
        if all(other.parts[-count:] != folder.parts[-count:] for other in others):
            return "/".join(folder.parts[-count:])
    return str(folder)


def unfinished(directory: RunDirectory, record: RunRecord, task: str, shown: str) -> str:
    """What is said of a task that has no scores yet."""
    there = len(directory.journal(task).standings())
    return (
        f"{shown} on {task} is not finished: {there} of {record.tasks[task].expected} samples are answered; "
        f"the command that began it goes on"
    )


def notes_of(record: RunRecord, shown: str) -> list[str]:
    """What a reader of a run's scores must know of its data, and of what was left out."""
    return [f"{shown}{note}" for note in _notes(record)]


def notes_of_all(runs: Iterable[tuple[RunRecord, str]]) -> list[str]:
    """The same of several runs, what is said of the data of several in one sentence."""
    said: dict[str, list[str]] = {}
    for record, shown in runs:
        for note in _notes(record):
            said.setdefault(note if note.startswith(":") else f"\0{shown}{note}", []).append(shown)
    return [note[1:] if note.startswith("\0") else f"{', '.join(names)}{note}" for note, names in said.items()]


def _notes(record: RunRecord) -> list[str]:
    """As they go on after the model's name."""
    notes = []
    if record.control:
        what = CONTROLS.get(record.control, record.control)
        notes.append(f" is a control, no measure of the model: {what}")
    for standing, meaning in STANDINGS.items():
        tasks = [task for task, entry in record.tasks.items() if standing in entry.data.values()]
        if tasks:
            notes.append(f": the data of {listed(tasks, len(record.tasks))} {meaning}")
    unasked: dict[str, list[str]] = {}
    for task, reason in record.left_out.items():
        unasked.setdefault(reason, []).append(task)
    return notes + [f" was not asked {listed(tasks, 0)}: {reason}" for reason, tasks in unasked.items()]


def write(directory: RunDirectory, primary: bool = False) -> str:
    """Write leaderboard.md, .csv and .json into a run directory; returns the Markdown, or that of the ``primary``
    scores alone, with a word on the others."""
    return merge([directory], directory.path, primary)


def merge(directories: Sequence[RunDirectory], folder: Path, primary: bool = False, remarks: Sequence[str] = ()) -> str:
    """As ``write``, of several runs into any folder; ``remarks`` are sentences to stand below the table."""
    lines, notes = read(directories)
    notes = list(dict.fromkeys([*remarks, *notes]))
    for form in FORMATS:
        write_text(folder / f"leaderboard.{form}", render(lines, form, notes))
    chosen = [line for line in lines if line.score.primary]
    if not primary or len(chosen) == len(lines):
        return render(lines, "md", notes)
    others = f"{len(lines) - len(chosen)} more scores are in leaderboard.md"
    return render(chosen, "md", [*notes, others])


def render(lines: Sequence[Line], form: str, notes: Sequence[str] = ()) -> str:
    """The table as text that ends in a newline. ``form`` is one of FORMATS."""
    return {"md": _markdown, "csv": _csv, "json": _json}[form](lines, notes)


def _json(lines: Sequence[Line], notes: Sequence[str]) -> str:
    return json.dumps([line.flat() for line in lines], ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _csv(lines: Sequence[Line], notes: Sequence[str]) -> str:
    flat = [line.flat() for line in lines]
    stream = io.StringIO()
    if flat:
        writer = csv.DictWriter(stream, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    return stream.getvalue()


def _markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    signatures = list(dict.fromkeys(line.score.signature for line in lines))
    judged = any(line.score.unjudged is not None for line in lines)
    header = [
        "model",
        "task",
        "subset",
        "metric",
        "value",
        "95 % interval",
        "n",
        *OF_TASK,
        "unparsed",
        "rewritten",
        *(["unjudged"] if judged else []),
        "signature",
    ]
    with_subset = any(line.score.subset is not None for line in lines)
    rows = [
        [
            line.model,
            line.task,
            shown_subset(line.score),
            named(line.score),
            *_numbers(line.score),
        ]
        + [str(getattr(line.counts, name)) if line.counts_hold else "" for name in OF_TASK]
        + ["" if number is None else str(number) for number in (line.score.unparsed, line.score.rewritten)]
        + (["" if line.score.unjudged is None else str(line.score.unjudged)] if judged else [])
        + [f"[{signatures.index(line.score.signature) + 1}]"]
        for line in lines
    ]
    if not with_subset:
        header.pop(2)
        rows = [[*row[:2], *row[3:]] for row in rows]
    parts = [table(header, rows), ""]
    parts += [f"[{number}] `{signature}`  " for number, signature in enumerate(signatures, 1)]
    lacking = {
        f"{line.score.name} has no value here: {line.score.unavailable}": None
        for line in lines
        if line.score.unavailable
    }
    said = [*lacking, *notes]
    parts += ["", *map(text.markdown, said)] if said else []
    return "\n".join(parts) + "\n"


def shown_subset(score: Score) -> str:
    return "all" if score.subset is None else score.subset or '""'


def named(score: Score) -> str:
    return f"{score.name} {'↑' if score.higher_is_better else '↓'}" + (f" ({score.unit})" if score.unit else "")


def _numbers(score: Score) -> list[str]:
    interval = "–" if score.ci95 is None else f"{score.ci95[0]:.2f} to {score.ci95[1]:.2f}"
    if score.ci95 is not None and score.ci_method != "percentile":
        interval += f" ({score.ci_method})"
    return [shown_value(score.value), interval, str(score.n)]


def shown_value(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in a terminal too."""
    cells = [[text.markdown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return "\n".join([padded[0], "| " + " | ".join("-" * width for width in widths) + " |", *padded[1:]])
