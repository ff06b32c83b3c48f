"""Short pieces of music: a tune, chords, a bass and drums, by genre and mood."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets_prep.miniature.mixing import Sound, Wave, add, count, fade, level, times
from datasets_prep.miniature.notes import TIMBRES, Note, play
from datasets_prep.miniature.sounds import band_noise

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
PERCUSSION = ("drums", "cymbals")
INSTRUMENTS = (*TIMBRES, *PERCUSSION)
HIHAT = {"low": 5_000.0, "high": 7_500.0}


@dataclass(frozen=True)
class Genre:
    """How a kind of music is played."""

    roots: tuple[int, ...]
    """Of the chords, two beats each, in semitones above the key."""
    drums: str
    """Eighth by eighth: k is a kick, s a snare, h a hi-hat, - nothing."""
    instruments: tuple[str, ...]
    """The tune's, the chords', the bass's; ``drums`` last, where there are any."""
    chords: str
    """Eighth by eighth: x is a chord, - nothing."""
    minor: bool = False
    distortion: bool = False
    swing: float = 0.0
    """By how much of an eighth every second one comes late."""
    key: int = 57
    """MIDI pitch."""


GENRES: dict[str, Genre] = {
    "ambient": Genre((0, 5), "--------", ("flute", "synth_lead", "bass"), "x-------"),
    "blues": Genre((0, 0, 5, 0), "k-s-k-s-", ("guitar", "keyboard", "bass", "drums"), "x-xx-x--", swing=0.35),
    "classical": Genre((0, 5, 7, 0), "--------", ("violin", "string", "cello"), "x-x-x-x-"),
    "country": Genre((0, 7, 5, 0), "k-s-k-s-", ("banjo", "guitar", "bass", "drums"), "-x-x-x-x", key=60),
    "disco": Genre((0, 8, 3, 10), "khshkhsh", ("string", "keyboard", "bass", "drums"), "-x-x-x-x", minor=True),
    "electronic": Genre((0, 8), "khkhkhkh", ("synth_lead", "synth_lead", "bass", "drums"), "x-xx-xx-", minor=True),
    "experimental": Genre((0, 1, 6, 11), "k--s-hh-", ("synth_lead", "organ", "mallet", "drums"), "x--x-x--"),
    "folk": Genre((0, 5, 0, 7), "--------", ("flute", "guitar", "bass"), "x-xxx-xx", key=62),
    "hiphop": Genre((0, 3), "k-sh-ksh", ("keyboard", "keyboard", "bass", "drums"), "x-------", minor=True, key=50),
    "instrumental": Genre((0, 9, 5, 7), "--------", ("piano", "piano", "cello"), "x-x-x-x-"),
    "international": Genre((0, 1, 0, 10), "k-hsk-s-", ("reed", "mandolin", "bass", "drums"), "xxx-xxx-", minor=True),
    "jazz": Genre((2, 7, 0, 9), "h-hhh-hh", ("saxophone", "piano", "bass", "drums"), "-x--x-x-", swing=0.35),
    "metal": Genre((0, 1, 0, 3), "kkskkksk", ("electric guitar", "electric guitar", "bass", "drums"), "xxxxxxxx",
                   minor=True, distortion=True, key=45),
    "pop": Genre((0, 7, 9, 5), "khshkhsh", ("vocal", "keyboard", "bass", "drums"), "x-x-x-x-", key=60),
    "reggae": Genre((0, 5), "--k---s-", ("organ", "guitar", "bass", "drums"), "--x---x-"),
    "rock": Genre((0, 10, 5, 0), "khshkksh", ("electric guitar", "electric guitar", "bass", "drums"), "xxxxxxxx",
                  distortion=True, key=52),
}  # fmt: skip


@dataclass(frozen=True)
class Mood:
    """What a mood changes."""

    tempo: float = 1.0
    pitch: int = 0
    """Semitones."""
    velocity: int = 90
    minor: bool | None = None


