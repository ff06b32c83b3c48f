"""A run from its configuration to its tables: what is missing is answered, written, scored and listed."""

import dataclasses
import importlib.metadata
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from evaluate.compose import CONFIGS
from evaluate.config import Config, tasks_of
from evaluate.engines.local import EngineError, LocalEngine
from evaluate.models.base import make_model
from evaluate.plan import Batch, Item, plan
from evaluate.progress import Reporter
from evaluate.tasks import ReadyTask, ready
from evaluate.worker import Outcome
from results import leaderboard
from results.run import Prediction, RunDirectory, RunError, RunRecord, TaskRecord, differences, new_session
from results.scoring import score_task

VERSIONS = (
    "alm-eval",
    "torch",
    "transformers",
    "numpy",
    "soundfile",
    "soxr",
    "jiwer",
    "sacrebleu",
    "whisper-normalizer",
)
RUNS = Path("results") / "runs"
LISTED_FAILURES = 20


def run(config: Config, label: str, folders: Sequence[str]) -> int:
    """Run all tasks of a configuration; returns the exit status.

    ``label`` names the suite or the task; ``folders`` are the user's own configuration folders, where model classes
    may lie. Raises ConfigError, ManifestError, PromptError, ModelError, MetricError or RunError before any model work.
    """
    chosen = tasks_of(config)
    model = make_model(config.model)
    tasks = [ready(task, config.data.root, model) for task in chosen]
    if config.show == "prompt":
        for task in tasks:
            show_prompt(task)
        return 0
    path = Path(config.run.dir or RUNS / f"{config.model.name}-{label.replace('/', '-')}")
    with RunDirectory(path).claim(config.fresh) as directory:
        return _Runner(config, label, tasks, directory).run(folders)


def show_prompt(ready_task: ReadyTask) -> None:
    """Print what the model would read for a task's first sample."""
    item = ready_task.items[0]
    print(f"{ready_task.task.name}, sample {item.request.id}:\n{item.request.prompt}")


