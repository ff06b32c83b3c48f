"""What is done to sounds: scaled, faded, put into a room, laid over one another."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""Mono samples in [-1, 1]."""
Wave = NDArray[np.floating[Any]]
"""Mono samples of any size, before they are scaled."""


def level(wave: Wave, peak: float = 1.0) -> Sound:
    """A wave scaled so that its largest sample is ``peak``; silence stays silent."""
    top = float(np.abs(wave).max(initial=0.0))
    return (wave * (peak / top) if top else wave).astype(np.float32)


def mix(rate: int, seconds: float, layers: Iterable[tuple[Sound, float, float]], peak: float = 0.8) -> Sound:
    """Sounds laid over one another.

    A layer is a sound, its level in dB (of its peak, by the other layers) and its start in seconds; what lies beyond
    ``seconds`` is cut. The sum is scaled to ``peak``.
    """
    total = np.zeros(count(rate, seconds))
    for sound, decibels, start in layers:
        add(total, sound * 10 ** (decibels / 20), round(start * rate))
    return level(total, peak)


def fade(rate: int, sound: Sound, seconds: float = 0.01) -> Sound:
    """A sound with its beginning and its end faded over ``seconds`` each, so that it does not click."""
    length = min(round(seconds * rate), len(sound) // 2)
    faded, ramp = sound.copy(), np.linspace(0, 1, length, dtype=np.float32)
    faded[:length] *= ramp
    faded[len(sound) - length :] *= ramp[::-1]
    return faded


def reverb(draw: np.random.Generator, rate: int, sound: Sound, seconds: float, wet: float = 0.5) -> Sound:
    """A sound in a room whose echo falls by 60 dB in ``seconds``; as long as the sound, with a peak of 1 at most.

    ``wet`` is the echo's root mean square by the sound's.
    """
    time = times(rate, seconds)
    size = len(sound) + len(time)
    tail = draw.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    loudness = np.sqrt(np.mean(np.square(sound)) / (np.mean(np.square(echo)) + 1e-12))
    wave = sound + wet * loudness * echo
    return level(wave, min(1.0, float(np.abs(wave).max(initial=0.0))))


def swell(rate: int, sound: Sound, at: float, width: float) -> Sound:
    """A sound that comes near and leaves again: loudest at ``at`` seconds, 9 dB less ``width`` seconds from it."""
    return level(sound * np.exp(-(((times(rate, len(sound) / rate) - at) / width) ** 2)))


def add(total: Wave, piece: Wave, start: int) -> None:
    """Add a piece into a longer wave from a sample on; what lies beyond the end is cut."""
    end = min(start + len(piece), len(total))
    if start < end:
        total[start:end] += piece[: end - start]


def times(rate: int, seconds: float) -> Wave:
    """The seconds at which the samples lie."""
    return np.arange(count(rate, seconds)) / rate


def count(rate: int, seconds: float) -> int:
    """Samples of so many seconds. Raises ValueError: less than one."""
    length = round(seconds * rate)
    if length < 1:
        raise ValueError(f"{seconds:g} s at {rate} Hz is less than one sample")
    return length
