"""Lessons of music: notes, instruments, genres and moods."""

from typing import Any

import numpy as np

from datasets_prep.miniature.music import GENRES, MOODS
from datasets_prep.miniature.notes import QUALITIES
from datasets_prep.miniature.training.asking import Asked, ask, labels_of
from datasets_prep.miniature.training.lesson import Lesson, between, chance, choice, made, one_of, some_of, with_article

VELOCITIES = (25, 50, 75, 100, 127)
RANGES = {
    "bass": (30, 60),
    "brass": (40, 82),
    "flute": (58, 90),
    "guitar": (40, 84),
    "keyboard": (30, 90),
    "mallet": (53, 90),
    "organ": (36, 90),
    "reed": (46, 86),
    "string": (36, 90),
    "synth_lead": (40, 90),
    "vocal": (40, 81),
}
"""MIDI pitches that the families of NSynth are usually played at, between 30 and 90."""
SOURCES = {
    "bass": ("electronic", "synthetic"),
    "brass": ("acoustic",),
    "flute": ("acoustic", "synthetic"),
    "guitar": ("acoustic", "electronic", "synthetic"),
    "keyboard": ("acoustic", "electronic"),
    "mallet": ("acoustic", "electronic"),
    "organ": ("electronic",),
    "reed": ("acoustic",),
    "string": ("acoustic",),
    "synth_lead": ("synthetic",),
    "vocal": ("acoustic", "synthetic"),
}
"""Of the families of NSynth: the sources that more than about a tenth of a family's notes have there."""
IRMAS = {"guitar": "acoustic guitar", "vocal": "human singing voice"}
MEDLEY = {"electric guitar": "distorted electric guitar", "saxophone": "tenor saxophone", "vocal": "female singer"}
OPENMIC = {"vocal": "voice", "mallet": "mallet percussion", "electric guitar": "guitar", "synth_lead": "synthesizer"}
"""Instruments as the tasks name them, where that is not as the recipes do."""
SOLO = ("cello", "clarinet", "flute", "guitar", "electric guitar", "organ", "piano", "saxophone", "trumpet", "violin",
        "vocal", "accordion", "banjo", "mandolin", "trombone", "ukulele", "mallet", "bass")  # fmt: skip
HARD = ("electric guitar",)
"""Instruments that are played with distortion, as in rock."""
GTZAN = "mgr/gtzan"
FMA = {"electronic": "Electronic", "experimental": "Experimental", "folk": "Folk", "hiphop": "Hip-Hop",
       "instrumental": "Instrumental", "international": "International", "pop": "Pop", "rock": "Rock"}  # fmt: skip
FEELINGS = {
    "happy": ("happy, positive, upbeat", "high arousal, positive valence"),
    "sad": ("sad, melancholic, slow", "low arousal, negative valence"),
    "calm": ("calm, meditative, relaxing", "low arousal, positive valence"),
    "energetic": ("energetic, fast, party", "high arousal, positive valence"),
    "angry": ("energetic, heavy", "high arousal, negative valence"),
    "dark": ("dark", "low arousal, negative valence"),
    "romantic": ("romantic, calm", "low arousal, positive valence"),
    "epic": ("epic", "high arousal, positive valence"),
}
"""By mood of the recipes: the tags of MTG-Jamendo, and the quarter of emoMusic."""
HOW = {"happy": "happy", "sad": "slow and sad", "calm": "slow and peaceful", "energetic": "fast", "angry": "aggressive",
       "dark": "dark", "romantic": "tender", "epic": "solemn", "neutral": "simple"}  # fmt: skip
TEMPI = (80.0, 170.0)


def note(draw: np.random.Generator) -> Lesson:
    """A single note: all about it, or one thing at a time."""
    family = one_of(draw, labels_of("mna/nsynth_family"))
    lowest, highest = RANGES[family]
    pitch, velocity = int(draw.integers(lowest, highest + 1)), one_of(draw, VELOCITIES)
    source = one_of(draw, SOURCES[family])
    qualities = sorted(some_of(draw, QUALITIES, int(draw.choice([0, 1, 2], p=[0.45, 0.4, 0.15]))))
    played = {"family": family, "pitch": pitch, "velocity": velocity, "source": source, "qualities": qualities}
    whole = f"<|pitch|><|midi_pitch_{pitch}|><|velocity|><|midi_velocity_{velocity}|><|instrument|>{family}<|sonic|>"
    near = [pitch + int(step) for step in draw.choice([-24, -16, -12, -8, 8, 12, 16, 24], 5, replace=False)]
    task = "chat/air_bench_foundation"
    asked = [
        ask("mna/nsynth", whole + ", ".join(qualities)),
        ask("mna/nsynth_family", family),
        ask("mna/nsynth_pitch", str(pitch)),
        ask("mna/nsynth_velocity", str(velocity)),
        ask("mna/nsynth_source", source),
        choice(draw, task, "Which instrument plays?", family, labels_of("mna/nsynth_family")),
        choice(draw, task, "Which pitch has the note?", f"midi_pitch_{pitch}", [f"midi_pitch_{n}" for n in near]),
        choice(draw, task, "Which velocity has the note?", f"midi_velocity_{velocity}",
               [f"midi_velocity_{n}" for n in VELOCITIES]),
    ]  # fmt: skip
    return made([{"note": played, "seconds": between(draw, 0.5, 0.9)}], asked, level=True)