class _Runner:
    """One start of the command on a claimed directory."""

    def __init__(self, config: Config, label: str, tasks: list[ReadyTask], directory: RunDirectory):
        self.config = config
        self.tasks = {task.task.name: task for task in tasks}
        self.directory = directory
        self.session = new_session()
        self.record = self._record(label)
        self.missing = {name: self._missing(name) for name in self.tasks}
        self.reporter = Reporter(directory.path / "run.log")

    def _record(self, label: str) -> RunRecord:
        """run.json, older sessions kept. Raises RunError where an earlier start asked something else."""
        old = self.directory.read()
        for name, task in self.tasks.items():
            before = old.tasks.get(name) if old else None
            if before and (changed := differences(before.asked, task.asked)):
                raise RunError(
                    f"run.dir={self.directory.path} holds answers of {name} to something else; what differs: "
                    f"{'; '.join(changed)}. Take another run.dir, or fresh=true to move the old run aside"
                )
        return RunRecord(
            model=self.config.model.name,
            label=label,
            config=plain(self.config),
            tasks=(old.tasks if old else {})
            | {name: TaskRecord(task.asked, task.spec.to_dict()) for name, task in self.tasks.items()},
            versions={name: _version(name) for name in VERSIONS},
            git_commit=_git_commit(),
            sessions=[*(old.sessions if old else []), self.session],
        )

    def _missing(self, name: str) -> set[str]:
        """The ids to answer: those without a record, and failed ones where they are to be tried again."""
        records = self.directory.journal(name).read()
        again = {identity for identity, record in records.items() if record["status"] == "failed"}
        done = records.keys() - (again if self.config.retry_failed else set())
        return self.tasks[name].samples.keys() - done

    def run(self, folders: Sequence[str]) -> int:
        begun = time.monotonic()
        total = sum(len(missing) for missing in self.missing.values())
        status: int | None = None
        try:
            self.directory.write(self.record)
            if total:
                self._announce(total)
                with self.reporter:
                    self._answer(folders, total)
                self.reporter.say(self.reporter.summary())
            status = self._conclude(finished_before=not total)
        except EngineError as error:
            status = self._stopped(3, str(error))
        except OSError as error:
            status = self._stopped(3, f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
        except KeyboardInterrupt as error:
            status = self._stopped(143 if type(error).__name__ == "Terminated" else 130, "interrupted")
        finally:
            self.session.seconds, self.session.status = round(time.monotonic() - begun, 3), status
            self._write_record()
        return status

    def _write_record(self) -> None:
        try:
            self.directory.write(self.record)
        except OSError as error:
            self.reporter.say(f"run.json could not be written: {error.strerror}")

    def _announce(self, total: int) -> None:
        expected = sum(len(task.samples) for task in self.tasks.values())
        resumed = f", {expected - total} are there" if total < expected else ""
        self.reporter.say(f"{self.record.model} on {self.record.label}: {total} samples to answer{resumed}")

    def _stopped(self, status: int, why: str) -> int:
        self.reporter.say(
            f"stopped early: {why}. What was answered is kept in {self.directory.path}; the same command goes on"
        )
        return status

    def _answer(self, folders: Sequence[str], total: int) -> None:
        """Answer what is missing, write each batch as it comes, score each task as its last answer is in."""
        batches = self._batches()
        left = Counter(batch.task for batch in batches)
        for name in left:
            self.directory.journal(name).repair()
        engine = self.config.engine
        with LocalEngine(self.config.model, engine.devices, engine.threads, folders, self.reporter.log) as local:
            self.session.devices = [local.device]
            self.reporter.start(total)
            for batch, outcomes in local.answers(batches):
                self._keep(batch, outcomes)
                left[batch.task] -= 1
                if not left[batch.task]:
                    self._score(batch.task)

    def _batches(self) -> list[Batch]:
        """The batches of the whole plan that hold a missing sample, task by task: a resume repeats a batch, whole, so
        that its answers do not depend on what was there."""
        return [
            batch
            for name, task in self.tasks.items()
            for batch in plan(task.items, self.config.batch, name, task.task.generation, task.task.long_audio)
            if any(item.request.id in self.missing[name] for item in batch.items)
        ]

    def _keep(self, batch: Batch, outcomes: list[Outcome]) -> None:
        missing, samples = self.missing[batch.task], self.tasks[batch.task].samples
        predictions = [
            _prediction(item, outcome, samples[item.request.id])
            for item, outcome in zip(batch.items, outcomes, strict=True)
            if item.request.id in missing
        ]
        self.directory.journal(batch.task).append(predictions)
        self.session.answered += len(predictions)
        failed = sum(prediction.status == "failed" for prediction in predictions)
        heard = sum(clip.seconds or 0.0 for prediction in predictions for clip in prediction.audio)
        self.reporter.advance(batch.task, len(predictions), failed, heard)

    def _score(self, name: str) -> None:
        self.directory.journal(name).finish()
        score_task(self.directory, self.record, name)

    def _conclude(self, finished_before: bool) -> int:
        """Score what is not scored yet or otherwise, write the tables, list what failed; returns the status."""
        for name, task in self.tasks.items():
            scores = self.directory.read_scores(name)
            if scores is None or scores.scoring != task.spec.to_dict() or scores.asked != task.asked:
                self._score(name)
        table = leaderboard.write(self.directory)
        if finished_before:
            self.reporter.say(f"finished before: {self.directory.path} holds every answer (fresh=true begins anew)")
        print(table, end="")
        failures = self._failures()
        self._list_failures(failures)
        self.reporter.say(f"results: {self.directory.path}")
        scored = [self.directory.read_scores(name) for name in self.tasks]
        expected = sum(scores.counts.expected for scores in scored if scores)
        allowed = self.config.max_failed * (expected if self.config.max_failed < 1 else 1)
        return 1 if len(failures) > allowed else 0

    def _failures(self) -> list[tuple[str, str, str]]:
        """Task, id and reason of every failed sample."""
        return [
            (name, identity, record["error"]["message"])
            for name in self.tasks
            for identity, record in self.directory.journal(name).read().items()
            if record["status"] == "failed"
        ]

    def _list_failures(self, failures: Sequence[tuple[str, str, str]]) -> None:
        if failures:
            self.reporter.say(f"{len(failures)} failed (retry_failed=true tries them again):")
        for name, identity, reason in failures[:LISTED_FAILURES]:
            self.reporter.say(f"  {name}  {identity}: {reason}")
        if len(failures) > LISTED_FAILURES:
            self.reporter.say(f"  and {len(failures) - LISTED_FAILURES} more, status 'failed' in predictions.jsonl")


def _prediction(item: Item, outcome: Outcome, sample: Any) -> Prediction:
    return Prediction(
        id=sample.id,
        subset=sample.subset,
        group=sample.group,
        references=list(sample.references),
        fields=dict(sample.fields),
        prompt=item.request.prompt,
        audio=outcome.audio,
        raw=outcome.raw if outcome.error is None else None,
        status="ok" if outcome.error is None else "failed",
        flags=outcome.flags,
        error=outcome.error,
        prompt_tokens=outcome.prompt_tokens,
        new_tokens=outcome.new_tokens,
    )


def plain(value: Any) -> Any:
    """A typed configuration as JSON's own kinds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    """The checkout's commit, with '+' where its files differ from it; None outside of git."""

    def git(*words: str) -> str:
        checkout = str(CONFIGS.parent)
        done = subprocess.run(["git", "-C", checkout, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
