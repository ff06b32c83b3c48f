"""Does it hear? A model's first logits with a sample's clips, with silence, and with another sample's clips."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluate import audio
from evaluate.models.base import Model, Request
from evaluate.plan import Item
from results.run import draw_order

SAMPLES = 4
"""Of a task, where there are few tasks."""
MOST = 32
"""Over all tasks, as far as that is two of each."""
LOOKED_AT = 64
"""Of a task, to find some of different recordings."""
MAX_SECONDS = 30.0
"""Of a clip that are heard here."""
TOLERANCE = 1e-6
"""Logits that differ by less, relative to the largest, count as equal."""

Sounds = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Hearing:
    """What a model's first logits say of whether it hears."""

    asked: int = 0
    """Samples."""
    silence: float | None = None
    """The largest difference of a logit between the clips and silence of their length; None where none was asked."""
    swap: float | None = None
    """The largest difference of a logit between the clips and another sample's, cut or repeated to their length."""
    hears: bool | None = None
    """False where no logit of any sample differed; None where that could not be asked."""
    why: str = ""
    """Why it could not be asked."""


def to_ask(tasks: Mapping[str, Sequence[Item]]) -> dict[str, list[Item]]:
    """The samples of each task that are asked: the first in the order of the draw, of different recordings."""
    share = max(2, min(SAMPLES, MOST // max(1, len(tasks))))  # two, so that each has another's clips to hear
    chosen = {}
    for task, items in tasks.items():
        different: dict[Any, Item] = {}
        for item in heapq.nsmallest(LOOKED_AT, items, key=lambda item: draw_order(item.request.id)):
            if item.clips:
                different.setdefault(tuple((clip.path, clip.start) for clip in item.clips), item)
        if different:
            chosen[task] = list(different.values())[:share]
    return chosen


def hears(model: Model, items: Sequence[Item]) -> Hearing:
    """Ask a loaded model. The same samples stand at the same places of three batches, with sounds of equal lengths, so
    that a model to which sounds are nothing computes the same numbers thrice."""
    heard = list(_decoded(items, min(MAX_SECONDS, model.max_seconds or MAX_SECONDS)))
    if not heard:
        return Hearing(why="none of the clips asked with can be decoded")
    own = [sounds for _, sounds in heard]
    silent = [tuple(np.zeros_like(samples) for samples in sounds) for sounds in own]
    swapped = [_as_long_as(sounds, own[(place + 1) % len(own)]) for place, sounds in enumerate(own)]
    try:
        logits = [_first_logits(model, heard, sounds) for sounds in (own, silent, swapped)]
    except Exception as error:  # noqa: BLE001 - whatever a model raises here: the run itself tells what becomes of it
        return Hearing(why=f"it raised {type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}")
    if logits[0] is None or logits[1] is None or logits[2] is None:
        return Hearing(why="it does not tell its logits")
    silence, to_silence = _largest(logits[0], logits[1], own, silent)
    swap, to_swap = _largest(logits[0], logits[2], own, swapped)
    if silence is None and swap is None:
        return Hearing(asked=len(heard), why="the clips asked with are silent, and all alike")
    return Hearing(len(heard), silence, swap, to_silence or to_swap)


def _decoded(items: Sequence[Item], seconds: float) -> Iterator[tuple[Request, Sounds]]:
    for item in items:
        try:
            clips = [audio.beginning(clip, item.folder, seconds) for clip in item.clips]
            yield item.request, tuple(audio.load(clip, item.folder).samples for clip in clips)
        except Exception:  # noqa: BLE001 - a bad clip, or a decoder's own fault: the run says so, for each sample
            continue


def _as_long_as(own: Sounds, other: Sounds) -> Sounds:
    """Another sample's sounds at the lengths of these, as many: what differs is what is heard, not for how long."""
    return tuple(np.resize(other[place % len(other)], len(samples)) for place, samples in enumerate(own))


def _first_logits(model: Model, asked: Sequence[tuple[Request, Sounds]], sounds: Sequence[Sounds]) -> np.ndarray | None:
    requests = [replace(request, audio=heard) for (request, _), heard in zip(asked, sounds, strict=True)]
    return model.first_logits(model.prepare(requests))


def _largest(
    one: np.ndarray, other: np.ndarray, own: Sequence[Sounds], others: Sequence[Sounds]
) -> tuple[float | None, bool]:
    """The largest difference of a logit over the samples that had other sounds, None without such a sample; and whether
    it is more than rounding."""
    differ = [
        place
        for place, (mine, theirs) in enumerate(zip(own, others, strict=True))
        if not all(np.array_equal(*pair) for pair in zip(mine, theirs, strict=True))
    ]
    if not differ:
        return None, False
    first, second = one[differ].astype(np.float64), other[differ].astype(np.float64)
    finite, as_well = np.isfinite(first), np.isfinite(second)  # what is never said is minus infinity in both
    gaps = np.abs(np.where(finite & as_well, first, 0.0) - np.where(finite & as_well, second, 0.0))
    scale = np.abs(np.where(finite, first, 0.0)).max(axis=1, keepdims=True)
    return float(gaps.max()), bool((gaps > TOLERANCE * scale).any() or (finite != as_well).any())
