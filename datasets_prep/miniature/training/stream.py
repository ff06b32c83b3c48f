"""A stream of lessons: number N of a seed is the same wherever and whenever it is made."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from datasets_prep.miniature.mixing import Sound
from datasets_prep.miniature.recipes import RATE
from datasets_prep.miniature.training import playing, sounding, spoken
from datasets_prep.miniature.training.asking import Asked
from datasets_prep.miniature.training.hearing import hear
from datasets_prep.miniature.training.lesson import HeldError, Lesson

KINDS = {
    spoken.keyword: 13,
    spoken.sentence: 24,
    spoken.mood: 6,
    spoken.command: 6,
    spoken.timed: 3,
    spoken.turns: 2,
    spoken.same: 3,
    spoken.question: 2,
    sounding.event: 12,
    sounding.events: 8,
    sounding.background: 6,
    sounding.scene: 8,
    playing.note: 26,
    playing.solo: 5,
    playing.genre: 5,
    playing.feeling: 3,
    playing.singer: 1,
}
"""How often each kind of lesson comes, by the others."""
MOST_SECONDS = 4.0
AT_ONCE = 16
"""Lessons that a worker makes in one go."""


@dataclass(frozen=True)
class Example:
    """A lesson that was made."""

    number: int
    kind: str
    clips: tuple[Sound, ...]
    """float32, 16 kHz mono."""
    asked: tuple[Asked, ...]
    text: str
    """What is said in it, in lower case without punctuation; empty where there are no words, or two people's."""


def stream(seed: int, count: int, start: int = 0, workers: int = 0, cache: Path | None = None) -> Iterator[Example]:
    """Lessons ``start`` to ``start + count`` of a seed, in order, made by so many processes (0: by this one).

    ``cache`` is a folder for what espeak-ng said. Raises SpeechError: it is not installed.
    """
    make = partial(make_several, seed, cache)
    firsts = range(start, start + count, AT_ONCE)
    sizes = [min(AT_ONCE, start + count - first) for first in firsts]
    if not workers:
        for first, size in zip(firsts, sizes, strict=True):
            yield from make(first, size)
        return
    # spawned: a fork of a process in which torch has threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[list[Example]]] = []
        for first, size in zip(firsts, sizes, strict=True):
            waiting.append(pool.submit(make, first, size))
            if len(waiting) >= 3 * workers:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()


def make_several(seed: int, cache: Path | None, first: int, size: int) -> list[Example]:
    return [make_example(seed, number, cache) for number in range(first, first + size)]


def make_example(seed: int, number: int, cache: Path | None = None) -> Example:
    """Lesson ``number`` of a seed, drawn again while it comes out as one that the miniature holds or is too long."""
    draw = np.random.default_rng((seed, number))
    while True:
        kind, lesson = draw_lesson(draw)
        clips, asked = hear(draw, lesson, cache)
        if max(map(len, clips)) <= MOST_SECONDS * RATE:
            return Example(number, kind, clips, asked, lesson.text)


def draw_lesson(draw: np.random.Generator) -> tuple[str, Lesson]:
    """The name of a kind, and a lesson of it that holds nothing of the miniature."""
    kinds, weights = list(KINDS), np.array(list(KINDS.values()), float)
    kind = kinds[int(draw.choice(len(kinds), p=weights / weights.sum()))]
    while True:
        try:
            return kind.__name__, kind(draw)
        except HeldError:
            continue
