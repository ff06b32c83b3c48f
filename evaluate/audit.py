"""The audit: some samples answered once more, each alone. Do answers, and the score, depend on who shares a batch?"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evaluate.config import Batch as Budget
from evaluate.plan import Batch
from evaluate.tasks import ReadyTask
from evaluate.worker import Outcome
from metrics.score import score
from results.run import draw_order

SHOWN = 5
"""Ids of flips that are said; run.json has all."""


@dataclass
class Audit:
    """What became of a task's samples when each was answered alone."""

    asked: int
    """Samples answered alone."""
    compared: int = 0
    """Of these, samples with an answer alone and in the run."""
    flips: list[str] = field(default_factory=list)
    """Ids whose answer, to the letter, is another one alone."""
    flips_percent: float | None = None
    """Of those compared."""
    metric: str = ""
    """The task's primary score, of those compared."""
    in_run: float | None = None
    alone: float | None = None
    difference: float | None = None
    """Alone minus in the run."""
    smallest_margin: float | None = None
    """By how much the logit of a token said alone led the next best, at least; None where the model does not tell."""


def batches(tasks: Iterable[ReadyTask], samples: int, budget: Budget) -> list[Batch]:
    """The first samples of each task in the order of the draw, each a batch of its own."""
    alone = replace(budget, max_clips=1)
    return [
        Batch(task.task.name, (item,), task.task.generation, task.task.long_audio, alone, margins=True)
        for task in tasks
        for item in heapq.nsmallest(samples, task.items, key=lambda item: draw_order(item.request.id))
    ]


def audit(task: ReadyTask, records: Mapping[str, Mapping[str, Any]], alone: Sequence[Outcome]) -> Audit:
    """Compare what was said alone with a task's records in the run, by id."""
    found = Audit(asked=len(alone), metric=task.spec.primary)
    pairs = [(records[outcome.id], outcome) for outcome in alone if outcome.error is None]
    pairs = [(record, outcome) for record, outcome in pairs if record["status"] == "ok"]
    if not pairs:
        return found
    found.compared = len(pairs)
    found.flips = sorted(outcome.id for record, outcome in pairs if outcome.raw != record["raw"])
    found.flips_percent = 100 * len(found.flips) / len(pairs)
    found.in_run = _primary(task, [record for record, _ in pairs])
    found.alone = _primary(task, [{**record, "raw": outcome.raw} for record, outcome in pairs])
    if found.in_run is not None and found.alone is not None:
        found.difference = found.alone - found.in_run
    margins = [outcome.margin for _, outcome in pairs if outcome.margin is not None]
    found.smallest_margin = min(margins, default=None)
    return found


def _primary(task: ReadyTask, records: Sequence[Mapping[str, Any]]) -> float | None:
    """The primary score of some records, all subsets together."""
    spec = replace(task.spec, metrics={task.spec.primary: task.spec.metrics[task.spec.primary]})
    return score([{**record, "subset": None} for record in records], spec)[0].value


def sentence(task: str, found: Audit) -> str:
    """The finding in a line."""
    if not found.compared:
        return f"audit of {task}: none of {found.asked} samples has an answer both alone and in the run"
    flips = f"{len(found.flips)} answered otherwise ({found.flips_percent:.1f} %"
    if found.flips:
        more = ", ..." if len(found.flips) > SHOWN else ""
        flips += f": {', '.join(found.flips[:SHOWN])}{more}"
    parts = [f"audit of {task}: of {found.compared} samples, each alone, {flips})"]
    if found.difference is not None:
        parts.append(f"{found.metric} {found.alone:.2f} alone and {found.in_run:.2f} in the run")
    if found.smallest_margin is not None:
        parts.append(f"smallest margin of a token {found.smallest_margin:.2g}")
    return "; ".join(parts)
