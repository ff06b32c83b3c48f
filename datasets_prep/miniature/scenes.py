"""Scenes as tables of layers: the thirteen of CochlScene, and the recordings that questions are asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from datasets_prep.miniature import sounds
from datasets_prep.miniature.mixing import Sound, fade, mix, reverb, swell
from datasets_prep.miniature.sounds import Source

Range = float | tuple[float, float]
"""A number, or the bounds between which each clip draws its own."""


@dataclass(frozen=True)
class Layer:
    """One sound of a scene."""

    source: Source
    decibels: Range = 0.0
    """Level of its peak by the other layers."""
    parameters: Mapping[str, Range] = field(default_factory=dict)
    """Of the source, by name."""
    room: float = 0.0
    """Seconds in which the echo around it falls by 60 dB; 0 is the open."""
    passing: bool = False
    """Whether it comes near and leaves again."""


Recipe = tuple[Layer, ...]

SCENES: dict[str, Recipe] = {
    "Bus": (
        Layer(sounds.engine, 0, {"hertz": (26, 32), "rough": (0.5, 0.8)}),
        Layer(sounds.band_noise, -12, {"low": 40, "high": 250}),
        Layer(sounds.tone, (-14, -11), {"hertz": (1_500, 1_800), "partials": 3, "glide": (-0.5, -0.3)}, passing=True),
    ),
    "Cafe": (
        Layer(sounds.babble, -4, {"voices": (4, 6)}, room=0.4),
        Layer(sounds.bells, (-8, -5), {"hertz": (2_600, 3_400), "every": (0.35, 0.5), "decay": 0.25, "jitter": 0.5}),
        Layer(sounds.band_noise, (-6, -3), {"low": 4_000, "high": 8_500}, passing=True),
    ),
    "Car": (
        Layer(sounds.engine, -6, {"hertz": (55, 70), "rough": (0.1, 0.2)}),
        Layer(sounds.band_noise, (-6, -4), {"low": 60, "high": 450}),
        Layer(sounds.clicks, (-10, -6), {"hertz": (1_100, 1_400), "every": 0.35}),
    ),
    "CrowdedIndoor": (Layer(sounds.babble, 0, {"voices": (24, 30)}, room=1.2),),
    "Elevator": (
        Layer(sounds.hum, (-9, -6), {"hertz": (98, 102)}),
        Layer(sounds.bell, -3, {"hertz": (860, 940), "decay": 2.0}, room=0.2),
        Layer(sounds.band_noise, -22, {"low": 150, "high": 600}),
    ),
    "Kitchen": (
        Layer(sounds.water, (-6, -3), {"drops": (8, 14)}),
        Layer(sounds.bells, 0, {"hertz": (3_600, 4_600), "every": (0.3, 0.4), "decay": 0.15, "jitter": 0.6}),
        Layer(sounds.hum, -20, {"hertz": 50}),
    ),
    "Park": (
        Layer(sounds.birds, 0, {"hertz": (3_200, 3_900), "every": (0.2, 0.3)}),
        Layer(sounds.birds, (-9, -6), {"hertz": (4_600, 5_200), "every": (0.3, 0.4)}),
        Layer(sounds.pink_noise, (-18, -15)),
    ),
    "ResidentialArea": (
        Layer(sounds.footsteps, 0, {"every": (0.45, 0.55), "hertz": (80, 100), "grit": (0.4, 0.7)}),
        Layer(sounds.birds, (-15, -12), {"hertz": (2_400, 2_800), "every": (0.6, 0.8)}),
        Layer(sounds.pink_noise, (-21, -18)),
    ),
    "Restaurant": (
        Layer(sounds.babble, -5, {"voices": (8, 10)}, room=0.6),
        Layer(sounds.chords, -2, {"hertz": (240, 270), "every": (0.4, 0.5), "decay": 1.2}, room=0.6),
        Layer(sounds.bells, -9, {"hertz": (1_900, 2_300), "every": (0.5, 0.7), "decay": 0.3, "jitter": 0.5}),
    ),
    "Restroom": (
        Layer(sounds.band_noise, 0, {"low": (900, 1_100), "high": (2_400, 2_800)}, room=0.8),
        Layer(sounds.tone, (-14, -10), {"hertz": (380, 420), "partials": 6, "glide": (0.1, 0.2)}),
        Layer(sounds.drips, -6, {"hertz": (700, 900), "every": (0.3, 0.4)}, room=0.8),
    ),
    "Street": (
        Layer(sounds.engine, -2, {"hertz": (85, 110), "rough": 0.4}, passing=True),
        Layer(sounds.white_noise, (-9, -7), passing=True),
        Layer(sounds.tone, (-8, -6), {"hertz": (420, 480), "partials": 8, "pulses": (1.2, 1.8)}),
        Layer(sounds.pink_noise, -18),
    ),
    "Subway": (
        Layer(sounds.band_noise, -4, {"low": 80, "high": (700, 900)}),
        Layer(sounds.footsteps, 0, {"hertz": (140, 170), "grit": 0.3, "every": (0.16, 0.2)}, room=0.3),
        Layer(sounds.tone, (-18, -15), {"hertz": (5_200, 5_800), "partials": 1, "glide": (-0.1, 0.1)}),
    ),
    "SubwayStation": (
        Layer(sounds.chords, 0, {"hertz": (520, 560), "every": 0.5, "decay": 1.0}, room=2.0),
        Layer(sounds.babble, -9, {"voices": (6, 8)}, room=2.0),
        Layer(sounds.band_noise, (-12, -9), {"low": 50, "high": 180}, passing=True),
    ),
}

PLACES: dict[str, Recipe] = {
    "beach": (
        Layer(sounds.band_noise, 0, {"low": 200, "high": (2_000, 3_000)}, passing=True),
        Layer(sounds.birds, -9, {"hertz": (2_200, 2_600), "every": 0.5}),
        Layer(sounds.band_noise, -12, {"low": 100, "high": 600}),
    ),
    "city_center": (
        Layer(sounds.engine, 0, {"hertz": (45, 60), "rough": 0.4}, passing=True),
        Layer(sounds.babble, -4, {"voices": (6, 9)}),
        Layer(sounds.footsteps, -6, {"every": 0.3, "grit": 0.4}),
    ),
    "forest_path": (
        Layer(sounds.birds, 0, {"hertz": (4_000, 5_000), "every": (0.4, 0.5)}),
        Layer(sounds.footsteps, -3, {"every": 0.45, "grit": 1.0}),
        Layer(sounds.band_noise, -14, {"low": 300, "high": 1_500}),
    ),
    "grocery_store": (
        Layer(sounds.tone, -3, {"hertz": (1_300, 1_500), "partials": 2, "pulses": 2.0}),
        Layer(sounds.babble, -4, {"voices": (5, 7)}, room=0.8),
        Layer(sounds.hum, -12, {"hertz": 50}),
    ),
    "home": (
        Layer(sounds.clicks, 0, {"hertz": (2_400, 2_800), "every": 0.5}),
        Layer(sounds.voice, -6, {"hertz": (140, 200)}, room=0.3),
        Layer(sounds.hum, -16, {"hertz": 50}),
    ),
    "library": (
        Layer(sounds.footsteps, -2, {"every": 0.6, "grit": 0.1}, room=1.0),
        Layer(sounds.clicks, 0, {"hertz": (900, 1_200), "every": 0.8}, room=1.0),
        Layer(sounds.band_noise, -30, {"low": 80, "high": 500}),
    ),
    "office": (
        Layer(sounds.clicks, 0, {"hertz": (3_000, 3_400), "every": 0.1, "jitter": 0.8}),
        Layer(sounds.tone, -8, {"hertz": 800, "partials": 3, "pulses": 3.0}),
        Layer(sounds.hum, -14, {"hertz": 60}),
    ),
    "train": (
        Layer(sounds.band_noise, 0, {"low": 50, "high": (400, 600)}),
        Layer(sounds.footsteps, -2, {"hertz": 110, "grit": 0.5, "every": 0.28}),
        Layer(sounds.voice, -9, {"hertz": (110, 160)}, room=0.3),
    ),
    "tram": (
        Layer(sounds.tone, -3, {"hertz": (600, 700), "partials": 5, "glide": (0.4, 0.6)}),
        Layer(sounds.band_noise, -5, {"low": 80, "high": 900}),
        Layer(sounds.bell, -2, {"hertz": (1_500, 1_700), "decay": 0.8}),
    ),
}
"""Further scenes, by the names of TUT Acoustic Scenes 2017."""

RECORDINGS: dict[str, Recipe] = {
    "Bells near the Water (old).wav": (
        Layer(sounds.bells, 0, {"hertz": 520, "every": 0.6}, room=0.8),
        Layer(sounds.water, -12),
    ),
    "Footsteps on gravel [take 2].wav": (
        Layer(sounds.footsteps, 0, {"every": 0.42, "grit": 1.0}),
        Layer(sounds.pink_noise, -30),
    ),
    "birds, early morning.wav": (
        Layer(sounds.birds, 0, {"hertz": 3_600, "every": 0.22}),
        Layer(sounds.birds, -6, {"hertz": 5_000, "every": 0.35}),
        Layer(sounds.pink_noise, -30),
    ),
    "OLD engine idle - garage.wav": (Layer(sounds.engine, 0, {"hertz": 28, "rough": 0.6}, room=0.5),),
    "people in a room (talking).wav": (Layer(sounds.babble, 0, {"voices": 9}, room=0.7),),
}
"""By the names that people gave their files."""


def record(draw: np.random.Generator, rate: int, seconds: float, recipe: Recipe, peak: float = 0.8) -> Sound:
    """A recipe as it sounds this time: mono at ``rate`` Hz, faded at both ends."""
    return fade(rate, mix(rate, seconds, [_layer(draw, rate, seconds, layer) for layer in recipe], peak))


def _layer(draw: np.random.Generator, rate: int, seconds: float, layer: Layer) -> tuple[Sound, float, float]:
    parameters = {name: _drawn(draw, value) for name, value in layer.parameters.items()}
    decibels = _drawn(draw, layer.decibels)
    sound = layer.source(draw, rate, seconds, **parameters)
    if layer.passing:
        sound = swell(rate, sound, at=draw.uniform(0.3, 0.7) * seconds, width=seconds / 3)
    if layer.room:
        sound = reverb(draw, rate, sound, layer.room)
    return sound, decibels, 0.0


def _drawn(draw: np.random.Generator, value: Range) -> float:
    return draw.uniform(*value) if isinstance(value, tuple) else value
