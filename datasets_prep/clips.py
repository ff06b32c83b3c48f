"""Recordings as they come out of an archive: how long, what they hold, what is wrong with them."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import soundfile

SILENT = 1e-4
"""Peak, of 1: about -80 dB."""
FULL = 0.999
CLIPPED_SHARE = 1e-3
LONG_SECONDS = 30.0
"""What most models hear at most."""
LOSSY = ("MPEG_LAYER_III", "MPEG_LAYER_II", "MPEG_LAYER_I", "VORBIS", "OPUS")
DEFECTS = ("unreadable", "silent", "clipped", "longer than 30 s")


@dataclass(frozen=True)
class Clip:
    """What is known of a recording."""

    seconds: float | None
    """None where it cannot be decoded."""
    sha256: str | None
    """Of the decoded samples, float32, shape = (frames, channels), at the file's own rate; of a file whose decoders
    differ in the last bits from machine to machine (MP3, Vorbis, Opus), of its bytes."""
    defects: tuple[str, ...]
    """Of DEFECTS."""


def measure(content: bytes, start: float | None = None, end: float | None = None) -> Clip:
    """Decode a recording, or its stretch from ``start`` to ``end`` seconds."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = file.samplerate
            if start:
                file.seek(round(start * rate))
            frames = -1 if end is None else round(end * rate) - round((start or 0.0) * rate)
            samples = file.read(frames, dtype="float32", always_2d=True)
            lossy = file.subtype in LOSSY
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        return Clip(None, None, ("unreadable",))
    if not len(samples) or not np.isfinite(samples).all():
        return Clip(None, None, ("unreadable",))
    seconds = len(samples) / rate
    digest = hashlib.sha256(content if lossy else samples.tobytes())
    return Clip(round(seconds, 6), digest.hexdigest(), _defects(samples, seconds))


def _defects(samples: np.ndarray, seconds: float) -> tuple[str, ...]:
    loud = np.abs(samples)
    found = {
        "silent": loud.max() < SILENT,
        "clipped": (loud >= FULL).mean() >= CLIPPED_SHARE,
        "longer than 30 s": seconds > LONG_SECONDS,
    }
    return tuple(name for name, holds in found.items() if holds)
