"""Runs on disk as they are left, with answers made on the spot."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics.score import MetricSpec, ScoringSpec
from results.journal import Failure, Prediction
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task

WORDS = ("dog", "cat", "rain", "horse", "music")
ACCURACY = ScoringSpec({"accuracy": MetricSpec("accuracy", "basic")}, "accuracy")
WER = ScoringSpec({"wer": MetricSpec("wer", "basic"), "cer": MetricSpec("cer", "basic")}, "wer", language="en")


Share = float | Callable[[int], float]
"""How many answers are right, of all or of each number of a sample."""


@dataclass(frozen=True)
class Reported:
    """A published number."""

    model: str
    task: str
    subset: str | None
    metric: str
    value: float
    source: str
    note: str | None = None


class Maker:
    """Makes runs whose answers are right to a share; a sample's luck is the same for all shares."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(
        self,
        model: str,
        tasks: Mapping[str, tuple[ScoringSpec, Share]],
        folder: str | None = None,
        count: int = 100,
        failed: int = 0,
        unread: int = 0,
        subsets: Sequence[str] = ("test",),
        manifest: str = "m1",
        seed: int = 0,
        answered: int | None = None,
        **record: Any,
    ) -> RunDirectory:
        directory = RunDirectory(self.folder / (folder or f"run-{len([*self.folder.iterdir()])}"))
        run = RunRecord(model, "own", {}, {}, {}, None, **record)
        for task, (spec, _) in tasks.items():
            data = dict.fromkeys(subsets, "published")
            run.tasks[task] = TaskRecord({"manifest": manifest}, spec.to_dict(), count, data)
        with directory.claim():
            directory.write(run)
            for task, (_, share) in tasks.items():
                self._answer(
                    directory, task, share, count if answered is None else answered, failed, unread, subsets, seed
                )
                if answered is None:
                    directory.journal(task).finish()
                    score_task(directory, run, task)
        return directory

    def _answer(
        self,
        directory: RunDirectory,
        task: str,
        share: Share,
        count: int,
        failed: int,
        unread: int,
        subsets: Sequence[str],
        seed: int,
    ) -> None:
        right, luck = random.Random(task), random.Random(f"{task} {seed}")
        right_at = share if callable(share) else lambda number: share
        rows = []
        for number in range(count):
            reference = right.choice(WORDS)
            raw: str | None = reference if luck.random() < right_at(number) else f"no {reference}"
            failure = Failure("missing", "no file") if number < failed else None
            raw = None if failure else "" if number < failed + unread else raw
            status = "failed" if failure else "ok"
            subset = subsets[number % len(subsets)]
            rows.append(Prediction(f"s{number:04}", subset, None, [reference], {}, "p", [], raw, status, error=failure))
        directory.journal(task).append(rows)
