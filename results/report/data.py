"""What a page holds of runs: a small part that is read at once, and samples in packed blocks that are read when asked
for."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metrics.score import Counts, Score
from results import leaderboard
from results.files import RunError
from results.papers import verify
from results.report import blocks, charts, clips, samples
from results.report.clips import Embedded
from results.run import RunDirectory, RunRecord

EXAMPLES = 5
"""Sentences that are listed of a kind of failure."""


@dataclass(frozen=True)
class Verdict:
    """How a score of a run stands to the published number that it reproduces."""

    task: str
    subset: str | None
    metric: str
    published: float
    value: float | None
    verdict: str
    """One of those of results.papers.verify."""
    causes: list[str] = field(default_factory=list)
    """Sentences: what differs, or why nothing can be said."""
    source: str = ""
    """Where it was published."""


@dataclass
class Part:
    """What one run has of a task."""

    counts: Counts | None
    """None where the task is not scored yet."""
    scores: list[Score]
    primary: str
    unit: str
    higher_is_better: bool
    expected: int
    answered: int
    data: dict[str, str]
    labels: list[str] | None
    charts: dict[str, Any]
    failures: list[dict[str, Any]]
    """A `code` each, with its `count` and some `examples` (id and sentence)."""
    blocks: list[int]
    """Numbers of the blocks that hold its samples, in the order of ids."""
    links: list[str]
    """Of each folder of clips the beginning of its links."""
    missing: int
    """Clips that were found nowhere."""


@dataclass
class Task:
    name: str
    parts: list[Part | None]
    """One a run, in their order; None where the run does not have the task."""
    embedded: list[tuple[str, float | None, float | None, int]] = field(default_factory=list)
    """Path, start, end, and the number of the embedded clip."""


@dataclass
class Report:
    """All that a page holds."""

    runs: list[dict[str, Any]]
    tasks: list[Task]
    notes: list[str]
    verdicts: list[tuple[int, Verdict]]
    """With the number of the run."""
    blocks: list[str]
    """Samples: base64 of gzip of a JSON list of rows by samples.COLUMNS."""
    embedded: Embedded

    def head(self) -> str:
        """All but samples and clips, packed as a block is."""
        head = {
            "columns": samples.COLUMNS,
            "runs": self.runs,
            "tasks": [asdict(task) for task in self.tasks],
            "notes": self.notes,
            "verdicts": [{"run": run} | asdict(verdict) for run, verdict in self.verdicts],
            "clip_notes": self.embedded.notes,
        }
        return blocks.packed(head)


def read(
    directories: Sequence[RunDirectory],
    output: Path,
    audio: int,
    folders: Sequence[Path] = (),
    verdicts: Mapping[int, Sequence[Verdict]] | None = None,
) -> Report:
    """Everything a page holds of runs. Of each task the clips of the ``audio`` worst samples of each run are embedded;
    links count from the folder of ``output``. ``verdicts`` are those of a run by its number. Raises RunError and
    MetricError."""
    records = [directory.must_read() for directory in directories]
    _, notes = leaderboard.read(directories)
    report = Report(
        runs=[_run(record, name) for record, name in zip(records, _names(directories, records), strict=True)],
        tasks=[],
        notes=notes,
        verdicts=[(run, verdict) for run, found in (verdicts or {}).items() for verdict in found],
        blocks=[],
        embedded=Embedded(),
    )
    for name in dict.fromkeys(name for record in records for name in record.tasks):
        task = Task(name, [])
        report.tasks.append(task)
        numbers: list[charts.Numbers] = []
        for directory, record in zip(directories, records, strict=True):
            part = None
            if name in record.tasks:
                places = clips.folders_of(record.config, name, folders, output.parent)
                part, own_numbers = _part(report, task, directory, record, places, audio)
                numbers.append(own_numbers)
            task.parts.append(part)
        for part, drawn in zip(filter(None, task.parts), charts.histograms(numbers), strict=True):
            part.charts |= drawn
    report.notes += report.embedded.remarks()
    return report


def verdicts_of(directory: RunDirectory) -> list[Verdict]:
    """The verdicts on a run's scores; none for a run of no published model. Raises RunError."""
    try:
        verify.models_of(directory.must_read(), None)
    except RunError:
        return []
    lines, _ = verify.verify(directory)
    return [
        Verdict(
            task=line.task,
            subset=line.published.subset,
            metric=line.published.metric,
            published=line.published.value,
            value=line.score.value if line.score else None,
            verdict=line.verdict,
            causes=list(line.reasons),
            source=f"{line.published.model}, {line.published.source}",
        )
        for line in lines
    ]


