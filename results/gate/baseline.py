"""Baselines: what a later run is held against, without the answers, in one file that can be kept in a repository."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from metrics.score import Counts
from results.files import RunError, must_fit, read_json, write_text
from results.run import RunDirectory, RunRecord
from results.scoring import statistics_of
from results.statistics import TaskStatistics

FOLDER = Path(__file__).parents[1] / "baselines"
SCHEMA_VERSION = 1
_NAME = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True)
class TaskBaseline:
    """One task of a baseline."""

    asked: dict[str, str]
    """The fingerprint of its answers, as in run.json."""
    counts: Counts
    scores: list[list[Any]]
    """For readers of the file alone: name, subset, value, unit and n of each score."""
    statistics: TaskStatistics
    """Of the primary metric, by sample: what the paired test needs."""


@dataclass(frozen=True)
class Baseline:
    """A run, without its answers."""

    model: str
    label: str
    """The suite or the task."""
    made: str
    """The day, UTC."""
    git_commit: str | None
    """Of the harness, when the run was made."""
    versions: dict[str, str]
    tasks: dict[str, TaskBaseline]

    def to_text(self) -> str:
        """JSON for eyes and for `git diff`: a line for each column of the statistics, ids among them."""
        data = {"schema_version": SCHEMA_VERSION, **{key: value for key, value in vars(self).items() if key != "tasks"}}
        data["tasks"] = {
            name: {
                "asked": task.asked,
                "counts": task.counts.to_dict(),
                "scores": task.scores,
                "statistics": task.statistics.to_dict(),
            }
            for name, task in self.tasks.items()
        }
        return _laid_out(data) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The inverse of `to_text`. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        data = read_json(text)
        if (version := data.pop("schema_version")) != SCHEMA_VERSION:
            raise ValueError(f"schema version {version}; this harness reads {SCHEMA_VERSION}")
        tasks = {}
        for name, task in data.pop("tasks").items():
            kept = TaskStatistics.from_dict(task["statistics"])
            tasks[name] = TaskBaseline(task["asked"], Counts(**task["counts"]), task["scores"], kept)
        baseline = cls(**data, tasks=tasks)
        for part in (baseline, *tasks.values(), *(task.counts for task in tasks.values())):
            must_fit(part)
        return baseline


def path_of(name: str) -> Path:
    """Where a baseline is: a file where the name has a folder or `.json`, else of `results/baselines`."""
    if "/" in name or name.endswith(".json"):
        return Path(name)
    if not _NAME.fullmatch(name):
        raise RunError(f"--baseline {name!r} is neither a name (letters, digits, '.', '_', '-') nor a file")
    return FOLDER / f"{name}.json"


def read(path: Path) -> Baseline | None:
    """A baseline, or None where there is no file. Raises RunError where it is damaged or something else."""
    try:
        return Baseline.from_text(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is no baseline ({type(error).__name__}: {error}); restore it, or make a new one with --accept"
        ) from None


def write(path: Path, baseline: Baseline) -> None:
    """Write a baseline. Raises RunError where that cannot be."""
    try:
        write_text(path, baseline.to_text())
    except OSError as error:
        raise RunError(f"the baseline {path} cannot be written: {error.strerror}") from None


def of(directory: RunDirectory, record: RunRecord) -> Baseline:
    """A run as a baseline. Raises RunError where it could guard nothing: a control, a task that is not finished or has
    no score."""
    if record.control:
        raise RunError(
            f"{directory.path} is a run with control={record.control}, no measure of the model; it is no baseline"
        )
    if not record.tasks:
        raise RunError(f"{directory.path} holds no task, and a baseline without one guards nothing")
    tasks = {}
    for name, entry in record.tasks.items():
        scores = directory.read_scores(name)
        if scores is None:
            raise RunError(f"{directory.path}: {name} is not finished; a baseline is a whole run")
        kept = statistics_of(directory, record, name)
        primary = next(score for score in scores.scores if score.primary)
        if kept is None or primary.value is None:
            why = primary.unavailable
            raise RunError(
                f"{directory.path}: {name} has no score ({why or 'no sample was answered'}), and a baseline without "
                f"one guards nothing; cure that, or leave the task out of the suite"
            )
        shown = [[score.name, score.subset, score.value, score.unit, score.n] for score in scores.scores]
        tasks[name] = TaskBaseline(entry.asked, scores.counts, shown, kept)
    return Baseline(
        model=record.model,
        label=record.label,
        made=time.strftime("%Y-%m-%d", time.gmtime()),
        git_commit=record.git_commit,
        versions=record.versions,
        tasks=tasks,
    )


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with a line for each entry of an object, each list within a list, and each list of plain values."""
    deeper, open_close = indent + " ", "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict) and value:
        entries = [f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(entry, deeper)}" for key, entry in value.items()]
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        entries = [json.dumps(entry, ensure_ascii=False, allow_nan=False) for entry in value]
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return open_close[0] + "\n" + ",\n".join(deeper + entry for entry in entries) + f"\n{indent}{open_close[1]}"
