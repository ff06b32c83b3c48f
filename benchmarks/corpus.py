"""What the benchmarks run on: synthetic clips with a manifest, and checkpoints with random weights."""

import json
import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from evaluate.audio import SAMPLE_RATE

MAKERS = Path(__file__).parents[1] / "tests" / "support"
WORDS = ("a", "bird", "sings", "over", "the", "rain", "and", "doors", "shut")


def skewed(count: int, shortest: float, longest: float, median: float = 4.3, sigma: float = 0.7) -> list[float]:
    """Seconds of clips as utterances have them: a lognormal, cut off at both ends."""
    draw = np.random.default_rng(1)
    return np.clip(draw.lognormal(np.log(median), sigma, count), shortest, longest).round(2).tolist()


def write(folder: Path, seconds: Sequence[float], suffix: str = ".wav") -> Path:
    """Write a clip of coloured noise for each length, 16 kHz mono in 16 bits, and their manifest; returns its path."""
    draw = np.random.default_rng(2)
    lines = []
    for number, length in enumerate(seconds):
        samples = draw.normal(0, 0.1, round(length * SAMPLE_RATE))
        samples[:: int(draw.integers(2, 80))] *= 3  # no two clips sound alike
        path = folder / f"{number:05}{suffix}"
        soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
        reference = " ".join(draw.choice(WORDS, 8))
        lines.append(json.dumps({"id": path.stem, "audio": path.name, "reference": reference, "language": "en"}))
    manifest = folder / "clips.jsonl"
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    return manifest


def qwen2_audio(folder: Path, width: int, layers: int) -> Path:
    """Make a Qwen2-Audio with random weights; returns its folder."""
    runpy.run_path(str(MAKERS / "make_qwen2_audio.py"))["make"](folder, width=width, layers=layers)
    return folder
