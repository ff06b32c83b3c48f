"""What decoding costs: ``evaluate.audio.load`` beside the two libraries alone, and beside an ffmpeg process a file.

usage: python -m benchmarks.decoding [--write FILE] [--times N]

A clip of 10 s, 44.1 kHz, stereo, 16 bit WAV, to 16 kHz mono float32. The ways take turns in one process, and what
counts is CPU time, that of child processes included, so that what else the machine does falls on none.
"""

import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.report import deliver, machine, parser, table
from datasets_prep.manifest import Clip
from evaluate import audio

SECONDS, RATE = 10, 44_100
ALLOWED = 1.2


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=50)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        noise = np.random.default_rng(1).normal(0, 0.1, (SECONDS * RATE, 2))
        soundfile.write(path, noise, RATE, subtype="PCM_16")
        ways: dict[str, Callable[[], np.ndarray]] = {
            "soundfile + soxr alone": lambda: _libraries(path),
            "`evaluate.audio.load`": lambda: _ours(path),
            "`load` and the sha256 of what was heard": lambda: _hashed(path),
            "an ffmpeg process": lambda: _ffmpeg(path),
        }
        if not np.array_equal(_libraries(path), _ours(path)):
            raise SystemExit("evaluate.audio.load gives other samples than soundfile and soxr")
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.times):
            for name, way in ways.items():
                begun = _cpu()
                way()
                spent[name].append(_cpu() - begun)
    deliver(_report(spent, given.times), given.write)


def _libraries(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mixed = samples.mean(axis=1, dtype=np.float32)
    return np.asarray(soxr.resample(mixed, rate, audio.SAMPLE_RATE, "HQ"))


def _ours(path: Path) -> np.ndarray:
    return audio.load(Clip(path.name), path.parent).samples


def _hashed(path: Path) -> np.ndarray:
    recording = audio.load(Clip(path.name), path.parent)
    recording.sha256()
    return recording.samples


def _ffmpeg(path: Path) -> np.ndarray:
    """As the papers' scripts do it (whisper's ``load_audio``)."""
    words = ["ffmpeg", "-nostdin", "-threads", "0", "-i", str(path), "-f", "s16le", "-ac", "1"]
    words += ["-acodec", "pcm_s16le", "-ar", str(audio.SAMPLE_RATE), "-"]
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.int16).astype(np.float32) / 32768.0


def _cpu() -> float:
    """Seconds of CPU of this process and of its children that have ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _report(spent: dict[str, list[float]], times: int) -> str:
    medians = {name: statistics.median(values) for name, values in spent.items()}
    base = medians["soundfile + soxr alone"]
    rows = [[name, f"{1000 * value:.1f}", f"{value / base:.2f}"] for name, value in medians.items()]
    held = medians["`evaluate.audio.load`"] / base <= ALLOWED
    return (
        "# Decoding\n\n"
        f"`python -m benchmarks.decoding`: a clip of {SECONDS} s, {RATE / 1000:g} kHz, stereo, 16 bit WAV, to 16 kHz "
        f"mono float32; the same samples by the first three. Median of {times}, in turn, child processes included.\n\n"
        + table(["way", "CPU ms", "times soundfile + soxr"], rows)
        + f"\nAllowed for `evaluate.audio.load`: {ALLOWED:g} times; {'held' if held else 'not held'}. "
        f"{machine('numpy', 'soundfile', 'soxr')}; one thread.\n"
    )


if __name__ == "__main__":
    main()
