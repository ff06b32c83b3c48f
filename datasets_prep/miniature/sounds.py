"""Sounds by recipe: tones, bells, steps, birds, engines, water, voices.

Every source is ``source(draw, rate, seconds, *, parameters) -> Sound``: mono float32 with a peak of 1, of
``round(seconds * rate)`` samples at ``rate`` Hz. The same state of ``draw`` gives the same samples; nothing else is
remembered. What is above half the rate is left out, never folded down.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from datasets_prep.miniature.mixing import Sound, Wave, add, count, level, times

Source = Callable[..., Sound]

MAJOR = (1.0, 1.26, 1.5)
"""Frequencies of a chord, by its root."""
BELL = ((0.5, 0.4, 1.0), (1.0, 1.0, 0.9), (1.19, 0.6, 0.7), (1.5, 0.4, 0.6), (2.0, 0.7, 0.5), (2.74, 0.4, 0.35))
"""Partials of a bell: frequency, amplitude and decay, each by the strike tone's."""
LOWEST, CONSONANT, HIGHEST = 300.0, 900.0, 4_500.0
"""Hz: the lowest first formant, the lowest second one, and where a voice ends."""
LONGEST = 3.0
"""Seconds of an event that is repeated; none is heard for longer."""


def tone(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    hertz: float = 440.0,
    partials: float = 1,
    glide: float = 0.0,
    pulses: float = 0.0,
) -> Sound:
    """A steady tone of ``partials`` harmonics, each 1 / its number; at its end ``glide`` octaves higher.

    ``pulses`` switches it on and off so many times a second; 0 leaves it on.
    """
    time = times(rate, seconds)
    frequency = hertz * 2 ** (glide * time / seconds)
    phase = draw.uniform(0, 2 * np.pi)
    wave = np.zeros(len(time))
    for number in range(1, int(partials) + 1):
        wave += _sine(rate, number * frequency, number * phase) / number
    if pulses:
        wave *= np.clip(0.5 + 8 * np.sin(2 * np.pi * pulses * time), 0, 1)
    return level(wave)


def chord(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 220.0, decay: float = 1.0) -> Sound:
    """A major chord on the root ``hertz``, plucked once: it falls by 60 dB in ``decay`` seconds."""
    notes = [tone(draw, rate, seconds, hertz=hertz * ratio, partials=4) for ratio in MAJOR]
    return level(np.sum(notes, axis=0) * 10 ** (-3 * times(rate, seconds) / decay))


def white_noise(draw: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Noise of equal power a Hz."""
    return level(draw.standard_normal(count(rate, seconds)))


def pink_noise(draw: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Noise of equal power an octave, from 20 Hz."""
    return _shaped(draw, rate, seconds, lambda hertz: np.where(hertz < 20, 0, 1 / np.sqrt(np.maximum(hertz, 20))))


def band_noise(
    draw: np.random.Generator, rate: int, seconds: float, *, low: float = 500.0, high: float = 2_000.0
) -> Sound:
    """Noise from ``low`` to ``high`` Hz, with soft edges of 24 dB an octave."""
    return _shaped(
        draw, rate, seconds, lambda hertz: 1 / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 4)
    )


def click(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 2_000.0) -> Sound:
    """One dry click about ``hertz``, over after 20 ms; then silence."""
    burst = band_noise(draw, rate, seconds, low=hertz / 1.5, high=hertz * 1.5)
    return level(burst * 10 ** (-3 * times(rate, seconds) / 0.02))


def bell(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 660.0, decay: float = 1.5) -> Sound:
    """One stroke of a bell: strike tone ``hertz``, falling by 60 dB in ``decay`` seconds."""
    time = times(rate, seconds)
    wave = np.zeros(len(time))
    for ratio, amplitude, length in BELL:
        if ratio * hertz < rate / 2:
            phase = 2 * np.pi * ratio * hertz * time + draw.uniform(0, 2 * np.pi)
            wave += amplitude * np.sin(phase) * 10 ** (-3 * time / (length * decay))
    return level(wave)


def footstep(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 90.0, grit: float = 0.5) -> Sound:
    """One step: a thud of ``hertz`` over after 0.1 s, and ``grit`` (amplitude by the thud's) of gravel."""
    time = times(rate, seconds)
    thud = np.sin(2 * np.pi * hertz * time) * 10 ** (-3 * time / 0.1)
    gravel = band_noise(draw, rate, seconds, low=1_500, high=5_000) * 10 ** (-3 * time / 0.15)
    return level(thud + grit * level(gravel))


