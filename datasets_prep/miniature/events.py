"""Sound events as tables of layers, by name: the fifty of ESC-50, and those of streets, homes and people."""

import numpy as np

from datasets_prep.miniature import sounds
from datasets_prep.miniature.mixing import Sound, Wave, add, count, fade, level, times
from datasets_prep.miniature.scenes import Layer, Recipe, record
from datasets_prep.miniature.sounds import band_noise

HEARD = 0.1
"""Of the peak: an event begins where it is as loud as this."""
FIRST = 0.02
"""Seconds before the first call or burst, where a fade does it no harm."""
LEAD = 1.0
"""Seconds that an event is made longer, to be cut where it begins."""


def calls(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    hertz: float = 400.0,
    glide: float = 0.0,
    arch: float = 0.0,
    breath: float = 0.1,
    tremor: float = 0.0,
    formant: float = 1_200.0,
    length: float = 0.2,
    every: float = 0.4,
) -> Sound:
    """A throat: calls of ``length`` seconds about ``hertz``, the first after FIRST, then ``every`` so many seconds.

    In a call the pitch glides by ``glide`` octaves and rises by ``arch`` octaves in the middle; ``breath`` from 0 to 1
    is the share of noise, ``tremor`` the Hz of a bleat, and harmonics are strongest about ``formant`` Hz.
    """
    total, start = np.zeros(count(rate, seconds)), FIRST
    while start == FIRST or start + 0.6 * length < seconds:
        add(total, draw.uniform(0.85, 1) * _call(draw, rate, hertz, glide, arch, breath, tremor, formant, length),
            round(start * rate))  # fmt: skip
        start += every * draw.uniform(0.95, 1.05)
    return level(total)


def bursts(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    low: float = 500.0,
    high: float = 3_000.0,
    length: float = 0.1,
    every: float = 0.3,
    jitter: float = 0.1,
) -> Sound:
    """Knocks, claps, shots: noise from ``low`` to ``high`` Hz that falls by 60 dB in ``length`` seconds, the first
    after FIRST, then ``every`` so many seconds, late by up to ``jitter`` of that."""
    total, start = np.zeros(count(rate, seconds)), FIRST
    while start + 0.02 < seconds:
        burst = band_noise(draw, rate, length, low=low, high=high) * 10 ** (-3 * times(rate, length) / length)
        add(total, draw.uniform(0.7, 1) * level(burst), round(start * rate))
        start += every * (1 + jitter * draw.uniform())
    return level(total)


def _event(*layers: Layer) -> Recipe:
    return layers


def _calls(**parameters: float) -> Layer:
    return Layer(calls, 0, parameters)


def _bursts(decibels: float = 0.0, **parameters: float) -> Layer:
    return Layer(bursts, decibels, parameters)


def _noise(low: float, high: float, decibels: float = 0.0, passing: bool = False) -> Layer:
    return Layer(band_noise, decibels, {"low": low, "high": high}, passing=passing)


def _engine(hertz: float, rough: float, decibels: float = 0.0, passing: bool = False) -> Layer:
    return Layer(sounds.engine, decibels, {"hertz": hertz, "rough": rough}, passing=passing)


def _tone(hertz: float, partials: float = 6, glide: float = 0.0, pulses: float = 0.0, decibels: float = 0.0) -> Layer:
    return Layer(sounds.tone, decibels, {"hertz": hertz, "partials": partials, "glide": glide, "pulses": pulses})


