"""A run from its configuration to its tables: what is missing is answered, written, scored and listed."""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluate.aside import Aside
from evaluate.config import Config, Task
from evaluate.engines.dispatch import Dispatcher, Done, EngineError
from evaluate.engines.local import LocalPool
from evaluate.models.base import Model, ModelError, UnsuitedError, make_model
from evaluate.plan import Batch, plan
from evaluate.progress import Reporter
from evaluate.records import VERSIONS, Telemetry, git_commit, plain, prediction, version
from evaluate.tasks import MissingDataError, ReadyTask, manifest_paths, ready
from results import leaderboard
from results.console import say
from results.run import RunDirectory, RunError, RunRecord, TaskRecord, differences, new_session
from results.scoring import score_task

RUNS = Path("results") / "runs"
LISTED_FAILURES = 20


def run(config: Config, chosen: Sequence[Task], label: str, folders: Sequence[str]) -> int:
    """Run the chosen tasks of a configuration; returns the exit status.

    ``label`` names the suite or the task; ``folders`` are the user's own configuration folders, where model classes
    may lie. Raises ConfigError, ManifestError, PromptError, ModelError, MetricError or RunError before any model work.
    """
    model = make_model(config.model)
    if config.engine.devices_per_worker > 1 and not model.can_split:
        raise ModelError(f"engine.devices_per_worker: {config.model.name} runs on one device")
    tasks, left_out = _suited(config, chosen, model)
    if config.show == "prompt":
        for task in tasks:
            show_prompt(task)
        return 0
    path = Path(config.run.dir or RUNS / f"{config.model.name}-{label.replace('/', '-')}").expanduser()
    with RunDirectory(path).claim() as directory:
        return _Runner(as_run(config, tasks), label, tasks, left_out, directory, model).run(folders)


def look_over(config: Config, chosen: Sequence[Task]) -> None:
    """What is soon seen to be missing, of a job that is to run after others: the checkpoint, the data."""
    make_model(config.model)
    _must_be_prepared(config, chosen)


def _must_be_prepared(config: Config, chosen: Sequence[Task]) -> None:
    """Raise MissingDataError that names all that is not prepared."""
    keys = {task.name: key for key, task in config.tasks.items()}
    lacking: dict[str, MissingDataError] = {}
    for task in chosen:
        try:
            manifest_paths(task, config.data.root)
        except MissingDataError as error:
            lacking[task.name] = error
    if len(lacking) > 1:
        wanted = "; ".join(
            f"{name} ({', '.join(path.stem for path in lack.missing)})" for name, lack in lacking.items()
        )
        without = " ".join(f"'~tasks.{keys[name]}'" for name in lacking)
        raise MissingDataError(
            f"below data.root={config.data.root} these are not prepared: {wanted}; python -m datasets_prep prepare "
            f"makes them, {without} leaves them out",
            [path for lack in lacking.values() for path in lack.missing],
        )
    for name, lack in lacking.items():
        raise MissingDataError(f"task {name}: {lack}", lack.missing)


def _suited(config: Config, chosen: Sequence[Task], model: Model) -> tuple[list[ReadyTask], dict[str, str]]:
    """The tasks made ready, and the reasons why others of a suite are left out: this kind of model cannot do them.
    Raises UnsuitedError where none is left."""
    _must_be_prepared(config, chosen)
    tasks, left_out = [], {}
    for task in chosen:
        try:
            tasks.append(ready(task, config.data.root, model))
        except UnsuitedError as error:
            if config.task:
                raise UnsuitedError(f"task {task.name}: {error}") from None
            left_out[task.name] = str(error)
    if not tasks:
        name, reason = next(iter(left_out.items()))
        raise UnsuitedError(f"no task of the suite suits the model, not even {name}: {reason}")
    return tasks, left_out


def as_run(config: Config, tasks: Sequence[ReadyTask]) -> Config:
    """The configuration with its tasks as they run, so that run.json holds the settings that were used."""
    if config.task:
        return dataclasses.replace(config, task=tasks[0].task)
    by_name = {task.task.name: task.task for task in tasks}
    running = {key: by_name[task.name] for key, task in config.tasks.items() if task.name in by_name}
    return dataclasses.replace(config, tasks=running)


def show_prompt(ready_task: ReadyTask) -> None:
    """Print what the model would read for a task's first sample."""
    item = ready_task.items[0]
    say(sys.stdout, f"{ready_task.task.name}, sample {item.request.id}:\n{item.request.prompt}")


