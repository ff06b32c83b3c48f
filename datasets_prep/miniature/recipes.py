"""Recipes: a clip in a few words, and the sound that it stands for.

A recipe is a mapping with the key that names its kind, and further keys of that kind::

    {say: Good morning., voice: en-us+f3, mood: happy, pitch: 50, speed: 180}
    {note: {family: guitar, pitch: 60, velocity: 100, source: acoustic, qualities: [bright]}, seconds: 0.8}
    {music: {genre: jazz, mood: calm, instruments: [piano, drums], tempo: 120}, seconds: 1.5}
    {events: [{label: dog, at: 0.3, for: 0.5, decibels: 0}], seconds: 1.2, background: rain}
    {scene: office, seconds: 1.2, seed: 0}
    {overlap: [RECIPE, RECIPE, ...], delay: 0.5}   # by how much each begins after the one before; or a list of these
    {sequence: [RECIPE, {silence: 0.3}, ...]}
    {file: librispeech/.../9105-190501-0000.flac, start: 0.2, end: 1.0}
    {clip: NAME, start: 0.2, end: 1.0}           # a recipe that has a name

``complete`` checks one and fills in what it leaves out; ``sound`` makes it, mono at RATE, the same every time.
"""

import hashlib
import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from datasets_prep.corpus import nearest
from datasets_prep.miniature.events import EVENTS, happen
from datasets_prep.miniature.fields import Field, RecipeError, filled
from datasets_prep.miniature.mixing import Sound, add, count, level
from datasets_prep.miniature.music import GENRES, INSTRUMENTS, perform
from datasets_prep.miniature.music import MOODS as FEELINGS
from datasets_prep.miniature.notes import QUALITIES, SOURCES, TIMBRES, Note, play
from datasets_prep.miniature.scenes import PLACES, SCENES, record
from datasets_prep.miniature.speech import speak

Recipe = dict[str, Any]

RATE = 16_000
PEAK = 0.25
"""Of what is neither louder nor quieter than usual."""
LOUDEST = 0.5
BACKGROUND_DECIBELS = -24.0
"""Peak of a background, by the events'."""
MOST_SECONDS = 20.0
CUT = ("start", "end")
"""Seconds: a stretch of the clip is heard."""


@dataclass(frozen=True)
class Mood:
    """How one speaks in a mood, by how one speaks else."""

    pitch: float = 0.0
    """Of the 99 steps of espeak-ng."""
    speed: float = 1.0
    loudness: float = 1.0


MOODS = {
    "neutral": Mood(),
    "happy": Mood(22, 1.15, 1.3),
    "angry": Mood(8, 1.25, 1.9),
    "sad": Mood(-22, 0.72, 0.6),
    "fearful": Mood(38, 1.35, 0.7),
    "disgust": Mood(-30, 0.85, 1.0),
    "surprised": Mood(45, 1.0, 1.5),
    "calm": Mood(-8, 0.85, 0.75),
}

Maker = Callable[[Recipe, Path], Sound]


@dataclass(frozen=True)
class Kind:
    """One kind of recipe."""

    fields: Mapping[str, Field]
    make: Maker
    title: Callable[[Recipe], str]
    """What its file's name begins with."""


def complete(given: Any, named: Mapping[str, Recipe], inside: bool = False) -> Recipe:
    """A recipe with everything that it left out, and without names.

    ``named`` are the recipes that ``clip`` may name, complete ones. ``inside`` another one, silence may stand. A cut
    stays on the outside. Raises RecipeError.
    """
    if not isinstance(given, dict):
        raise RecipeError(f"a clip is a recipe, such as {{clip: NAME}}, not {given!r}")
    if "clip" in given:
        entry = filled(given, {"clip": Field(str), **CUTS}, "a clip")
        if entry["clip"] not in named:
            raise RecipeError(f"there is no clip '{entry['clip']}'{nearest(entry['clip'], list(named))}")
        recipe = named[entry["clip"]]
        if any(key in recipe for key in CUT) and any(entry[key] is not None for key in CUT):
            raise RecipeError(f"clip '{entry['clip']}' is cut already; name the whole one")
        return recipe | {key: entry[key] for key in CUT if entry[key] is not None}
    kinds = [key for key in KINDS if key in given]
    if len(kinds) != 1:
        raise RecipeError(
            f"a clip has one of {', '.join(KINDS)} or clip; this has {', '.join(map(str, given)) or 'none'}"
        )
    kind = kinds[0]
    if kind == "silence" and not inside:
        raise RecipeError("silence alone is no clip; it stands in a sequence")
    if kind == "overlap" and not isinstance(given.get("delay", []), list) and isinstance(given[kind], list):
        given = given | {"delay": [given["delay"]] * (len(given[kind]) - 1)}
    recipe = filled(given, KINDS[kind].fields, f"a recipe of '{kind}'")
    if kind in ("overlap", "sequence"):
        recipe[kind] = [complete(part, named, inside=True) for part in recipe[kind]]
    return {key: value for key, value in recipe.items() if value is not None}


