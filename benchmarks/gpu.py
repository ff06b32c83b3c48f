"""A network of Qwen-Audio's size on one GPU: its speed by the bounds of a batch, and what it does out of memory.

usage: python -m benchmarks.gpu [--write FILE] [--clips N] [--layers N] [--device cuda:0]

The weights are random, written once in the official layout; the command then runs as a user starts it. Nothing of its
speed depends on what the weights say, but for where an answer ends: all end at the bound of new tokens.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from benchmarks import corpus
from benchmarks.command import CHECKOUT
from benchmarks.report import deliver, machine, parser, table
from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.network import Network
from evaluate.models.qwen_audio.weights import names
from evaluate.models.tiny.layout import settings_of, write_plan

NEW_TOKENS = 32
DECODER = {"hidden_size": 4096, "kv_channels": 128, "num_attention_heads": 32, "intermediate_size": 22016}
AUDIO = {"n_mels": 80, "n_ctx": 1500, "n_state": 1280, "n_head": 20, "output_dim": 4096}
VOCABULARY = 155_947
"""The released model's sizes; it has 32 layers in each part."""
BOUNDS = {"one by one": (1, 30, 16384), "8": (8, 240, 16384), "the default": (16, 120, 16384), "64": (64, 960, 131072)}
"""Of a batch: clips, seconds, tokens."""
TOO_LARGE = (512, 512 * 30, 10_000_000)
LONG_CLIPS = 512


@dataclass(frozen=True)
class Run:
    """A run of the command, from its run.json."""

    answered: int
    device: dict[str, Any]
    audit: dict[str, Any] | None
    answers: dict[str, str]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--clips", type=int, default=480)
    options.add_argument("--layers", type=int, default=32)
    options.add_argument("--device", default="cuda:0")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = checkpoint(folder / "model", given.layers, given.device)
        bytes_of = sum(path.stat().st_size for path in model.glob("*.safetensors"))
        seconds = corpus.skewed(given.clips, 0.5, 30.0)
        (folder / "clips").mkdir()
        clips = corpus.write(folder / "clips", seconds)
        (folder / "long").mkdir()
        long = corpus.write(folder / "long", [30.0] * min(LONG_CLIPS, given.clips))
        runs = {}
        for number, (label, bounds) in enumerate(BOUNDS.items()):
            limit = {1: given.clips // 8, 8: given.clips // 2}.get(bounds[0], given.clips)
            audit = label == "the default"
            runs[label] = answer(model, clips, folder / f"run{number}", bounds, given.device, limit, audit)
            print(label, runs[label].device, runs[label].audit, flush=True)
        large = answer(model, long, folder / "large", TOO_LARGE, given.device, None, False)
        print("too large", large.device, flush=True)
        usual = answer(model, long, folder / "usual", BOUNDS["the default"], given.device, 64, False)
    deliver(_page(runs, large, usual, seconds, bytes_of, given.device), given.write)


def checkpoint(folder: Path, layers: int, device: str) -> Path:
    """Write a checkpoint of the released model's widths with random weights in bfloat16; it says letters only."""
    ranks = [bytes([byte]) for byte in range(256)]
    settings = settings_of(len(ranks), DECODER | {"num_hidden_layers": layers}, AUDIO | {"n_layer": layers})
    write_plan(folder, ranks, settings | {"vocab_size": VOCABULARY}, "raw")
    architecture = read_architecture(folder)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Network(architecture).state_dict().items()}
    draw = torch.Generator(device).manual_seed(1)
    tensors = {}
    for name, parts in names(architecture).items():
        first, *rest = shapes[parts[0]]
        shape = (first * len(parts), *rest)
        fan_in = torch.Size(rest).numel()
        if len(shape) == 1:
            tensor = torch.full(shape, float("norm" in parts[0] and name.endswith("weight")))
        else:
            tensor = torch.empty(shape, device=device).normal_(0, fan_in**-0.5, generator=draw)
        if name == "lm_head.weight":  # bytes of letters alone, and no end
            tensor[: ord("a")] = tensor[ord("z") + 1 :] = 0
        tensors[name] = tensor.to("cpu", torch.bfloat16)
    save_file(tensors, folder / "model.safetensors")
    return folder


