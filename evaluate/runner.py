"""A run from its configuration to its tables: what is missing is answered, written, scored and listed."""

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evaluate import audit, preflight
from evaluate.aside import Aside
from evaluate.check import check
from evaluate.config import Config, Task, only_of
from evaluate.control import fingerprint
from evaluate.engines import open_pool
from evaluate.engines.dispatch import Dispatcher, Done, EngineError
from evaluate.hearing import Hearing
from evaluate.models.base import Model
from evaluate.plan import Batch, Item, plan
from evaluate.progress import Reporter
from evaluate.records import VERSIONS, Telemetry, git_commit, plain, prediction, version
from evaluate.refusals import RefusedError
from evaluate.tasks import ReadyTask
from evaluate.worker import Outcome
from results import leaderboard
from results.console import say
from results.fingerprint import refuse_other_answers
from results.run import RunDirectory, RunRecord, TaskRecord, new_session
from results.scoring import score_task

RUNS = Path("results") / "runs"
LISTED_FAILURES = 20


def run(config: Config, chosen: Sequence[Task], label: str, folders: Sequence[str]) -> int:
    """Run the chosen tasks of a configuration; returns the exit status.

    ``label`` names the suite or the task; ``folders`` are the user's own configuration folders, where model classes
    may lie. Raises RefusedError with all that stands in the way, or another of REFUSALS, before any answer is made.
    """
    found, path = preflight.prepare(config, chosen), directory_of(config, label)
    if config.check:
        return check(config, found, path, folders)
    if found.problems or not found.model:
        looked = preflight.examine(found.tasks, path).problems if config.preflight and not config.show else []
        raise RefusedError([*found.problems, *looked])
    if config.show == "prompt":
        for task in found.tasks:
            show_prompt(task)
        return 0
    with RunDirectory(path).claim() as directory:
        config = as_run(config, found.tasks)
        return _Runner(config, label, found.tasks, found.left_out, directory, found.model).run(folders)


def directory_of(config: Config, label: str) -> Path:
    """Where a run goes."""
    only, control = "+".join(only_of(config)), config.control.name if config.control else ""
    name = "-".join(part for part in (config.model.name, label.replace("/", "-"), only, control) if part)
    return Path(config.run.dir or RUNS / name).expanduser()


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
        self.record = self._record(label, fingerprint(config.control) | model.fingerprint())
        self.missing = {name: self._missing(name) for name in self.tasks}
        self.reporter = Reporter(directory.path / "run.log")

    def _record(self, label: str, model: dict[str, str]) -> RunRecord:
        """run.json, older sessions kept. Raises RunError where earlier answers are answers to something else."""
        old = None if self.config.fresh else self.directory.read()
        if not self.config.fresh:
            refuse_other_answers(self.directory, {name: task.asked for name, task in self.tasks.items()}, model)
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
            audit=old.audit if old else {},
            control=self.config.control.name if self.config.control else None,
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
            if total or self._to_audit():
                self._answer(folders)
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
        self.reporter.say(f"{self.record.shown_model} on {self.record.label}: {total} samples to answer{resumed}")
        for task, reason in self.left_out.items():
            self.reporter.say(f"left out: {task}: {reason}")

    def _stopped(self, why: str) -> None:
        same = f"the same command{' without fresh=true' if self.config.fresh else ''}"
        self.reporter.say(f"stopped early: {why}. What was answered is kept in {self.directory.path}; {same} goes on")

    def _answer(self, folders: Sequence[str]) -> None:
        """Answer what is missing, write each batch as it comes, score each task as its last answer is in."""
        to_ask = self._preflight() if self.config.preflight else {}
        batches = self._batches()
        left = Counter({batch.task: len(self.missing[batch.task]) for batch in batches})
        model, engine, budget = self.config.model, self.config.engine, self.config.batch
        pool = open_pool(model, engine, self.preload, folders, self.reporter.log, to_ask)
        telemetry = Telemetry(pool.size)
        dispatcher = Dispatcher(pool, budget.timeout, engine.start_timeout, self.reporter.say)
        with Aside() as aside, dispatcher:
            self._must_hear(dispatcher.found or {})
            self._begin(left)
            self.reporter.start(left, dispatcher.devices)
            with self.reporter:
                try:
                    for done in dispatcher.answers(batches):
                        telemetry.add(done)
                        left[done.batch.task] -= self._keep(done)
                        if not left[done.batch.task]:
                            aside.do(self._score, done.batch.task)
                finally:
                    self.session.devices = telemetry.records(dispatcher.devices, dispatcher.starts)
            if left:
                self.reporter.say(self.reporter.summary())
            self._audit(dispatcher)

    def _to_audit(self) -> list[ReadyTask]:
        """The tasks that are to be audited, and are not yet."""
        if not self.config.audit:
            return []
        asked = {name: min(self.config.audit_samples, len(task.items)) for name, task in self.tasks.items()}
        return [
            task for name, task in self.tasks.items() if self.record.audit.get(name, {}).get("asked") != asked[name]
        ]

    def _audit(self, dispatcher: Dispatcher) -> None:
        """Answer some samples alone, and keep in the record what came of it."""
        tasks = self._to_audit()
        batches = audit.batches(tasks, self.config.audit_samples, self.config.batch)
        alone: dict[str, list[Outcome]] = {batch.task: [] for batch in batches}
        for done in dispatcher.answers(batches):
            alone[done.batch.task] += done.outcomes
        for task in tasks:
            name = task.task.name
            found = audit.audit(task, self.directory.journal(name).read(), alone[name])
            self.record.audit[name] = dataclasses.asdict(found)
            self.reporter.say(audit.sentence(name, found))

    def _preflight(self) -> dict[str, list[Item]]:
        """Look at what is to be answered; the samples to ask the model with. Raises RefusedError with all problems."""
        missing = {name: len(found) for name, found in self.missing.items()}
        tasks = [task for name, task in self.tasks.items() if missing[name]]
        found = preflight.examine(tasks, self.directory.path, missing)
        if found.problems:
            raise RefusedError(found.problems)
        for remark in found.remarks:
            self.reporter.say(remark)
        return preflight.to_ask(tasks)

    def _must_hear(self, heard: Mapping[str, Hearing]) -> None:
        """Raise RefusedError where the model is deaf in a task."""
        if problems := preflight.judge(heard, self.config.model.name, self.reporter.say):
            raise RefusedError(problems)
        self.session.hearing = preflight.kept(heard)

    def _begin(self, tasks: Iterable[str]) -> None:
        """The model is ready: only now is an older run moved aside, and this one on disk."""
        if self.config.fresh:
            self.directory.move_aside()
        self.begun = True
        for name in tasks:
            self.record.audit.pop(name, None)
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
        busy = done.spent.busy if done.spent else 0.0
        self.reporter.advance(task, done.worker, len(predictions), failed, heard, busy)
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