MOODS: dict[str, Mood] = {
    "neutral": Mood(),
    "happy": Mood(1.25, 5, 105, False),
    "sad": Mood(0.6, -5, 55, True),
    "calm": Mood(0.6, 0, 45, False),
    "energetic": Mood(1.5, 3, 125),
    "angry": Mood(1.5, -7, 127, True),
    "dark": Mood(0.75, -12, 80, True),
    "epic": Mood(0.9, -2, 120),
    "romantic": Mood(0.75, 4, 65, False),
}


def perform(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    genre: str = "pop",
    mood: str = "neutral",
    instruments: Sequence[str] = (),
    tempo: float = 120.0,
) -> Sound:
    """A piece, mono at ``rate`` Hz, with a peak of 1.

    ``instruments`` play the tune, the chords and the bass, in this order, in place of the genre's; those of PERCUSSION
    play the rhythm. ``tempo`` is in beats a minute, which the mood changes.
    """
    style, feeling = GENRES[genre], MOODS[mood]
    players = instruments or style.instruments
    pitched = [name for name in players if name not in PERCUSSION]
    eighth = 30 / (tempo * feeling.tempo)
    total: Wave = np.zeros(count(rate, seconds))
    for step in range(int(np.ceil(seconds / eighth))):
        start = (step + style.swing * (step % 2)) * eighth
        if start + 0.02 >= seconds:
            break
        for piece in _step(draw, rate, min(seconds - start, 3 * eighth), style, feeling, pitched, step):
            add(total, piece, round(start * rate))
        for name in players:
            if name in PERCUSSION:
                add(total, _hit(draw, rate, name, style.drums[step % 8]), round(start * rate))
    return fade(rate, level(total))


def _step(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    style: Genre,
    feeling: Mood,
    players: Sequence[str],
    step: int,
) -> list[Wave]:
    """What the pitched instruments begin in one eighth."""
    root = style.key + feeling.pitch + style.roots[step // 4 % len(style.roots)]
    chord = MINOR if (style.minor if feeling.minor is None else feeling.minor) else MAJOR
    qualities = ("distortion",) if style.distortion else ()

    def sound(name: str, pitch: int, length: float, loudness: float) -> Wave:
        note = Note(name, int(np.clip(pitch, 24, 100)), feeling.velocity, qualities=qualities)
        return loudness * play(draw, rate, max(min(length, seconds), 0.03), note)

    pieces = []
    if players and (step % 2 == 0 or draw.uniform() < 0.5):
        pitch = root + 12 + int(draw.choice(chord)) + 12 * int(draw.uniform() < 0.2)
        pieces.append(sound(players[0], pitch, seconds * 0.6, 0.8))
    if len(players) > 1 and style.chords[step % 8] == "x":
        pieces += [sound(players[1], root + above, seconds * 0.5, 0.4) for above in chord]
    if len(players) > 2 and step % 2 == 0:
        pieces.append(sound(players[2], root - 12, seconds * 0.6, 0.8))
    return pieces


def _hit(draw: np.random.Generator, rate: int, name: str, sign: str) -> Wave:
    """A stroke of the drums, as the genre's pattern has it; cymbals sound with everything."""
    seconds = 0.5 if name == "cymbals" else 0.2
    time = times(rate, seconds)
    if name == "cymbals":
        return 0.5 * band_noise(draw, rate, seconds, **HIHAT) * 10 ** (-3 * time / 0.4)
    match sign:
        case "k":
            turns = 50 * time + 3 * (1 - np.exp(-time / 0.02))
            return np.asarray(np.sin(2 * np.pi * turns) * 10 ** (-3 * time / 0.2))
        case "s":
            return 0.7 * band_noise(draw, rate, seconds, low=400, high=4_000) * 10 ** (-3 * time / 0.15)
        case "h":
            return 0.3 * band_noise(draw, rate, seconds, **HIHAT) * 10 ** (-3 * time / 0.06)
    return np.zeros(len(time))