def answer(
    model: Path,
    manifest: Path,
    run: Path,
    bounds: tuple[int, int, int],
    device: str,
    limit: int | None,
    audit: bool,
) -> Run:
    """Run the command once, with batches of so many clips, seconds and tokens."""
    clips, seconds, tokens = bounds
    words = [
        *["-m", "evaluate", "task=asr/manifest", f"task.corpus.manifest={manifest}", f"run.dir={run}"],
        *["model=qwen_audio", f"model.path={model}", "model.dtype=bfloat16", f"engine.devices={device}"],
        *[f"batch.max_clips={clips}", f"batch.max_seconds={seconds}", f"batch.max_tokens={tokens}"],
        *[f"task.generation.max_new_tokens={NEW_TOKENS}", "preflight=off"],
        *([f"limit={limit}"] if limit else []),
        *(["audit=batch"] if audit else []),
    ]
    done = subprocess.run([sys.executable, *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\nended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    record = json.loads((run / "run.json").read_text("utf-8"))
    session = record["sessions"][-1]
    lines = (run / "asr/manifest/predictions.jsonl").read_text("utf-8").splitlines()
    answers = {one["id"]: one["raw"] for one in map(json.loads, lines)}
    audits = record["audit"]
    return Run(session["answered"], session["devices"][0], next(iter(audits.values()), None), answers)


def _page(runs: dict[str, Run], large: Run, usual: Run, seconds: list[float], size: int, device: str) -> str:
    slowest = runs["one by one"].device["clips_per_second"]
    rows = [
        [
            label,
            str(run.answered),
            f"{run.device['clips_per_second']:.2f}",
            f"{run.device['rtfx']:.0f}",
            f"{run.device['clips_per_second'] / slowest:.1f}",
            f"{100 * run.device['waiting'] / (run.device['busy'] + run.device['waiting']):.1f} %",
            f"{run.device['peak_memory'] / 2**30:.0f} GiB",
        ]
        for label, run in runs.items()
    ]
    audit = runs["the default"].audit or {}
    equal = sum(large.answers[name] == said for name, said in usual.answers.items())
    kind = torch.cuda.get_device_name(device) if device.startswith("cuda") else "the CPU"
    return (
        "# One GPU\n\n"
        f"`python -m benchmarks.gpu`: a Qwen-Audio of the released sizes with random weights ({size / 1e9:.1f} GB in "
        f"bfloat16) on {kind}, `python -m evaluate` on {len(seconds)} clips of {min(seconds):.1f} to "
        f"{max(seconds):.1f} s (WAV, 16 kHz), {NEW_TOKENS} new tokens each.\n\n"
        + table(
            [
                "clips in a batch, at most",
                "clips answered",
                "clips a second",
                "times real time",
                "faster",
                "waited",
                "memory",
            ],
            rows,
        )
        + "\n*Waited*: the share of the time in which the GPU had nothing to answer. A sample of "
        f"{audit.get('compared', 0)} clips answered once more, each alone: {len(audit.get('flips', []))} had another "
        f"answer; the smallest lead of a token's logit in it was {audit.get('smallest_margin', float('nan')):.2g}.\n\n"
        f"Out of memory: {large.answered} clips of 30 s as one batch do not fit; halved until they did, "
        f"all were answered ({large.device['workers']} worker, {large.device['peak_memory'] / 2**30:.0f} GiB at most, "
        f"{large.device['rtfx']:.0f} times real time), and {equal} of {len(usual.answers)} that were answered in "
        f"batches of the default bounds too had the same answer.\n\n{machine('torch', 'transformers')}.\n"
    )


if __name__ == "__main__":
    main()