def chirp(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 3_500.0) -> Sound:
    """One call of a bird: 80 to 150 ms that glide by up to half an octave about ``hertz``, warbling."""
    time, length = times(rate, seconds), draw.uniform(0.08, 0.15)
    glide, warble = draw.uniform(-0.5, 0.5), draw.uniform(20, 40)
    frequency = hertz * 2 ** (glide * (time / length - 0.5) + 0.06 * np.sin(2 * np.pi * warble * time))
    envelope = np.where(time < length, np.sin(np.pi * np.minimum(time / length, 1)), 0)
    return level(_sine(rate, frequency) * envelope)


def bubble(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 900.0) -> Sound:
    """One drop that falls into water: a short tone that rises by an octave from about ``hertz``."""
    time, start = times(rate, seconds), hertz * draw.uniform(0.7, 1.4)
    frequency = start * 2 ** np.minimum(time / 0.05, 1)
    return level(_sine(rate, frequency) * 10 ** (-3 * time / 0.06))


def repeated(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    source: Source,
    every: float,
    jitter: float = 0.1,
    **parameters: float,
) -> Sound:
    """A source again and again, ``every`` so many seconds, each time drawn anew.

    ``jitter`` is how far an event may lie from its time, and its level from 1, as a share of ``every`` and of 1.
    """
    total, time = np.zeros(count(rate, seconds)), draw.uniform(0, min(every, seconds) / 2)
    while time < seconds:
        start = max(0, min(round((time + jitter * every * draw.uniform(-1, 1)) * rate), len(total) - 1))
        piece = source(draw, rate, min(max(seconds - start / rate, 0.05), LONGEST), **parameters)
        add(total, piece * (1 - jitter * draw.uniform()), start)
        time += every
    return level(total)


def bells(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    hertz: float = 660.0,
    every: float = 0.7,
    decay: float = 1.5,
    jitter: float = 0.02,
) -> Sound:
    """A bell that is struck ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=bell, every=every, hertz=hertz, decay=decay, jitter=jitter)


def clicks(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    hertz: float = 2_000.0,
    every: float = 0.25,
    jitter: float = 0.02,
) -> Sound:
    """Clicks about ``hertz``, ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=click, every=every, hertz=hertz, jitter=jitter)


def chords(
    draw: np.random.Generator,
    rate: int,
    seconds: float,
    *,
    hertz: float = 220.0,
    every: float = 0.6,
    decay: float = 1.0,
) -> Sound:
    """A chord that is plucked ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=chord, every=every, hertz=hertz, decay=decay, jitter=0.01)


def drips(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 900.0, every: float = 0.3) -> Sound:
    """Drops that fall into water, ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=bubble, every=every, hertz=hertz, jitter=0.5)


