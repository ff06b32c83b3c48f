"""The recorded figures of the original Qwen-Audio, and the checkpoint they were computed with."""

import hashlib
import importlib.util
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support import CHECKOUT

DATA = CHECKOUT / "tests" / "data" / "qwen_audio"
VOCABULARY_SHA256 = "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"
VARIANTS = ("s2048", "s64")


@cache
def recorded(name: str) -> dict[str, Any]:
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


@cache
def arrays(variant: str) -> dict[str, np.ndarray]:
    with np.load(DATA / f"{variant}.npz") as file:
        return dict(file)


def cases(variant: str) -> dict[str, Any]:
    return recorded(variant)["cases"]


def samples(clip: str, variant: str = "s2048") -> np.ndarray:
    """A clip as float32 in [-1, 1], 16 kHz."""
    return arrays(variant)[f"{clip}.pcm16"].astype(np.float32) / 32768


def vocabulary() -> Path:
    """The published qwen.tiktoken, which the development dependency dashscope holds; it is not imported."""
    spec = importlib.util.find_spec("dashscope")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("dashscope is not installed; it holds the published vocabulary")
    path = Path(spec.submodule_search_locations[0]) / "resources" / "qwen.tiktoken"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == VOCABULARY_SHA256
    return path


def weights() -> dict[str, torch.Tensor]:
    """By their official names, drawn in the recorded order."""
    draws = torch.Generator().manual_seed(20231130)
    drawn = {}
    for name, shape, kind in json.loads((DATA / "weights.json").read_text()):
        if kind.startswith("buffer"):
            drawn[name] = _sinusoids(*shape)
            continue
        draw = torch.randn(shape, generator=draws)
        drawn[name] = 1 + float(kind[2:-1]) * draw if kind.startswith("1+") else float(kind[:-1]) * draw
    return drawn


def make_checkpoints(folder: Path) -> dict[str, Path]:
    """A folder a variant in the official layout, as the base model."""
    save_file(weights(), folder / "model.safetensors")
    made = {variant: folder / variant for variant in VARIANTS}
    for variant, path in made.items():
        path.mkdir()
        (path / "model.safetensors").symlink_to(folder / "model.safetensors")
        (path / "qwen.tiktoken").symlink_to(vocabulary())
        (path / "config.json").write_text(json.dumps(recorded(variant)["config"]))
        (path / "generation_config.json").write_text('{"chat_format": "raw"}')
    return made


def _sinusoids(positions: int, width: int) -> torch.Tensor:
    """Whisper's positional table."""
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(positions)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)
