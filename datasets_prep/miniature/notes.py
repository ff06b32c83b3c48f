"""Notes of instruments: added harmonics whose weights, attack and decay make the instrument."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from datasets_prep.miniature.mixing import Sound, Wave, fade, level, reverb, times
from datasets_prep.miniature.sounds import band_noise, click

HELD = 1e9
"""Seconds of decay of what sounds as long as it is held."""
SOURCES = ("acoustic", "electronic", "synthetic")
VELOCITIES = (1, 127)
QUALITIES = (
    *("bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env", "percussive"),
    *("reverb", "tempo-synced"),
)
MOST_PARTIALS = 24
PULSES = 4.0
"""Hz at which a note of the quality ``tempo-synced`` is switched."""


@dataclass(frozen=True)
class Timbre:
    """What makes an instrument."""

    tilt: float
    """Harmonic n has the weight n ** -tilt; the fundamental stays the strongest."""
    attack: float
    """Seconds until it is full."""
    decay: float = HELD
    """Seconds in which it falls by 60 dB."""
    even: float = 1.0
    """Weight of the even harmonics by the odd ones."""
    breath: float = 0.0
    """Noise, by the tone."""
    vibrato: float = 0.0
    """How far its pitch moves, as a share."""
    stretch: float = 0.0
    """How far the harmonics lie above multiples of the fundamental, as those of struck bars and stiff strings do."""


TIMBRES: dict[str, Timbre] = {
    # The families of NSynth.
    "bass": Timbre(1.6, 0.005, 1.2),
    "brass": Timbre(0.7, 0.06, vibrato=0.002),
    "flute": Timbre(2.4, 0.07, breath=0.05, vibrato=0.004),
    "guitar": Timbre(1.1, 0.003, 1.5),
    "keyboard": Timbre(1.4, 0.004, 2.0, stretch=0.0004),
    "mallet": Timbre(2.2, 0.002, 0.7, stretch=0.02),
    "organ": Timbre(0.9, 0.02, even=1.2),
    "reed": Timbre(0.9, 0.04, even=0.15, breath=0.02),
    "string": Timbre(0.8, 0.09, vibrato=0.005),
    "synth_lead": Timbre(0.6, 0.01),
    "vocal": Timbre(1.3, 0.08, breath=0.03, vibrato=0.008),
    # Further instruments.
    "accordion": Timbre(0.5, 0.05, even=0.7),
    "banjo": Timbre(0.6, 0.002, 0.5),
    "cello": Timbre(0.9, 0.1, vibrato=0.004),
    "clarinet": Timbre(1.0, 0.05, even=0.05, breath=0.01),
    "electric guitar": Timbre(0.4, 0.003, 3.0),
    "mandolin": Timbre(0.7, 0.002, 0.4),
    "piano": Timbre(1.3, 0.003, 2.2, stretch=0.0004),
    "saxophone": Timbre(0.7, 0.04, breath=0.06, vibrato=0.004),
    "trombone": Timbre(0.8, 0.08),
    "trumpet": Timbre(0.5, 0.04),
    "ukulele": Timbre(1.5, 0.003, 0.7),
    "violin": Timbre(0.6, 0.08, vibrato=0.006),
}


@dataclass(frozen=True)
class Note:
    """One note, as it is written."""

    family: str
    pitch: int
    """Of MIDI: 69 is 440 Hz."""
    velocity: int = 100
    """From 1 to 127: how loud it is, and how bright."""
    source: str = "acoustic"
    qualities: Collection[str] = ()

    @property
    def hertz(self) -> float:
        return float(440 * 2 ** ((self.pitch - 69) / 12))


def play(draw: np.random.Generator, rate: int, seconds: float, note: Note) -> Sound:
    """A note, mono at ``rate`` Hz; its peak is the velocity by 127, at most 1."""
    timbre = _coloured(TIMBRES[note.family], note)
    wave = _tone(draw, rate, seconds, timbre, note.hertz)
    if "multiphonic" in note.qualities:
        wave = level(wave) + 0.5 * _tone(draw, rate, seconds, timbre, note.hertz * 1.5)
    wave = level(wave) * _envelope(rate, seconds, timbre, note.qualities)
    if timbre.breath:
        wave = wave + timbre.breath * _breath(draw, rate, seconds, note.hertz) * np.abs(level(wave))
    if "percussive" in note.qualities:
        wave = wave + 0.6 * click(draw, rate, seconds)
    sound = level(np.tanh(4 * level(wave)) if "distortion" in note.qualities else wave)
    if "reverb" in note.qualities:
        sound = reverb(draw, rate, sound, 0.6, 0.3)
    return level(fade(rate, sound, 0.2 * seconds if "long_release" in note.qualities else 0.01), note.velocity / 127)


def _coloured(timbre: Timbre, note: Note) -> Timbre:
    """A timbre as velocity, source and qualities change it."""
    tilt = timbre.tilt + 0.8 * (1 - note.velocity / 127)
    tilt += 0.8 * ("dark" in note.qualities) - 0.4 * ("bright" in note.qualities)
    match note.source:
        case "electronic":
            timbre = replace(timbre, breath=0.0, vibrato=0.0, even=1.0)
        case "synthetic":
            timbre = replace(timbre, breath=0.0, vibrato=0.0, stretch=0.0, attack=min(timbre.attack, 0.02))
            tilt -= 0.3
    decay = min(timbre.decay, 0.3) if "fast_decay" in note.qualities else timbre.decay
    return replace(timbre, tilt=max(tilt, 0.3), decay=decay)


def _tone(draw: np.random.Generator, rate: int, seconds: float, timbre: Timbre, hertz: float) -> Wave:
    time = times(rate, seconds)
    # 5.5 Hz, of whole turns, so that the mean of the pitch is the note's
    sway = timbre.vibrato * hertz / 5.5 * np.sin(2 * np.pi * 5.5 * time)
    wave = np.zeros(len(time))
    for number in range(1, MOST_PARTIALS + 1):
        multiple = number * np.sqrt(1 + timbre.stretch * (number * number - 1))
        if multiple * hertz * (1 + timbre.vibrato) >= rate / 2:
            break
        weight = number**-timbre.tilt * (timbre.even if number % 2 == 0 else 1.0)
        phase = multiple * (2 * np.pi * hertz * time + sway) + draw.uniform(0, 2 * np.pi)
        # the higher, the sooner gone: no matter for what is held
        wave += weight * np.sin(phase) * 10 ** (-3 * time * (number - 1) / (4 * timbre.decay))
    return wave


def _envelope(rate: int, seconds: float, timbre: Timbre, qualities: Collection[str]) -> Wave:
    time = times(rate, seconds)
    shape = np.minimum(time / timbre.attack, 1) * 10 ** (-3 * time / timbre.decay)
    if "nonlinear_env" in qualities:
        shape = shape * (0.35 + 0.65 * np.sin(np.pi * np.minimum(time / seconds, 1)) ** 2)
    if "tempo-synced" in qualities:
        shape = shape * np.clip(0.5 + 4 * np.cos(2 * np.pi * PULSES * time - 0.5), 0.1, 1)
    return np.asarray(shape)


def _breath(draw: np.random.Generator, rate: int, seconds: float, hertz: float) -> Sound:
    return band_noise(draw, rate, seconds, low=hertz, high=min(4 * hertz + 1_000, 0.4 * rate))
