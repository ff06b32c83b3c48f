"""Audio: from a clip of a manifest to 16 kHz mono float32, the same numbers on every machine."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr

from datasets_prep import ffmpeg
from datasets_prep.manifest import Clip

SAMPLE_RATE = 16_000
"""Hz; what every model of this kind hears."""
MIN_SECONDS = 0.03
"""A shorter clip holds no frame that a model could use."""
END_SECONDS = 0.1
"""By so much a clip's end may lie beyond its file's, as rounded times do."""
PAUSE_SECONDS = 5.0
"""How far before the limit a long clip may be cut, to cut in its quietest place."""
STREAM_SIZE = 0x7FFFFF00
"""Bytes; a WAV that says more was written as a stream, without knowing its length."""


class AudioError(ValueError):
    """A clip that cannot be used: ``code`` for programs, and a sentence without paths of the machine."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Recording:
    """A decoded clip."""

    samples: np.ndarray
    """float32, shape = (n_samples,), 16 kHz mono, nominally in [-1, 1]."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def sha256(self) -> str:
        """Of the float32 samples, little endian: equal exactly where a model hears the same."""
        return hashlib.sha256(self.samples.astype("<f4", copy=False).tobytes()).hexdigest()


def load(clip: Clip, folder: Path) -> Recording:
    """Decode a clip: mean of its channels, then soxr HQ to 16 kHz; no quantisation in between.

    ffmpeg decodes only what soundfile cannot (m4a, mp4, webm). Raises AudioError with the code ``missing``,
    ``empty``, ``unreadable``, ``no_ffmpeg``, ``not_finite``, ``bounds`` or ``too_short``.
    """
    path = folder / clip.path
    name = clip.path if not Path(clip.path).is_absolute() else Path(clip.path).name
    _check_file(path, name)
    samples, rate = _read(path, clip, name)
    if len(samples) == 0:
        if clip.start:
            raise AudioError("bounds", f"{name} ends before {clip.start:g} s, where the clip starts")
        raise AudioError("empty", f"{name} holds no audio")
    mono = samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError("not_finite", f"{name} holds samples that are not finite numbers (NaN or infinite)")
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE, "HQ")
    recording = Recording(np.ascontiguousarray(mono, dtype=np.float32))
    if recording.seconds < MIN_SECONDS:
        raise AudioError("too_short", f"{name}: the clip is {recording.seconds * 1000:.0f} ms long, less than 30 ms")
    return recording


def duration(clip: Clip, folder: Path) -> float | None:
    """Seconds of a clip from the file's header, or None where only decoding it would tell."""
    path = folder / clip.path
    try:
        _check_file(path, clip.path)
        info = soundfile.info(path)
        total = info.frames / info.samplerate
    except (AudioError, soundfile.LibsndfileError, TypeError):
        return None
    end = total if clip.end is None else min(clip.end, total)
    return max(0.0, end - (clip.start or 0.0))


def beginning(clip: Clip, folder: Path, seconds: float) -> Clip:
    """The clip, or of one that its file's header says is longer the first so many seconds."""
    length = duration(clip, folder)
    return clip if length is None or length <= seconds else replace(clip, end=(clip.start or 0.0) + seconds)


def split_at_pauses(samples: np.ndarray, max_seconds: float) -> list[np.ndarray]:
    """Cut samples, shape = (n,), into pieces of at most ``max_seconds``, each at the quietest 0.1 s near its end."""
    limit, window = int(max_seconds * SAMPLE_RATE), SAMPLE_RATE // 10
    reach = min(int(PAUSE_SECONDS * SAMPLE_RATE), limit // 2)
    pieces = []
    while len(samples) > limit:
        energy = np.convolve(np.square(samples[limit - reach : limit], dtype=np.float64), np.ones(window), "valid")
        cut = limit - reach + int(np.argmin(energy)) + window // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]


def _check_file(path: Path, name: str) -> None:
    try:
        size = path.stat().st_size if path.is_file() else None
        readable = os.access(path, os.R_OK)
    except (OSError, ValueError):  # a name too long, or with a NUL byte
        size = None
    if size is None:
        raise AudioError("missing", f"{name} is not there")
    if not readable:
        raise AudioError("unreadable", f"{name} may not be read by this user")
    if size == 0:
        raise AudioError("empty", f"{name} is an empty file")


def _read(path: Path, clip: Clip, name: str) -> tuple[np.ndarray, int]:
    """Samples, shape = (n_samples, n_channels), and the rate in Hz; only the clip's stretch is decoded."""
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a headerless .raw
        samples, rate = _read_with_ffmpeg(path, name)
        end = None if clip.end is None else round(clip.end * rate)
        return samples[round((clip.start or 0.0) * rate) : end], rate
    with file:
        if file.format.startswith(("WAV", "RF64")) and _is_cut_wav(path):
            raise AudioError("unreadable", f"{name} is damaged: it is shorter than its header says")
        if clip.end is not None and clip.end - file.frames / file.samplerate > END_SECONDS:
            raise AudioError("bounds", f"{name} ends at {file.frames / file.samplerate:.2f} s, before {clip.end:g} s")
        start = min(round((clip.start or 0.0) * file.samplerate), file.frames)
        end = file.frames if clip.end is None else min(round(clip.end * file.samplerate), file.frames)
        try:
            file.seek(start)
            return file.read(max(0, end - start), dtype="float32", always_2d=True), file.samplerate
        except (soundfile.LibsndfileError, MemoryError):
            raise AudioError("unreadable", f"{name} is damaged: its audio ends before its header says") from None


def _is_cut_wav(path: Path) -> bool:
    """Whether a RIFF file ends before its data chunk does, as an interrupted copy leaves it: soundfile would read the
    rest without a word. A size of a stream, 0 or close to 4 GiB, promises nothing."""
    total = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return False
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                return 0 < size < STREAM_SIZE and file.tell() + size > total
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _read_with_ffmpeg(path: Path, name: str) -> tuple[np.ndarray, int]:
    """As ``_read``, for the whole file."""
    if not ffmpeg.is_there():
        raise AudioError("no_ffmpeg", f"{name} is no audio that soundfile reads, and ffmpeg is not installed to try it")
    try:
        return ffmpeg.decode(path)
    except ffmpeg.FfmpegError as error:
        raise AudioError("unreadable", f"{name} {error}") from None