def kind_of(recipe: Recipe) -> str:
    return next(kind for kind in KINDS if kind in recipe)


def whole(recipe: Recipe) -> Recipe:
    """A recipe without its cut: what one file holds."""
    return {key: value for key, value in recipe.items() if key not in CUT}


def file_name(recipe: Recipe) -> str:
    """Of the file of a complete recipe: equal recipes have one."""
    kind = kind_of(recipe)
    plain = unicodedata.normalize("NFKD", KINDS[kind].title(recipe)).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:32].strip("-")
    return f"{slug or kind}-{hashlib.sha256(_canonical(whole(recipe))).hexdigest()[:8]}.flac"


def sound(recipe: Recipe, root: Path) -> Sound:
    """The sound of a complete recipe, as its cut leaves it; ``root`` is the data root that files count from.

    Raises RecipeError for a file that is not there, SpeechError for what cannot be said, and RecipeError for what is
    longer than MOST_SECONDS.
    """
    made = KINDS[kind_of(recipe)].make(recipe, root)
    start, end = (recipe.get(key) for key in CUT)
    made = made[round((start or 0) * RATE) : None if end is None else round(end * RATE)]
    if not 0 < len(made) <= MOST_SECONDS * RATE:
        raise RecipeError(
            f"a clip of '{kind_of(recipe)}' lasts {len(made) / RATE:g} s; make it last 0 to {MOST_SECONDS:g}"
        )
    return made


def _canonical(recipe: Recipe) -> bytes:
    return json.dumps(recipe, ensure_ascii=False, sort_keys=True).encode()


def _draw(recipe: Recipe) -> np.random.Generator:
    """A recipe's own chances, which no other recipe moves."""
    return np.random.default_rng(zlib.crc32(_canonical(recipe)))


def _say(recipe: Recipe, root: Path) -> Sound:
    mood = MOODS[recipe["mood"]]
    pitch = round(np.clip(recipe["pitch"] + mood.pitch, 0, 99))
    spoken = speak(recipe["say"], recipe["voice"], RATE, round(recipe["speed"] * mood.speed), pitch)
    return level(spoken, min(PEAK * mood.loudness, LOUDEST))


def _note(recipe: Recipe, root: Path) -> Sound:
    note = recipe["note"]
    return LOUDEST * play(_draw(recipe), RATE, recipe["seconds"], Note(**note))


def _music(recipe: Recipe, root: Path) -> Sound:
    return level(perform(_draw(recipe), RATE, recipe["seconds"], **recipe["music"]), PEAK)


def _scene(recipe: Recipe, root: Path) -> Sound:
    table = SCENES | PLACES
    return record(_draw(recipe), RATE, recipe["seconds"], table[recipe["scene"]], PEAK)


def _events(recipe: Recipe, root: Path) -> Sound:
    draw, total = _draw(recipe), np.zeros(count(RATE, recipe["seconds"]))
    for event in recipe["events"]:
        end = event["at"] + event["for"]
        if end > recipe["seconds"] + 1e-9:
            raise RecipeError(f"'{event['label']}' lasts until {end:g} s, beyond the clip's {recipe['seconds']:g} s")
        gain = PEAK * 10 ** (event["decibels"] / 20)
        add(total, gain * happen(draw, RATE, event["for"], event["label"]), round(event["at"] * RATE))
    if (background := recipe.get("background")) is not None:
        gain = PEAK * 10 ** (BACKGROUND_DECIBELS / 20)
        total += gain * happen(draw, RATE, recipe["seconds"], background)
    return _bounded(total)


def _overlap(recipe: Recipe, root: Path) -> Sound:
    parts = [sound(part, root) for part in recipe["overlap"]]
    delays = recipe["delay"]
    if len(delays) != len(parts) - 1:
        raise RecipeError(f"{len(parts)} clips that overlap have {len(parts) - 1} delays, not {len(delays)}")
    starts = [round(RATE * sum(delays[:number])) for number in range(len(parts))]
    total = np.zeros(max(start + len(part) for start, part in zip(starts, parts, strict=True)))
    for start, part in zip(starts, parts, strict=True):
        add(total, part, start)
    return _bounded(total)


