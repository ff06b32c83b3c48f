"""The plan: which samples go through the model together. A pure function of samples and budgets, so that any number
of workers, any order and any resume make the same batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets_prep.manifest import Clip
from evaluate.config import Batch as Budget
from evaluate.config import Generation, LongAudio
from evaluate.models.base import Request


@dataclass(frozen=True)
class Item:
    """A request whose clips are still on disk."""

    request: Request
    clips: tuple[Clip, ...]
    folder: Path
    """Where relative clip paths count from."""
    seconds: float
    """What the headers say of all its clips together; decides its place in the plan."""
    silent: bool = False
    """Whether zeros of the same length are heard in place of the clips."""


@dataclass(frozen=True)
class Batch:
    task: str
    items: tuple[Item, ...]
    generation: Generation
    long_audio: LongAudio


def plan(
    items: Sequence[Item], budget: Budget, task: str, generation: Generation, long_audio: LongAudio
) -> list[Batch]:
    """Longest first, equal lengths by id; a batch is full at ``max_clips`` samples, or where padding every sample to
    its longest would pass ``max_seconds`` (one sample always fits)."""
    groups: list[list[Item]] = []
    for item in sorted(items, key=lambda item: (-item.seconds, item.request.id)):
        full = not groups or len(groups[-1]) == budget.max_clips
        if full or groups[-1][0].seconds * (len(groups[-1]) + 1) > budget.max_seconds:
            groups.append([])
        groups[-1].append(item)
    return [Batch(task, tuple(group), generation, long_audio) for group in groups]