class _Runner:
    """One start of the command on a claimed directory."""

    begun = False
    """Whether this start has changed anything on disk."""

    def __init__(
        self,
        config: Config,
        label: str,
        tasks: list[ReadyTask],
        left_out: dict[str, str],
        directory: RunDirectory,
        model: Model,
    ):
        self.config = config
        self.tasks = {task.task.name: task for task in tasks}
        self.left_out = left_out
        self.directory = directory
        self.session = new_session()
        self.preload = model.preload
        self.record = self._record(label, model.fingerprint())
        self.missing = {name: self._missing(name) for name in self.tasks}
        self.reporter = Reporter(directory.path / "run.log")

    def _record(self, label: str, model: dict[str, str]) -> RunRecord:
        """run.json, older sessions kept. Raises RunError where earlier answers are answers to something else."""
        old = None if self.config.fresh else self.directory.read()
        for name, before in old.tasks.items() if old else ():
            now = self.tasks[name].asked if name in self.tasks else model
            asked = before.asked if name in self.tasks else {key: before.asked.get(key, "nothing") for key in model}
            if (changed := differences(asked, now)) and self.directory.journal(name).standings():
                raise RunError(
                    f"run.dir={self.directory.path} holds answers of {name} to something else; what differs: "
                    f"{'; '.join(changed)}. Take another run.dir, or fresh=true to move the old run aside"
                )
        records = {
            name: TaskRecord(task.asked, task.spec.to_dict(), len(task.samples), task.standings)
            for name, task in self.tasks.items()
        }
        return RunRecord(
            model=self.config.model.name,
            label=label,
            config=plain(self.config),
            tasks=(old.tasks if old else {}) | records,
            versions={name: version(name) for name in VERSIONS},
            git_commit=git_commit(),
            left_out=self.left_out,
            sessions=[*(old.sessions if old else []), self.session],
        )

    def _missing(self, name: str) -> set[str]:
        """The ids to answer: those without a record, and failed ones where they are to be tried again."""
        standings = {} if self.config.fresh else self.directory.journal(name).standings()
        again = {identity for identity, reason in standings.items() if reason is not None}
        done = standings.keys() - (again if self.config.retry_failed else set())
        return self.tasks[name].samples.keys() - done

    def run(self, folders: Sequence[str]) -> int:
        begun = time.monotonic()
        total = sum(len(missing) for missing in self.missing.values())
        status = 3
        try:
            if total:
                self._announce(total)
                self._answer(folders, total)
                self.reporter.say(self.reporter.summary())
            status = self._conclude(finished_before=not total)
        except EngineError as error:
            self._stopped(str(error))
        except OSError as error:
            self._stopped(
                f"{error.strerror or error}{f' ({Path(str(error.filename)).name})' if error.filename else ''}"
            )
        except KeyboardInterrupt:
            self._write_record(begun, None)
            raise
        return self._write_record(begun, status)

    def _write_record(self, begun: float, status: int | None) -> int:
        """Keep this session in run.json, where the run has begun; returns the status, 3 where that is not possible."""
        if self.begun:
            self.session.seconds, self.session.status = round(time.monotonic() - begun, 3), status
            try:
                self.directory.write(self.record)
            except OSError as error:
                self._stopped(f"run.json cannot be written: {error.strerror}")
                return 3
        return 3 if status is None else status

    def _announce(self, total: int) -> None:
        expected = sum(len(task.samples) for task in self.tasks.values())
        resumed = f", {expected - total} are there" if total < expected else ""
        self.reporter.say(f"{self.record.model} on {self.record.label}: {total} samples to answer{resumed}")
        for task, reason in self.left_out.items():
            self.reporter.say(f"left out: {task}: {reason}")

    def _stopped(self, why: str) -> None:
        self.reporter.say(
            f"stopped early: {why}. What was answered is kept in {self.directory.path}; the same command goes on"
        )

    def _answer(self, folders: Sequence[str], total: int) -> None:
        """Answer what is missing, write each batch as it comes, score each task as its last answer is in."""
        batches = self._batches()
        left = Counter({batch.task: len(self.missing[batch.task]) for batch in batches})
        model, engine, budget = self.config.model, self.config.engine, self.config.batch
        pool = LocalPool(model, engine, self.preload, folders, self.reporter.log)
        telemetry = Telemetry(pool.size)
        dispatcher = Dispatcher(pool, budget.timeout, engine.start_timeout, self.reporter.say)
        with Aside() as aside, dispatcher:
            self._begin(left)
            with self.reporter:
                self.reporter.start(total)
                try:
                    for done in dispatcher.answers(batches):
                        telemetry.add(done)
                        left[done.batch.task] -= self._keep(done)
                        if not left[done.batch.task]:
                            aside.do(self._score, done.batch.task)
                finally:
                    self.session.devices = telemetry.records(dispatcher.devices, dispatcher.starts)

    def _begin(self, tasks: Iterable[str]) -> None:
        """The model is ready: only now is an older run moved aside, and this one on disk."""
        if self.config.fresh:
            self.directory.move_aside()
        self.begun = True
        self.directory.write(self.record)
        for name in tasks:
            self.directory.forget_scores(name)
            self.directory.journal(name).repair()

    def _batches(self) -> list[Batch]:
        """The batches of the whole plan that hold a missing sample, task by task: a resume repeats a batch, whole, so
        that its answers do not depend on what was there."""
        return [
            batch
            for name, task in self.tasks.items()
            for batch in plan(task.items, self.config.batch, name, task.task.generation, task.task.long_audio)
            if any(item.request.id in self.missing[name] for item in batch.items)
        ]

    def _keep(self, done: Done) -> int:
        """Write what was missing of a batch that came back; returns how many samples that is."""
        task, samples = done.batch.task, self.tasks[done.batch.task].samples
        predictions = [
            prediction(item, outcome, samples[item.request.id])
            for item, outcome in zip(done.batch.items, done.outcomes, strict=True)
            if item.request.id in self.missing[task]
        ]
        self.directory.journal(task).append(predictions)
        self.session.answered += len(predictions)
        failed = sum(entry.status == "failed" for entry in predictions)
        answered = [entry for entry in predictions if entry.status == "ok"]
        heard = sum(clip.seconds or 0.0 for entry in answered for clip in entry.audio)
        self.reporter.advance(task, len(predictions), failed, heard)
        return len(predictions)

    def _score(self, name: str) -> None:
        self.directory.journal(name).finish()
        score_task(self.directory, self.record, name)

    def _conclude(self, finished_before: bool) -> int:
        """Score what is not scored yet or otherwise, write the tables, list what failed; returns the status."""
        self.begun = True
        self.directory.write(self.record)
        if finished_before:
            self.reporter.say(f"finished before: {self.directory.path} holds every answer (fresh=true begins anew)")
        expected = 0
        for name, task in self.tasks.items():
            scores = self.directory.read_scores(name)
            same = scores and scores.scoring == task.spec.to_dict() and scores.counts.expected == len(task.samples)
            if not same:
                if scores:
                    self.reporter.say(f"{name} is scored again, as this command says")
                self._score(name)
            expected += len(task.samples)
        say(sys.stdout, leaderboard.write(self.directory, primary=self.config.task is None).rstrip("\n"))
        self._note_truncated()
        failures = self._failures()
        self._list_failures(failures)
        self.reporter.say(f"results: {self.directory.path}")
        allowed = self.config.max_failed * (expected if self.config.max_failed < 1 else 1)
        return 1 if len(failures) > allowed + 1e-9 else 0

    def _note_truncated(self) -> None:
        for name in self.tasks:
            scores = self.directory.read_scores(name)
            if scores and scores.counts.truncated:
                self.reporter.say(
                    f"{name}: of {scores.counts.truncated} samples the model heard only the beginning, its limit; "
                    f"{'task' if self.config.task else 'each'}.long_audio=chunk lets it hear them piece by piece, "
                    f"fail leaves them out"
                )

    def _failures(self) -> list[tuple[str, str, str]]:
        """Task, id and reason of every failed sample."""
        return [
            (name, identity, reason)
            for name, task in self.tasks.items()
            for identity, reason in self.directory.journal(name).standings().items()
            if reason is not None and identity in task.samples
        ]

    def _list_failures(self, failures: Sequence[tuple[str, str, str]]) -> None:
        if failures:
            self.reporter.say(f"{len(failures)} failed (retry_failed=true tries them again):")
        for name, identity, reason in failures[:LISTED_FAILURES]:
            self.reporter.say(f"  {name}  {identity}: {reason}")
        if len(failures) > LISTED_FAILURES:
            self.reporter.say(f"  and {len(failures) - LISTED_FAILURES} more, status 'failed' in predictions.jsonl")