def _sequence(recipe: Recipe, root: Path) -> Sound:
    return np.concatenate([sound(part, root) for part in recipe["sequence"]])


def _silence(recipe: Recipe, root: Path) -> Sound:
    return np.zeros(count(RATE, recipe["silence"]), np.float32)


def _file(recipe: Recipe, root: Path) -> Sound:
    path = root / recipe["file"]
    if not path.is_file():
        raise RecipeError(f"there is no {recipe['file']} in the data root")
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, RATE))


def _bounded(wave: Any) -> Sound:
    """Scaled down where it is too loud."""
    top = float(np.abs(wave).max(initial=0.0))
    return level(wave, LOUDEST) if top > LOUDEST else wave.astype(np.float32)


def _labels(recipe: Recipe) -> str:
    return " ".join(event["label"] for event in recipe["events"])


def _parts(key: str) -> Callable[[Recipe], str]:
    """The titles of the parts of a recipe, that of the first one first."""

    def title(recipe: Recipe) -> str:
        return f"{key} " + " ".join(KINDS[kind_of(part)].title(part) for part in recipe[key] if "silence" not in part)

    return title


def _music_title(recipe: Recipe) -> str:
    music = recipe["music"]
    return " ".join([music["genre"], music["mood"], *music["instruments"]])


def _note_title(recipe: Recipe) -> str:
    note = recipe["note"]
    return f"{note['family']} {note['pitch']} {note['velocity']}"


SECONDS = {"seconds": Field(float, 1.0, low=0.05, high=MOST_SECONDS)}
CUTS = {key: Field(float, None, low=0.0, high=MOST_SECONDS) for key in CUT}
NOTE = {
    "family": Field(str, among=TIMBRES),
    "pitch": Field(int, low=20, high=108),
    "velocity": Field(int, 100, low=1, high=127),
    "source": Field(str, "acoustic", among=SOURCES),
    "qualities": Field(list, [], item=Field(str, among=QUALITIES)),
}
MUSIC = {
    "genre": Field(str, "pop", among=GENRES),
    "mood": Field(str, "neutral", among=FEELINGS),
    "instruments": Field(list, [], item=Field(str, among=INSTRUMENTS)),
    "tempo": Field(float, 120.0, low=40.0, high=240.0),
}
EVENT = {
    "label": Field(str, among=EVENTS),
    "at": Field(float, 0.0, low=0.0, high=MOST_SECONDS),
    "for": Field(float, low=0.05, high=MOST_SECONDS),
    "decibels": Field(float, 0.0, low=-40.0, high=6.0),
}
SHIFT = Field(float, low=0.0, high=MOST_SECONDS)
KINDS: dict[str, Kind] = {
    "say": Kind(
        {
            "say": Field(str),
            "voice": Field(str, "en-us"),
            "mood": Field(str, "neutral", among=MOODS),
            "pitch": Field(float, 50.0, low=0.0, high=99.0),
            "speed": Field(float, 180.0, low=80.0, high=400.0),
        },
        _say,
        lambda recipe: f"{recipe['voice'].partition('+')[0]} {recipe['say']}",
    ),
    "note": Kind({"note": Field(dict, fields=NOTE), **SECONDS}, _note, _note_title),
    "music": Kind({"music": Field(dict, fields=MUSIC), **SECONDS}, _music, _music_title),
    "events": Kind(
        {
            "events": Field(list, item=Field(dict, fields=EVENT)),
            "background": Field(str, None, among=EVENTS),
            **SECONDS,
        },
        _events,
        _labels,
    ),
    "scene": Kind(
        {"scene": Field(str, among=(*SCENES, *PLACES)), "seed": Field(int, 0, low=0, high=2**31), **SECONDS},
        _scene,
        lambda recipe: str(recipe["scene"]),
    ),
    "overlap": Kind({"overlap": Field(list), "delay": Field(list, [0.3], item=SHIFT)}, _overlap, _parts("overlap")),
    "sequence": Kind({"sequence": Field(list)}, _sequence, _parts("sequence")),
    "silence": Kind({"silence": Field(float, low=0.01, high=MOST_SECONDS)}, _silence, lambda recipe: "silence"),
    "file": Kind({"file": Field(str), **CUTS}, _file, lambda recipe: Path(recipe["file"]).stem),
}
