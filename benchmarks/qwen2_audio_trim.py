"""How much faster Qwen2-Audio answers when its encoder runs on the clips and not on 30 s.

usage: python -m benchmarks.qwen2_audio_trim [--write FILE] [--clips N] [--batch N]

Random models on synthetic clips, a batch by transformers' processor and ``generate``, then the same batch by
``evaluate.models.qwen2_audio``, in turn and in one process that is pinned to one core, so that what else the machine
does falls on both. Answers must be equal. What counts is the ratio; seconds are those of the machine.
"""

import argparse
import os
import platform
import runpy
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from evaluate.audio import SAMPLE_RATE
from evaluate.config import Generation, ModelConfig
from evaluate.models.base import Request
from evaluate.models.qwen2_audio import AUDIO, AUDIO_BOS, AUDIO_EOS, Qwen2Audio

SIZES = ((64, 2), (512, 6))
"""Width and layers, of the encoder and of the language model."""
NEW_TOKENS = 24
PROMPT = "Detect the language and recognize the speech: <|en|>"
MEDIAN_SECONDS, SPREAD_OF_SECONDS = 4.3, 0.7
"""Clips are as long as utterances are: a lognormal between 0.5 and 30 s."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the file that the table goes to besides")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    requests = [_request(number, samples) for number, samples in enumerate(_clips(given.clips))]
    rows = [row for width, layers in SIZES for row in _measured(width, layers, requests, given.batch)]
    text = _report(rows, requests, given.batch)
    print(text, end="")
    if given.write:
        given.write.parent.mkdir(parents=True, exist_ok=True)
        given.write.write_text(text, "utf-8")


def _clips(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    seconds = np.clip(draw.lognormal(np.log(MEDIAN_SECONDS), SPREAD_OF_SECONDS, count), 0.5, 30.0)
    return [draw.normal(0, 0.1, round(length * SAMPLE_RATE)).astype(np.float32) for length in seconds]


def _request(number: int, samples: np.ndarray) -> Request:
    return Request(str(number), f"<audio>1</audio>{PROMPT}", "en", None, {}, audio=(samples,))


def _measured(width: int, layers: int, requests: Sequence[Request], size: int) -> list[list[str]]:
    """Two rows of the table: batches in the order of the clips, and of their lengths, as the plan of a run has them."""
    with tempfile.TemporaryDirectory() as folder:
        runpy.run_path("tests/support/make_qwen2_audio.py")["make"](Path(folder), width=width, layers=layers)
        model = Qwen2Audio(ModelConfig(_target_="", name="random", path=folder))
        model.load("cpu")
    by_length = sorted(requests, key=lambda request: -len(request.audio[0]))
    parameters = sum(weight.numel() for weight in model.network.parameters()) / 1e6
    return [
        [f"{parameters:.1f} M", f"{size}, {order}", *_raced(model, ordered, size)]
        for order, ordered in (("as they come", requests), ("by length", by_length))
    ]


def _raced(model: Qwen2Audio, requests: Sequence[Request], size: int) -> list[str]:
    _untrimmed(model, requests[:1])
    _trimmed(model, requests[:1])
    seconds = []
    for first in range(0, len(requests), size):
        batch = requests[first : first + size]
        turns = [_untrimmed, _trimmed] if first // size % 2 else [_trimmed, _untrimmed]
        timed = {run: _timed(run, model, batch) for run in turns}
        (whole, wanted), (cut, told) = timed[_untrimmed], timed[_trimmed]
        if told != wanted:
            raise SystemExit(f"trimmed answers differ from untrimmed ones: {told} and {wanted}")
        seconds.append((*whole, *cut))
    features, generate, features_cut, generate_cut = map(sum, zip(*seconds, strict=True))
    ratio = statistics.median((a + b) / (c + d) for a, b, c, d in seconds)
    return [
        f"{features:.2f} + {generate:.1f}",
        f"{features_cut:.2f} + {generate_cut:.1f}",
        f"{ratio:.1f}",
        f"{(features + generate) / (features_cut + generate_cut):.1f}",
    ]


def _timed(run: Callable[..., Any], *given: Any) -> tuple[tuple[float, float], list[str]]:
    begun = time.process_time()
    prepared, texts = run(*given)
    return (prepared - begun, time.process_time() - prepared), texts


def _untrimmed(model: Qwen2Audio, batch: Sequence[Request]) -> tuple[float, list[str]]:
    """When the inputs were ready, and the answers, by transformers alone."""
    inputs = model.processor(
        text=[f"{AUDIO_BOS}{AUDIO}{AUDIO_EOS}{PROMPT}"] * len(batch),
        audio=[request.audio[0] for request in batch],
        sampling_rate=SAMPLE_RATE,
        return_tensors="pt",
        padding=True,
    )
    prepared = time.process_time()
    with torch.inference_mode():
        rows = model.network.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    rows = rows[:, inputs.input_ids.shape[1] :]
    return prepared, [text.strip() for text in model.tokenizer.batch_decode(rows, skip_special_tokens=True)]


def _trimmed(model: Qwen2Audio, batch: Sequence[Request]) -> tuple[float, list[str]]:
    inputs = model.prepare(batch)
    prepared = time.process_time()
    return prepared, [answer.text for answer in model.generate(inputs, Generation(max_new_tokens=NEW_TOKENS))]


def _report(rows: Sequence[Sequence[str]], requests: Sequence[Request], size: int) -> str:
    lengths = [len(request.audio[0]) / SAMPLE_RATE for request in requests]
    head = ["parameters", "batch", "untrimmed, CPU s", "trimmed, CPU s", "faster, median of batches", "faster, in all"]
    lines = [head, ["---"] * len(head), *rows]
    return (
        "# Qwen2-Audio: the encoder on the clips, not on 30 s\n\n"
        f"`make bench`: {len(requests)} clips of {min(lengths):.1f} to {max(lengths):.1f} s (median "
        f"{statistics.median(lengths):.1f} s, {sum(lengths):.0f} s in all), {NEW_TOKENS} new tokens each at most, "
        "features + generate. All answers equal.\n\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in lines)
        + f"\nfloat32, one thread pinned to one core of {_machine()}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}. Untrimmed is transformers' own processor and `generate`. The vocabulary is "
        "tiny: the head's share is small. Not measured on a GPU.\n"
    )


def _machine() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"a machine with {os.cpu_count()} cores ({names[0] if names else platform.machine()})"


if __name__ == "__main__":
    main()