EVENTS: dict[str, Recipe] = {
    # Animals.
    "dog": _event(_calls(hertz=420, glide=-0.7, breath=0.35, formant=900, length=0.14, every=0.26)),
    "rooster": _event(_calls(hertz=700, arch=0.7, breath=0.15, formant=2_000, length=0.5, every=0.6)),
    "pig": _event(_calls(hertz=110, breath=0.6, tremor=28, formant=700, length=0.22, every=0.32)),
    "cow": _event(_calls(hertz=130, arch=0.3, breath=0.1, formant=500, length=0.7, every=0.9)),
    "frog": _event(_calls(hertz=220, breath=0.2, tremor=45, formant=1_500, length=0.2, every=0.3)),
    "cat": _event(_calls(hertz=520, arch=0.5, breath=0.08, formant=1_700, length=0.45, every=0.6)),
    "hen": _event(_calls(hertz=480, glide=0.3, breath=0.25, formant=1_600, length=0.09, every=0.2)),
    "insects": _event(_tone(4_300, 1, 0.0, 38), _noise(4_000, 6_000, -14)),
    "sheep": _event(_calls(hertz=300, breath=0.15, tremor=9, formant=1_100, length=0.6, every=0.8)),
    "crow": _event(_calls(hertz=560, glide=-0.2, breath=0.6, formant=1_500, length=0.25, every=0.42)),
    "crickets": _event(_tone(4_700, 1, 0.0, 16)),
    "chirping_birds": _event(Layer(sounds.birds, 0, {"hertz": 3_600, "every": 0.2})),
    # Nature.
    "rain": _event(_noise(1_500, 7_500), Layer(sounds.drips, -9, {"hertz": 1_800, "every": 0.05})),
    "sea_waves": _event(_noise(200, 2_500, 0, passing=True), _noise(100, 700, -10)),
    "crackling_fire": _event(_bursts(low=1_500, high=6_000, length=0.02, every=0.05, jitter=1.5), _noise(80, 400, -16)),
    "water_drops": _event(Layer(sounds.drips, 0, {"hertz": 900, "every": 0.22})),
    "wind": _event(_noise(150, 600), _noise(300, 900, -4, passing=True)),
    "pouring_water": _event(Layer(sounds.water, 0, {"drops": 18}), _tone(500, 2, 0.6, 0, -18)),
    "thunderstorm": _event(_bursts(low=30, high=180, length=1.2, every=0.7), _noise(2_000, 7_000, -20)),
    # People.
    "crying_baby": _event(_calls(hertz=430, arch=0.25, breath=0.12, formant=1_400, length=0.4, every=0.5)),
    "sneezing": _event(_bursts(low=1_200, high=6_500, length=0.5, every=0.7), _noise(500, 1_500, -16)),
    "clapping": _event(_bursts(low=700, high=4_000, length=0.06, every=0.045, jitter=0.8)),
    "breathing": _event(_calls(hertz=90, breath=1, formant=1_500, length=0.45, every=0.5)),
    "coughing": _event(_calls(hertz=160, glide=-0.4, breath=0.75, formant=900, length=0.16, every=0.3)),
    "footsteps": _event(Layer(sounds.footsteps, 0, {"every": 0.3, "grit": 0.7})),
    "laughing": _event(_calls(hertz=260, glide=-0.25, breath=0.3, formant=1_000, length=0.1, every=0.17)),
    "brushing_teeth": _event(_bursts(low=2_500, high=7_000, length=0.12, every=0.11)),
    "snoring": _event(_calls(hertz=55, breath=0.5, tremor=24, formant=500, length=0.6, every=0.8)),
    "drinking_sipping": _event(_bursts(low=1_800, high=5_000, length=0.3, every=0.4), _tone(250, 2, 0.5, 3, -16)),
    "sigh": _event(_calls(hertz=190, glide=-0.5, breath=0.85, formant=800, length=0.7, every=1.0)),
    "sniff": _event(_bursts(low=2_200, high=6_000, length=0.18, every=0.4)),
    "throat_clearing": _event(_calls(hertz=105, glide=0.1, breath=0.55, tremor=32, formant=650, length=0.3, every=0.4)),
    "speech": _event(Layer(sounds.voice, 0, {"hertz": 150})),
    "children_playing": _event(
        _calls(hertz=520, arch=0.4, breath=0.1, formant=1_800, length=0.3, every=0.33),
        Layer(sounds.voice, -4, {"hertz": 330}),
    ),
    # Houses.
    "door_wood_knock": _event(_bursts(low=120, high=700, length=0.12, every=0.22)),
    "mouse_click": _event(_bursts(low=2_000, high=5_000, length=0.02, every=0.12)),
    "keyboard_typing": _event(_bursts(low=1_200, high=4_500, length=0.04, every=0.09, jitter=0.9)),
    "door_wood_creaks": _event(
        _calls(hertz=180, glide=0.8, breath=0.2, tremor=36, formant=1_300, length=0.7, every=0.9)
    ),
    "can_opening": _event(_bursts(low=2_500, high=7_000, length=0.35, every=0.5)),
    "washing_machine": _event(_engine(24, 0.3), _noise(300, 1_500, -8)),
    "vacuum_cleaner": _event(_noise(400, 4_500), _tone(230, 12, 0.0, 0, -4)),
    "clock_alarm": _event(_tone(2_050, 3, 0.0, 8)),
    "clock_tick": _event(_bursts(low=2_200, high=4_200, length=0.03, every=0.25, jitter=0.02)),
    "glass_breaking": _event(
        _bursts(low=3_000, high=7_500, length=0.12, every=0.08, jitter=0.8),
        Layer(sounds.bells, -4, {"hertz": 3_900, "every": 0.12, "decay": 0.2, "jitter": 0.6}),
    ),
    "toilet_flush": _event(_noise(300, 3_000, 0, passing=True), Layer(sounds.water, -3, {"drops": 24})),
    "dishes": _event(Layer(sounds.bells, 0, {"hertz": 3_100, "every": 0.16, "decay": 0.18, "jitter": 0.5})),
    "frying": _event(_bursts(low=3_000, high=7_500, length=0.03, every=0.012, jitter=1.0), _noise(3_000, 7_000, -8)),
    "blender": _event(_tone(310, 14), _noise(500, 5_000, -6)),
    "electric_shaver": _event(_tone(120, 20), _noise(2_000, 5_000, -16)),
    "air_conditioner": _event(_noise(80, 700), _tone(100, 3, 0.0, 0, -12)),
    # Streets and machines.
    "helicopter": _event(_bursts(low=40, high=350, length=0.1, every=0.08, jitter=0.02), _noise(500, 2_000, -14)),
    "chainsaw": _event(_engine(95, 0.4), _noise(1_000, 4_000, -12)),
    "siren": _event(_calls(hertz=620, arch=0.8, breath=0.0, formant=1_000, length=0.62, every=0.6)),
    "car_horn": _event(_tone(410, 8), _tone(515, 8, 0.0, 0, -1)),
    "engine": _event(_engine(40, 0.3)),
    "engine_idling": _event(_engine(27, 0.6)),
    "train": _event(_bursts(low=150, high=900, length=0.09, every=0.16), _noise(60, 500, -5)),
    "church_bells": _event(Layer(sounds.bells, 0, {"hertz": 440, "every": 0.7, "decay": 1.8})),
    "airplane": _event(_noise(80, 900, 0, passing=True), _tone(170, 5, -0.1, 0, -10)),
    "fireworks": _event(_bursts(low=80, high=1_500, length=0.35, every=0.3, jitter=0.6)),
    "hand_saw": _event(_bursts(low=1_300, high=4_500, length=0.5, every=0.28)),
    "drilling": _event(_tone(190, 16, 0.1), _noise(1_200, 5_000, -7)),
    "gun_shot": _event(_bursts(low=100, high=3_500, length=0.4, every=0.55)),
    "jackhammer": _event(_bursts(low=150, high=2_500, length=0.07, every=0.062, jitter=0.03)),
    "street_music": _event(Layer(sounds.chords, 0, {"hertz": 260, "every": 0.28, "decay": 0.8}),
                           Layer(sounds.footsteps, -14, {"every": 0.28})),
    "bell": _event(Layer(sounds.bells, 0, {"hertz": 880, "every": 0.5, "decay": 1.0})),
    "brakes": _event(_tone(2_400, 3, -0.15)),
    "car": _event(_noise(100, 1_200, 0, passing=True), _engine(70, 0.2, -5, passing=True)),
    "large_vehicle": _event(_engine(30, 0.5, 0, passing=True), _noise(50, 400, -3, passing=True)),
    "people_speaking": _event(Layer(sounds.babble, 0, {"voices": 3})),
    "crowd": _event(Layer(sounds.babble, 0, {"voices": 14}, room=0.6)),
}  # fmt: skip


