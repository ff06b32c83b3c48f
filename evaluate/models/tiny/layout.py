"""A network into a folder of the official layout, which the released checkpoint's own code loads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluate.models.qwen_audio.network import Network
from evaluate.models.qwen_audio.tokenizer import special_tokens
from evaluate.models.qwen_audio.weights import names
from evaluate.models.tags import CLIP_START
from evaluate.models.tiny.vocabulary import tiktoken_file
from results.files import write_bytes, write_text

SPARE = 6
"""Rows of the embedding without a meaning, as the official one has."""


def settings_of(pieces: int, sizes: Mapping[str, int], audio: Mapping[str, int]) -> dict[str, Any]:
    """``config.json`` for a vocabulary of so many pieces."""
    special = special_tokens()
    return {
        "architectures": ["QWenLMHeadModel"],
        "model_type": "qwen",
        "vocab_size": pieces + len(special) + SPARE,
        **sizes,
        "layer_norm_epsilon": 1e-6,
        "max_position_embeddings": 8192,
        "no_bias": True,
        "rotary_emb_base": 10000,
        "rotary_pct": 1.0,
        "seq_length": 2048,
        "tie_word_embeddings": False,
        "use_dynamic_ntk": True,
        "use_logn_attn": True,
        "audio": {
            **audio,
            "avg_pool": True,
            "add_audio_bos_eos_token": True,
            "audio_start_id": pieces + special.index(CLIP_START),
        },
    }


def write_plan(folder: Path, ranks: Sequence[bytes], settings: Mapping[str, Any], kind: str | None) -> None:
    """All but the weights: ``qwen.tiktoken``, ``config.json``, ``generation_config.json``.

    ``kind`` is raw (the base model), chatml (Chat), or None where the same weights are both.
    """
    generation = {"chat_format": kind, "eos_token_id": len(ranks), "max_window_size": 6144}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "qwen.tiktoken", [tiktoken_file(ranks)])
    write_text(folder / "config.json", json.dumps(settings, indent=1) + "\n")
    write_text(folder / "generation_config.json", json.dumps(generation, indent=1) + "\n")


def write_weights(folder: Path, network: Network, dtype: torch.dtype = torch.float16) -> None:
    """``model.safetensors``: every tensor by its official name. Raises ValueError where ``dtype`` cannot hold one."""
    from safetensors.torch import save

    state = network.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, own in names(network.architecture).items():
        whole = torch.cat([state[part] for part in own]) if len(own) > 1 else state[own[0]]
        tensors[name] = whole.detach().to("cpu", dtype).contiguous()
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} has values that {dtype} does not hold")
    write_bytes(folder / "model.safetensors", [save(tensors, metadata={"format": "pt"})])


def sinusoids(positions: int, width: int) -> np.ndarray:
    """Whisper's table, shape = (positions, width): sines, then cosines, of wavelengths from 2 pi to 10,000 * 2 pi."""
    rates = np.exp(-np.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(positions)[:, None] * rates
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1).astype(np.float32)