def _names(directories: Sequence[RunDirectory], records: Sequence[RunRecord]) -> list[str]:
    """The model of each run, told from other runs of it by the folder, else by its number."""
    models = Counter(record.shown_model for record in records)
    names = [
        record.shown_model + (f" ({directory.path.resolve().name})" if models[record.shown_model] > 1 else "")
        for directory, record in zip(directories, records, strict=True)
    ]
    return [name if names.count(name) == 1 else f"{name} #{number}" for number, name in enumerate(names, 1)]


def _run(record: RunRecord, name: str) -> dict[str, Any]:
    kept = ("model", "label", "versions", "git_commit", "left_out", "audit", "control")
    model = record.config.get("model")
    return (
        {"name": name, "sessions": [asdict(session) for session in record.sessions]}
        | {key: getattr(record, key) for key in kept}
        | {"settings": model if isinstance(model, dict) else {}}
    )


def _part(
    report: Report, task: Task, directory: RunDirectory, record: RunRecord, folders: clips.Folders, audio: int
) -> tuple[Part, charts.Numbers]:
    found, scores = samples.read(directory, record, task.name), directory.read_scores(task.name)
    entry = record.tasks[task.name]
    placed = list(clips.placed(folders, found.records))
    _embed(report.embedded, task, found, placed, folders, audio)
    first = len(report.blocks)
    try:
        report.blocks += blocks.of_task(found, placed)
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise RunError(f"{directory.path}: a prediction of {task.name} cannot be shown: {error}") from None
    part = Part(
        counts=None if scores is None else scores.counts,
        scores=[] if scores is None else scores.scores,
        primary=entry.scoring["primary"],
        unit=found.metric.unit,
        higher_is_better=found.metric.higher_is_better,
        expected=entry.expected,
        answered=len(found.records),
        data=entry.data,
        labels=entry.scoring.get("labels"),
        charts=charts.of_task(found),
        failures=_failures(found.records),
        blocks=list(range(first, len(report.blocks))),
        links=folders.links,
        missing=sum(place is None for places in placed for place in places),
    )
    return part, charts.numbers(found)


def _embed(
    embedded: Embedded,
    task: Task,
    found: samples.TaskSamples,
    placed: Sequence[Sequence[int | None]],
    folders: clips.Folders,
    audio: int,
) -> None:
    """Take in the clips of the worst samples of a task."""
    numbers = {record["id"]: number for number, record in enumerate(found.records)}
    known = set(task.embedded)
    for identity in found.worst[:audio]:
        number = numbers[identity]
        for clip, place in zip(found.records[number].get("audio") or (), placed[number], strict=True):
            if place is None:
                continue
            start, end = clip.get("start"), clip.get("end")
            taken = embedded.add(folders.file(clip["path"], place), start, end)
            if taken is not None and (entry := (clip["path"], start, end, taken)) not in known:
                task.embedded.append(entry)
                known.add(entry)


def _failures(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What failed, by its code, the most common first."""
    by_code: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for record in records:
        if record["status"] != "ok":
            by_code[str(record["error"].get("code"))].append((record["id"], record["error"]["message"]))
    return [
        {"code": code, "count": len(failed), "examples": failed[:EXAMPLES]}
        for code, failed in sorted(by_code.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
