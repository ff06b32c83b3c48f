"""Recordings as they come out of an archive: how long, what they hold, what is wrong with them."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from datasets_prep import ffmpeg

SILENT = 1e-4
"""Peak, of 1: about -80 dB."""
FULL = 0.999
CLIPPED_SHARE = 1e-3
LONG_SECONDS = 30.0
"""What most models hear at most."""
LOSSY = ("MPEG_LAYER_III", "MPEG_LAYER_II", "MPEG_LAYER_I", "VORBIS", "OPUS")
DEFECTS = ("unreadable", "cut short", "silent", "clipped", "longer than 30 s")
FILMS = (".mp4", ".m4a", ".webm", ".mkv", ".mov", ".avi")
BLOCK = 2**20
"""Frames read at a time: a header may claim any number."""


@dataclass(frozen=True)
class Clip:
    """What is known of a recording."""

    seconds: float | None
    """None where it cannot be decoded."""
    sha256: str | None
    """Of the decoded samples, float32, shape = (frames, channels), at the file's own rate; of a file whose decoders
    differ in the last bits from machine to machine (MP3, Vorbis, Opus, what ffmpeg decodes), of its bytes."""
    defects: tuple[str, ...]
    """Of DEFECTS."""


def measure(content: bytes, start: float | None = None, end: float | None = None, path: Path | None = None) -> Clip:
    """Decode a recording, or its stretch from ``start`` to ``end`` seconds.

    ``path`` is where it lies, for what soundfile cannot read and ffmpeg may. Raises FfmpegError: it is a film, and
    there is no ffmpeg."""
    if path is not None and path.suffix.lower() in FILMS:
        return _measure_film(content, start or 0.0, end, path)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = file.samplerate
            if start:
                file.seek(round(start * rate))
            frames = None if end is None else round(end * rate) - round((start or 0.0) * rate)
            wanted = file.frames - file.tell()
            samples = _read(file, frames)
            lossy = file.subtype in LOSSY
            short = (len(samples) < (wanted if frames is None else frames)) or _is_cut(content)
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        return Clip(None, None, ("unreadable",))
    if not len(samples) or not np.isfinite(samples).all():
        return Clip(None, None, ("unreadable",))
    seconds = len(samples) / rate
    digest = hashlib.sha256(content if lossy else samples.tobytes())
    return Clip(round(seconds, 6), digest.hexdigest(), _defects(samples, seconds, short))


def _measure_film(content: bytes, start: float, end: float | None, path: Path) -> Clip:
    if not ffmpeg.is_there():
        raise ffmpeg.FfmpegError("can be read by ffmpeg alone, which is not installed")
    try:
        samples, rate = ffmpeg.decode(path)
    except ffmpeg.FfmpegError:
        return Clip(None, None, ("unreadable",))
    samples = samples[round(start * rate) : None if end is None else round(end * rate)]
    if not len(samples) or not np.isfinite(samples).all():
        return Clip(None, None, ("unreadable",))
    seconds = len(samples) / rate
    return Clip(round(seconds, 6), hashlib.sha256(content).hexdigest(), _defects(samples, seconds, short=False))


def _read(file: soundfile.SoundFile, frames: int | None) -> np.ndarray:
    """So many frames, or as many as there are, shape = (frames, channels)."""
    blocks = []
    while frames is None or frames > 0:
        block = file.read(BLOCK if frames is None else min(frames, BLOCK), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(block)
        frames = None if frames is None else frames - len(block)
    return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), dtype=np.float32)


def _is_cut(content: bytes) -> bool:
    """Whether a RIFF file says that it is longer than it is; a stream that could not know says 0 or all ones."""
    said = int.from_bytes(content[4:8], "little") if content[:4] == b"RIFF" else 0
    return said not in (0, 0xFFFFFFFF) and said + 8 > len(content) + 1  # a last pad byte is often left out


def _defects(samples: np.ndarray, seconds: float, short: bool) -> tuple[str, ...]:
    loud = np.abs(samples)
    found = {
        "cut short": short,
        "silent": loud.max() < SILENT,
        "clipped": (loud >= FULL).mean() >= CLIPPED_SHARE,
        "longer than 30 s": seconds > LONG_SECONDS,
    }
    return tuple(name for name, holds in found.items() if holds)
