"""The plan: which samples go through the model together. A pure function of samples and budgets, so that any number
of workers, any order and any resume make the same batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    """What the model hears of its clips, by their headers; decides its place in the plan."""
    tokens: int = 0
    """What the model reads and may write, as it estimates."""
    silent: bool = False
    """Whether zeros of the same length are heard in place of the clips."""


@dataclass(frozen=True)
class Batch:
    task: str
    items: tuple[Item, ...]
    generation: Generation
    long_audio: LongAudio
    budget: Budget = field(default_factory=Budget)
    """Holds for the pieces of a long clip, too."""
    margins: bool = False
    """Whether answers are to tell their margin, where they are made alone and the model can."""


def plan(
    items: Sequence[Item], budget: Budget, task: str, generation: Generation, long_audio: LongAudio
) -> list[Batch]:
    """Longest first, equal lengths by id; a batch is full at ``max_clips`` samples, or where padding every sample to
    its largest would pass ``max_seconds`` or ``max_tokens`` (one sample always fits)."""
    groups: list[list[Item]] = []
    size, tokens = 0, 0
    for item in sorted(items, key=lambda item: (-item.seconds, item.request.id)):
        size, tokens = size + 1, max(tokens, item.tokens)
        if not groups or not fits(budget, size, groups[-1][0].seconds, tokens):
            groups.append([])
            size, tokens = 1, item.tokens
        groups[-1].append(item)
    return [Batch(task, tuple(group), generation, long_audio, budget) for group in groups]


def fits(budget: Budget, size: int, seconds: float, tokens: int = 0) -> bool:
    """Whether so many samples, each as long and as large as the longest and the largest of them, go in one batch."""
    return size <= budget.max_clips and size * seconds <= budget.max_seconds and size * tokens <= budget.max_tokens
