"""What soundfile cannot read (mp4, m4a, webm...), through the programs ffmpeg and ffprobe."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,g722,matroska,webm,"
    "mov,mp4,m4a,3gp,mp3,mpegts,ogg,tta,w64,wav,wv"
)
"""What ffmpeg may open: recordings, and no playlist that names other files."""
SECONDS = 600
"""An ffmpeg that takes longer than this on one file is stopped."""


class FfmpegError(ValueError):
    """A file that could not be decoded; what to say after the file's name."""


def is_there() -> bool:
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


def decode(path: Path) -> tuple[np.ndarray, int]:
    """The samples of the first track of sound, float32, shape = (n_samples, n_channels), at its own rate in Hz.

    Raises FfmpegError: it holds no sound, is damaged, or takes too long.
    """
    file = f"file:{path}"
    entries = ["-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels", "-of", "json"]
    probe = _run(["ffprobe", "-v", "error", *entries, file])
    streams = json.loads(probe or b"{}").get("streams") or []
    if not streams:
        raise FfmpegError("holds no audio that soundfile or ffmpeg can read")
    rate, channels = int(streams[0]["sample_rate"]), int(streams[0]["channels"])
    opened = ["-v", "error", "-format_whitelist", FORMATS, "-xerror", "-i", file]
    raw = _run(["ffmpeg", *opened, "-map", "0:a:0", "-f", "f32le", "-"])
    return np.frombuffer(raw, "<f4").reshape(-1, channels), rate


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise FfmpegError(f"could not be decoded: ffmpeg did not end within {SECONDS} s") from None
    if done.returncode:
        raise FfmpegError("is not audio that soundfile or ffmpeg can read")
    return done.stdout
