"""A sweep: a job for every combination of the values that -m is given, and one leaderboard of all.

The jobs run here, one after the other, or each on its own through a launcher.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evaluate import compose, preflight
from evaluate.config import EACH, Config, ConfigError, Task, only_of
from evaluate.runner import directory_of
from results import leaderboard
from results.console import say
from results.run import RunDirectory

SWEEPS = Path("results") / "sweeps"
LONGEST_NAME = 100
ENDED = {1: "more samples failed than max_failed allows", 2: "refused", 3: "stopped early, the same command goes on"}


@dataclass(frozen=True)
class Job:
    """A job that was looked over."""

    overrides: list[str]
    config: Config
    label: str
    """The suite or the task."""
    path: Path
    """Its run directory."""

    @property
    def name(self) -> str:
        return f"{self.config.model.name} on {'/'.join([self.label, *only_of(self.config)])}"


def run(overrides: Sequence[str], run_job: Callable[..., int]) -> int:
    """Run a sweep; returns the worst of its jobs' statuses. ``run_job(overrides, do)`` composes a job and runs it, or
    does something else with it. Raises ConfigError, or RunError for a run directory that is damaged."""
    launching = [override for override in overrides if compose.is_launching(override)]
    todo = compose.combinations([override for override in overrides if override not in launching])
    jobs: list[Job] = []
    parts: list[list[str]] = []
    for one in (todo, parts):
        if status := max((run_job(job, partial(_look_over, jobs, parts, job)) for job in one), default=0):
            return status  # something is missing: better said now than after hours of other jobs
    if not jobs:
        raise ConfigError("only=each: no task of the suite suits the model")
    if any(job.config.show for job in jobs):
        return max(run_job(job.overrides) for job in jobs)
    folder = _folder(jobs)
    _check_directories(jobs)
    if launching:
        from evaluate import launch

        search = [override for override in overrides if override.lstrip("+").startswith("hydra.searchpath=")]
        statuses = launch.run(jobs, [*search, *launching], folder)
    else:
        statuses = [run_job(job.overrides) for job in jobs]
    if (launching or len(jobs) > 1) and not any(job.config.check for job in jobs):
        _conclude(jobs, statuses, folder)
    return max(statuses)


def _look_over(
    jobs: list[Job],
    parts: list[list[str]],
    overrides: Sequence[str],
    config: Config,
    tasks: Sequence[Task],
    label: str,
    folders: Sequence[str],
) -> int:
    """Add a composed job to those that are to run; or of one that is to be taken apart, each task to those that are to
    be composed."""
    preflight.look_over(config, tasks)
    if config.only != EACH:
        alone = [override for override in overrides if override.partition("=")[0] != "run.sweep"]
        jobs.append(Job(alone, config, label, directory_of(config, label)))
        return 0
    for key, task in config.tasks.items():
        if why := preflight.unsuited(config, task):
            say(sys.stderr, f"left out: {config.model.name} on {label}/{key}: {why}")
        else:
            parts.append([f"only={key}" if override == f"only={EACH}" else override for override in overrides])
    return 0


def _check_directories(jobs: Sequence[Job]) -> None:
    """Raise ConfigError where two jobs would write into one directory: the answers of the later one would be refused
    there, or its scores take the place of the earlier ones."""
    seen: dict[Path, Job] = {}
    for job in jobs:
        if other := seen.get(job.path.absolute()):
            keys = [text.partition("=")[0].lstrip("+") for text in job.overrides if text not in other.overrides]
            apart = "-".join(f"${{{key}{'.name' if key in ('task', 'model') else ''}}}" for key in keys)
            raise ConfigError(
                f"{job.path} is one folder for several jobs, which differ in {' and '.join(keys) or 'nothing'}: "
                f"let run.dir tell them apart, as in 'run.dir={job.config.run.dir or job.path}/{apart or 'NAME'}'"
            )
        seen[job.path.absolute()] = job


def _folder(jobs: Sequence[Job]) -> Path:
    """Where the leaderboard goes."""
    said = {job.config.run.sweep for job in jobs}
    if len(said) > 1:
        raise ConfigError("run.sweep is one folder for all jobs")
    if path := said.pop():
        return Path(path).expanduser()
    models = dict.fromkeys("-".join([job.config.model.name, *_control(job)]) for job in jobs)
    labels = dict.fromkeys(job.label.replace("/", "-") for job in jobs)
    name = f"{'+'.join(models)}-{'+'.join(labels)}"
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return SWEEPS / name


def _control(job: Job) -> list[str]:
    return [job.config.control.name] if job.config.control else []


def _conclude(jobs: Sequence[Job], statuses: Sequence[int], folder: Path) -> None:
    """Write and print one leaderboard of what the jobs have finished."""
    remarks = [
        f"{job.name} ended with status {status}: {ENDED.get(status, 'interrupted')}"
        for job, status in zip(jobs, statuses, strict=True)
        if status
    ]
    there = [RunDirectory(job.path) for job in jobs if (job.path / "run.json").is_file()]
    whole_tables = all(job.config.task for job in jobs)
    say(sys.stdout, leaderboard.merge(there, folder, primary=not whole_tables, remarks=remarks).rstrip("\n"))
    say(sys.stderr, f"all {len(jobs)} jobs: {folder}")