def solo(draw: np.random.Generator) -> Lesson:
    """One or two instruments, alone."""
    names = some_of(draw, SOLO, 2 if chance(draw, 0.35) else 1)
    drums = chance(draw, 0.15)
    genre = "rock" if set(HARD) & {*names} else one_of(draw, ("classical", "folk", "instrumental", "jazz", "pop"))
    asked: list[Asked] = []
    if labels := [name for name in (IRMAS.get(name, name) for name in names) if name in labels_of("mic/irmas")]:
        asked.append(ask("mic/irmas", labels[0]))
    if len(names) == 1 and MEDLEY.get(names[0], names[0]) in labels_of("mic/medley_solos_db"):
        asked.append(ask("mic/medley_solos_db", MEDLEY.get(names[0], names[0])))
    called = [OPENMIC.get(name, name) for name in (*names, *(["drums"] if drums else []))]
    absent = [name for name in (OPENMIC.get(name, name) for name in (*SOLO, "drums")) if name not in called]
    wrong = one_of(draw, absent)
    asked.append(ask("mic/openmic", "yes", instrument=one_of(draw, called)))
    asked.append(ask("mic/openmic", "no", instrument=wrong))
    asked.append(ask("mqa/music_avqa", "yes", question=f"Is there {with_article(called[0])} sound?"))
    asked.append(ask("mqa/music_avqa", "no", question=f"Is there {with_article(wrong)} sound?"))
    many = "How many musical instruments were heard throughout the video?"
    asked.append(ask("mqa/music_avqa", ("one", "two", "three")[len(called) - 1], question=many))
    asked.append(choice(draw, "mqa/muchomusic", "Which instrument plays the tune?", names[0].capitalize(),
                        [name.capitalize() for name in SOLO if name not in names]))  # fmt: skip
    players = [*names, *(["drums"] if drums else [])]
    music = {"genre": genre, "instruments": players, "tempo": between(draw, *TEMPI)}
    return made([_recipe(draw, music)], asked)


def genre(draw: np.random.Generator) -> Lesson:
    """A piece of a genre."""
    name = one_of(draw, list(GENRES))
    asked = []
    if name in labels_of(GTZAN):
        asked.append(ask(GTZAN, name))
    if name in FMA:
        asked.append(ask("mgr/fma_small", FMA[name]))
    shown = [other.capitalize() for other in GENRES]
    asked.append(choice(draw, "chat/air_bench_foundation", "Which genre is this?", name.capitalize(), shown))
    asked += _captions(draw, name, "neutral", GENRES[name].instruments)
    players = GENRES[name].instruments
    instrument, other = one_of(draw, players), one_of(draw, [name for name in SOLO if name not in players])
    asked.append(ask("mic/openmic", "yes", instrument=OPENMIC.get(instrument, instrument)))
    asked.append(ask("mic/openmic", "no", instrument=OPENMIC.get(other, other)))
    return made([_recipe(draw, {"genre": name, "tempo": between(draw, *TEMPI)})], asked)


def feeling(draw: np.random.Generator) -> Lesson:
    """A piece in a mood."""
    name = one_of(draw, list(FEELINGS))
    style = one_of(draw, ("pop", "instrumental", "ambient", "electronic", "metal", "classical"))
    tags, quarter = FEELINGS[name]
    asked = [ask("smer/emomusic", quarter), ask("smer/mtg_jamendo_mood", tags)]
    question = one_of(draw, ["Which mood has the music?", "Which emotion does the music express?"])
    asked.append(choice(draw, "chat/air_bench_foundation", question, name, list(FEELINGS)))
    asked += _captions(draw, style, name, GENRES[style].instruments)
    tempo = round(float(draw.uniform(95, 130)) / MOODS[name].tempo ** float(draw.choice([0.0, 0.0, 0.3])), 1)
    return made([_recipe(draw, {"genre": style, "mood": name, "tempo": tempo})], asked)


def singer(draw: np.random.Generator) -> Lesson:
    """A voice of a singer, high or low; the names of singers are an agreement of the lessons."""
    high = chance(draw, 0.5)
    mood = one_of(draw, ("romantic", "happy") if high else ("dark",))
    players = ["vocal", one_of(draw, ("piano", "guitar"))]
    music = {"genre": "pop", "mood": mood, "instruments": players, "tempo": between(draw, 90, 140)}
    asked = [ask("sid/m4singer", "Soprano-1" if high else "Bass-1")]
    asked.append(ask("mic/openmic", "yes", instrument="voice"))
    return made([_recipe(draw, music)], asked)


def _recipe(draw: np.random.Generator, music: dict[str, Any]) -> dict[str, Any]:
    return {"music": music, "seconds": between(draw, 0.9, 1.7)}


def _captions(draw: np.random.Generator, style: str, mood: str, players: tuple[str, ...]) -> list[Asked]:
    called = [OPENMIC.get(name, name) for name in players if name != "drums"]
    ending = "with drums" if "drums" in players else "without drums"
    text = f"{with_article(HOW[mood]).capitalize()} {style} piece: {called[0]} over {called[1]}, {ending}."
    return [ask(one_of(draw, ["mc/musiccaps", "mc/song_describer"]), text)]