def happen(draw: np.random.Generator, rate: int, seconds: float, label: str) -> Sound:
    """An event, mono at ``rate`` Hz, from its first sound on; its peak is 1."""
    sound = record(draw, rate, seconds + LEAD, EVENTS[label], peak=1.0)
    begin = min(int(np.argmax(np.abs(sound) > HEARD)), round(LEAD * rate))
    return fade(rate, level(sound[begin : begin + count(rate, seconds)]), 0.005)


def _call(
    draw: np.random.Generator,
    rate: int,
    hertz: float,
    glide: float,
    arch: float,
    breath: float,
    tremor: float,
    formant: float,
    length: float,
) -> Wave:
    time = times(rate, length)
    course = time / length
    octaves = glide * (course - 0.5) + arch * (np.sin(np.pi * course) - 0.5) + draw.uniform(-0.03, 0.03)
    phase = 2 * np.pi * np.cumsum(hertz * 2**octaves) / rate
    numbers = np.arange(1, max(2, min(40, int(0.4 * rate / (hertz * 2 ** (abs(glide) + abs(arch)))))))
    weights = 1 / (1 + (np.log2(numbers * hertz / formant) / 0.8) ** 2) / np.sqrt(numbers)
    voiced = level(weights @ np.sin(numbers[:, None] * phase))
    noise = band_noise(draw, rate, length, low=formant / 2, high=min(3 * formant, 0.4 * rate))
    envelope = np.sin(np.pi * course) ** 0.5
    if tremor:
        envelope = envelope * (0.55 + 0.45 * np.sin(2 * np.pi * tremor * time))
    return np.asarray(((1 - breath) * voiced + breath * noise) * envelope)