def footsteps(
    draw: np.random.Generator, rate: int, seconds: float, *, every: float = 0.5, hertz: float = 90.0, grit: float = 0.5
) -> Sound:
    """Someone who walks, a step ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=footstep, every=every, hertz=hertz, grit=grit, jitter=0.05)


def birds(
    draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 3_500.0, every: float = 0.25
) -> Sound:
    """A bird that calls about ``hertz``, ``every`` so many seconds."""
    return repeated(draw, rate, seconds, source=chirp, every=every, hertz=hertz, jitter=0.4)


def hum(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 50.0) -> Sound:
    """Mains and transformers: the harmonics of ``hertz``, the even ones strongest."""
    time = times(rate, seconds)
    wave = np.zeros(len(time))
    for number in range(1, 9):
        weight = (1.0 if number % 2 == 0 else 0.4) / number
        if number * hertz < rate / 2:
            wave += weight * np.sin(2 * np.pi * number * hertz * time + draw.uniform(0, 2 * np.pi))
    return level(wave)


def engine(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 40.0, rough: float = 0.3) -> Sound:
    """An engine that fires ``hertz`` times a second, unsteady by ``rough`` (0 to 1), over a rumble."""
    time = times(rate, seconds)
    # float64: in float32 the sum below would differ by processor
    drift = 1 + 0.05 * rough * _shaped(draw, rate, seconds, lambda f: f < 8).astype(np.float64)
    phase = 2 * np.pi * np.cumsum(hertz * drift) / rate
    wave = np.zeros(len(time))
    for number in range(1, 25):
        if number * hertz * 1.1 < rate / 2:
            wave += np.sin(number * phase + draw.uniform(0, 2 * np.pi)) / number**1.1
    flutter = 1 + rough * _shaped(draw, rate, seconds, lambda f: f < hertz / 2)
    return level(level(wave * flutter) + rough * band_noise(draw, rate, seconds, low=30, high=200))


def water(draw: np.random.Generator, rate: int, seconds: float, *, drops: float = 12.0) -> Sound:
    """A running tap or brook: noise of 600 Hz to 7 kHz that wavers, and so many ``drops`` a second."""
    stream = band_noise(draw, rate, seconds, low=600, high=7_000)
    stream = level(stream * (1 + 0.4 * _shaped(draw, rate, seconds, lambda f: f < 12)))
    return level(stream + 0.6 * drips(draw, rate, seconds, every=1 / drops))


def voice(draw: np.random.Generator, rate: int, seconds: float, *, hertz: float = 140.0) -> Sound:
    """Someone who talks, without words: syllables of 120 to 280 ms about ``hertz``, with pauses in between."""
    total, start = np.zeros(count(rate, seconds)), round(draw.uniform(0, 0.15) * min(rate, seconds * rate))
    while start < len(total):
        piece = _syllable(draw, rate, draw.uniform(0.12, 0.28), hertz * 2 ** draw.uniform(-0.25, 0.25))
        add(total, piece * draw.uniform(0.5, 1), start)
        start += round(len(piece) * (0.85 if draw.uniform() < 0.8 else 1.8))
    return level(total)


def babble(draw: np.random.Generator, rate: int, seconds: float, *, voices: float = 12) -> Sound:
    """A crowd of so many ``voices`` of 95 to 250 Hz, some nearer than others."""
    total = np.zeros(count(rate, seconds))
    for _ in range(int(voices)):
        total += draw.uniform(0.3, 1) * voice(draw, rate, seconds, hertz=95 * 2 ** draw.uniform(0, 1.4))
    return level(total)


SOURCES: dict[str, Source] = {
    source.__name__: source
    for source in (
        *(tone, chord, white_noise, pink_noise, band_noise, click, bell, footstep, chirp, bubble, bells, clicks),
        *(chords, drips, footsteps, birds, hum, engine, water, voice, babble),
    )
}
"""By name; each with defaults for all of its parameters."""


def _syllable(draw: np.random.Generator, rate: int, seconds: float, hertz: float) -> Wave:
    """Harmonics of a gliding pitch under three drawn formants."""
    time = times(rate, seconds)
    phase = 2 * np.pi * np.cumsum(hertz * (1 + draw.uniform(-0.15, 0.15) * time / seconds)) / rate
    formants = (LOWEST * 2 ** draw.uniform(0, 1.4), CONSONANT * 2 ** draw.uniform(0, 1.4), 2_900.0)
    numbers = np.arange(1, int(min(HIGHEST, rate / 2.3) / hertz) + 1)
    distance = (numbers[:, None] * hertz - np.array(formants)) / np.array((110, 160, 250))
    weights = (np.exp(-(distance**2) / 2) * (1, 0.5, 0.2)).sum(axis=1) + 0.02 / numbers
    return np.asarray(weights @ np.sin(numbers[:, None] * phase) * np.sin(np.pi * time / seconds))


def _sine(rate: int, frequency: Wave, phase: float = 0.0) -> Wave:
    """A sine of a changing ``frequency`` in Hz, silent where it goes beyond half the rate."""
    return np.where(frequency < rate / 2, np.sin(2 * np.pi * np.cumsum(frequency) / rate + phase), 0)


def _shaped(draw: np.random.Generator, rate: int, seconds: float, gain: Callable[[Any], Any]) -> Sound:
    """Noise with the amplitude ``gain(hertz)``."""
    length = count(rate, seconds)
    spectrum = np.fft.rfft(draw.standard_normal(length)) * gain(np.fft.rfftfreq(length, 1 / rate))
    return level(np.fft.irfft(spectrum, length))
