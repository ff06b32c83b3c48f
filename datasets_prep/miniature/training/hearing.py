"""From lessons to what is heard: sounds, and answers with their times. What espeak-ng says may be kept on disk."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from datasets_prep.miniature.mixing import Sound, level, reverb
from datasets_prep.miniature.recipes import RATE, Recipe, file_name, sound
from datasets_prep.miniature.sounds import pink_noise
from datasets_prep.miniature.speech import MARGIN
from datasets_prep.miniature.training.asking import Asked
from datasets_prep.miniature.training.lesson import Lesson, chance

LOUDER = (0.5, 3.0)
"""By how much clips are louder where that is no part of an answer."""
LOUDEST = 0.9
ROOMS = 0.2
"""Share of such clips that are heard from a noisy room."""
ECHO = {True: 0.4, False: 0.9}
"""The most seconds in which its echo falls by 60 dB, for speech and for what is no speech."""
Spans = list[tuple[float, float]]
"""Seconds: from where to where each person speaks."""


def hear(draw: np.random.Generator, lesson: Lesson, cache: Path | None) -> tuple[tuple[Sound, ...], tuple[Asked, ...]]:
    """The clips of a lesson, float32, 16 kHz mono, and what is asked, with times filled in.

    ``cache`` is a folder where what was said once is kept; None keeps nothing. Raises SpeechError: no espeak-ng.
    """
    kept = nullcontext(cache) if cache else tempfile.TemporaryDirectory()
    with kept as folder:
        root = Path(folder)
        recipes = [_spoken(recipe, root) for recipe in lesson.recipes]
        asked = lesson.asked
        if lesson.timed:
            recipes = [_joined(recipe, root) if "sequence" in recipe else recipe for recipe in recipes]
            spans = _spans(recipes[0], root)
        clips = tuple(sound(recipe, root) for recipe in recipes)
    if lesson.timed:
        asked = tuple(_filled(entry, spans, len(clips[0]) / RATE) for entry in asked)
    if not lesson.level:
        clips = tuple(_changed(draw, clip, ECHO[bool(lesson.text)]) for clip in clips)
    return clips, asked


def _spoken(recipe: Recipe, root: Path) -> Recipe:
    """A recipe with what is said in it as files below a folder, made where they are not there."""
    if "say" in recipe:
        name = file_name(recipe)
        if not (root / name).is_file():
            _keep(root / name, sound(recipe, root))
        return {"file": name}
    for kind in ("sequence", "overlap"):
        if kind in recipe:
            return recipe | {kind: [_spoken(part, root) for part in recipe[kind]]}
    return recipe


def _keep(path: Path, samples: Sound) -> None:
    """Whole or not at all: several processes may say the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".flac")
    os.close(handle)
    soundfile.write(name, samples, RATE, subtype="PCM_16", format="FLAC")
    Path(name).replace(path)


def _joined(recipe: Recipe, root: Path) -> Recipe:
    """Spoken words without the silence between them."""
    parts, last = [], len(recipe["sequence"]) - 1
    for place, part in enumerate(recipe["sequence"]):
        cut = {"start": MARGIN} if place else {}
        cut |= {"end": _seconds(root / part["file"]) - MARGIN} if place < last else {}
        parts.append(part | cut)
    return {"sequence": parts}


def _spans(recipe: Recipe, root: Path) -> Spans:
    starts, ends, now = [], [], 0.0
    parts: list[Recipe] = recipe["sequence" if "sequence" in recipe else "overlap"]
    for place, part in enumerate(parts):
        whole = _seconds(root / part["file"])
        if "overlap" in recipe:
            now = sum(recipe["delay"][:place])
            begin, end = now + MARGIN, now + whole - MARGIN
        else:
            begin = now + (0 if place else MARGIN)
            end = begin + whole - 2 * MARGIN
            now = end
        starts.append(begin)
        ends.append(end)
    return list(zip(starts, ends, strict=True))


def _filled(asked: Asked, spans: Spans, whole: float) -> Asked:
    """Times in place of ``@begin0@``: in JSON, where it stands in quotes, a number."""
    times = {"@whole@": whole}
    for number, (begin, end) in enumerate(spans):
        times |= {f"@begin{number}@": begin, f"@end{number}@": end}
    answer = asked.answer
    for place, seconds in times.items():
        answer = answer.replace(f'"{place}"', str(round(seconds, 2))).replace(place, f"{seconds:.2f}")
    return replace(asked, answer=answer)


def _changed(draw: np.random.Generator, clip: Sound, echo: float) -> Sound:
    """A clip louder or softer, now and then from a noisy room."""
    if chance(draw, ROOMS):
        top = float(np.abs(clip).max(initial=0.0))
        clip = reverb(draw, RATE, clip, seconds=float(draw.uniform(0.2, echo)), wet=float(draw.uniform(0.2, 0.5)))
        noise = pink_noise(draw, RATE, len(clip) / RATE)
        clip = clip + top * 10 ** (draw.uniform(-44, -34) / 20) * noise[: len(clip)]
    louder = clip * np.exp(draw.uniform(*np.log(LOUDER)))
    return level(louder, LOUDEST) if np.abs(louder).max(initial=0.0) > LOUDEST else louder.astype(np.float32)


def _seconds(path: Path) -> float:
    return float(soundfile.info(path).duration)


def longest(clips: Sequence[Sound]) -> float:
    """Seconds of the longest clip."""
    return max(len(clip) for clip in clips) / RATE
