"""Two runs, sample by sample: per task the difference, whether it is more than luck, and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metrics.base import nearest
from metrics.paired import holm
from metrics.randomization import Paired, paired
from metrics.score import Scoring, ScoringSpec
from results import statistics
from results.files import RunError
from results.flips import Flips, flips
from results.leaderboard import CONTROLS
from results.pairs import Pair, pair
from results.questions import other_questions, scored_together
from results.run import RunDirectory, RunRecord, TaskScores
from results.scoring import SCORED, records_of, statistics_of
from results.slices import KNOWN, Slice, slices
from results.statistics import TaskStatistics

ALPHA = 0.05
VERDICTS = ("better", "worse", "unclear", "same", "no value")
"""Of the second run; `unclear`: the difference may be luck; `same`: no sample has other statistics."""
OF_SAMPLES = (*SCORED, "audio")


@dataclass
class TaskComparison:
    """One task of both runs, by its primary metric."""

    task: str
    metric: str
    unit: str
    higher_is_better: bool
    signature: str
    result: Paired
    p_holm: float
    """Two-sided, corrected for the number of tasks compared."""
    verdict: str
    """One of VERDICTS."""
    only_first: int
    """Samples scored in the first run alone; left out, as are the next two."""
    only_second: int
    differing: int
    """Samples with other references or groups."""
    failed: tuple[int, int]
    """Samples without an answer, of each run."""
    warnings: list[str]
    """What was not the same in what was asked, a phrase each."""
    slices: list[Slice]
    """By subset where there are several, and by what was asked for; exploratory."""
    flips: Flips | None
    """None where none were asked for."""


@dataclass
class RunComparison:
    """Two runs."""

    first: str
    """The model and the folder of the first run."""
    second: str
    alpha: float
    tasks: list[TaskComparison]
    left_out: dict[str, str]
    """Tasks that are not compared, each with the reason."""
    warnings: list[str]
    """On a run as a whole, a sentence each."""


@dataclass(frozen=True)
class _Task:
    """A task of both runs, before it is tested."""

    scores: tuple[TaskScores, TaskScores]
    paired: Pair
    subsets: Mapping[str, str | None]
    signature: str


def compare(
    first: RunDirectory,
    second: RunDirectory,
    tasks: Sequence[str] = (),
    fields: Sequence[str] = (),
    most_flips: int = 0,
) -> RunComparison:
    """Compare the second run with the first, on all tasks of both or those named.

    ``fields`` are what slices are made by (`all`: KNOWN); ``most_flips`` how many flips of a task are shown on either
    side. Raises RunError where nothing can be compared, or a task that was named cannot.
    """
    runs, records = (first, second), (first.must_read(), second.must_read())
    known = list(dict.fromkeys(name for record in records for name in record.tasks))
    for name in tasks:
        if name not in known:
            raise RunError(f"--task {name}: neither run has it{nearest(name, known)}")
    ready: dict[str, _Task] = {}
    left_out: dict[str, str] = {}
    for name in tasks or known:
        try:
            ready[name] = _ready(runs, records, name)
        except ValueError as error:
            left_out[name] = str(error)
    if left_out and (tasks or not ready):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise RunError(f"{first.path} and {second.path} cannot be compared: {reasons}")
    finest = ALPHA / len(ready) if ready else ALPHA
    results = {name: paired(t.paired.metric, t.paired.first, t.paired.second, finest) for name, t in ready.items()}
    corrected = holm({name: result.p for name, result in results.items() if result.difference is not None})
    asked = list(dict.fromkeys(name for field in fields for name in (KNOWN if field == "all" else (field,))))
    compared = []
    for name, task in ready.items():
        found = _compared(name, task, results[name], corrected.get(name, 1.0))
        _look_closer(found, task, runs, records, asked, most_flips)
        compared.append(found)
    warnings = _warnings(records)
    made = {part.field for task in compared for part in task.slices}
    for field in fields:
        if field != "all" and field not in made:
            warnings.append(
                f"no task has slices by {field}: its samples have no such value, one for all or one for each"
            )
    one, two = (f"{record.shown_model} ({run.path})" for run, record in zip(runs, records, strict=True))
    return RunComparison(one, two, ALPHA, compared, left_out, warnings)


def _ready(runs: tuple[RunDirectory, RunDirectory], records: tuple[RunRecord, RunRecord], name: str) -> _Task:
    """Raises ValueError where the task cannot be compared."""
    scores: list[TaskScores] = []
    kept: list[TaskStatistics] = []
    for run, record, which in zip(runs, records, "AB", strict=True):
        if name not in record.tasks:
            raise ValueError(f"only in {'B' if which == 'A' else 'A'}")
        found = run.read_scores(name)
        if found is None:
            raise ValueError(f"not finished in {which}")
        of_run = statistics_of(run, record, name)
        if of_run is None:
            why = next((score.unavailable for score in found.scores if score.primary and score.unavailable), "no score")
            raise ValueError(f"no statistics of {which}: {why}")
        scores.append(found)
        kept.append(of_run)
    try:
        both = pair(kept[0], kept[1])
    except ValueError as error:
        raise ValueError(
            f"{error}; 'python -m results rescore RUN --normalizer ... --write' scores one run as the other"
        ) from None
    if not both.first:
        raise ValueError("no sample has a score in both runs")
    if scored_together(kept[0].signature) and (both.only_first or both.only_second):
        both = _scored_anew(runs, records, name, both)
    return _Task((scores[0], scores[1]), both, kept[0].subset_of(), kept[0].signature)


def _scored_anew(
    runs: tuple[RunDirectory, RunDirectory], records: tuple[RunRecord, RunRecord], name: str, both: Pair
) -> Pair:
    """A pair whose statistics hold for its own samples alone."""
    ids = {row.id for row in both.first}
    kept = []
    for run, record in zip(runs, records, strict=True):
        rows = [row for row in records_of(run, record, name) if row["id"] in ids]
        kept.append(statistics.of(Scoring(rows, ScoringSpec.from_dict(record.tasks[name].scoring))))
    assert kept[0] is not None and kept[1] is not None
    return replace(both, **{side: getattr(pair(kept[0], kept[1]), side) for side in ("metric", "first", "second")})


def _compared(name: str, task: _Task, result: Paired, p: float) -> TaskComparison:
    first, second = task.scores
    metric, both = task.paired.metric, task.paired
    warnings = other_questions(first.asked, second.asked, ("in A", "in B"))
    if first.counts.expected != second.counts.expected:
        warnings.append(f"limit ({first.counts.expected} samples in A, {second.counts.expected} in B)")
    return TaskComparison(
        task=name,
        metric=next(score.name for score in first.scores if score.primary),
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        signature=task.signature,
        result=result,
        p_holm=p,
        verdict=verdict_of(result, p, metric.higher_is_better),
        only_first=both.only_first,
        only_second=both.only_second,
        differing=both.differing,
        failed=(first.counts.failed, second.counts.failed),
        warnings=warnings,
        slices=[],
        flips=None,
    )


def verdict_of(result: Paired, p: float, higher_is_better: bool) -> str:
    """Of the second system, in words."""
    loss = result.loss(higher_is_better)
    if loss is None:
        return "no value"
    if not result.changed:
        return "same"
    if p >= ALPHA:
        return "unclear"
    return "worse" if loss > 0 else "better"


def _look_closer(
    found: TaskComparison,
    task: _Task,
    runs: tuple[RunDirectory, RunDirectory],
    records: tuple[RunRecord, RunRecord],
    fields: Sequence[str],
    most_flips: int,
) -> None:
    """Add slices and flips, which need more than the statistics."""
    several = len(set(task.subsets.values())) > 1
    first: Mapping[str, Mapping[str, Any]] = (
        runs[0].journal(found.task).read(OF_SAMPLES) if fields or most_flips else {}
    )
    spec = ScoringSpec.from_dict(records[0].tasks[found.task].scoring)
    if several or fields:
        about = {row.id: _about(first.get(row.id, {}), task.subsets.get(row.id), spec) for row in task.paired.first}
        asked = [field for field in fields if field != "subset"]
        found.slices = slices(task.paired, about, ["subset", *asked] if several else asked)
    if most_flips:
        second = runs[1].journal(found.task).read(OF_SAMPLES)
        found.flips = flips(task.paired, first, second, most_flips, spec)


def _about(record: Mapping[str, Any], subset: str | None, spec: ScoringSpec) -> dict[str, Any]:
    """What slices are made by."""
    references: Sequence[str] = record.get("references") or []
    label = references[0] if spec.labels and len(references) == 1 else None
    return {**record, "subset": subset, "label": label, "language": spec.language}


def _warnings(records: tuple[RunRecord, RunRecord]) -> list[str]:
    return [
        f"{which} is a control, no measure of the model: {CONTROLS.get(record.control, record.control)}"
        for record, which in zip(records, "AB", strict=True)
        if record.control
    ]
