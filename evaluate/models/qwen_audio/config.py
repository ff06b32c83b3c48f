"""What a checkpoint's folder says of itself: config.json and generation_config.json, checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluate.models.base import ModelError, read_json

CLIP_FRAMES = 3000
"""Mel frames of the longest clip, 30 s; the positional table has half as many rows."""
FIXED = {
    "no_bias": True,
    "tie_word_embeddings": False,
    "rotary_pct": 1.0,
    "scale_attn_weights": True,
    "audio.avg_pool": True,
    "audio.add_audio_bos_eos_token": True,
    "audio.n_ctx": CLIP_FRAMES // 2,
}
"""Settings that all released checkpoints share, and the only ones that are implemented; one left out has this value."""


@dataclass(frozen=True)
class Architecture:
    """Sizes and switches of the network."""

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    head_size: int
    inner_size: int
    """Width inside of a decoder layer's MLP: half of what config.json calls intermediate_size."""
    norm_eps: float
    rotary_base: float
    seq_length: int
    """Trained length in tokens; past it dynamic NTK and logn scaling act."""
    max_length: int
    """Tokens that a prompt and its answer may have together."""
    dynamic_ntk: bool
    logn: bool
    mels: int
    audio_size: int
    audio_layers: int
    audio_heads: int
    audio_start: int
    """The id of <audio>; </audio> is the next one."""


def read_architecture(folder: Path) -> Architecture:
    """Read config.json. Raises ModelError for another model's, and for one with a setting that is not implemented."""
    settings = read_json(folder / "config.json")
    if settings.get("model_type") != "qwen" or not isinstance(settings.get("audio"), dict):
        raise ModelError(
            f"{folder.name}/config.json is not Qwen-Audio's: its model_type is {settings.get('model_type')!r}, and "
            f"{'there is' if 'audio' in settings else 'no'} part 'audio'; Qwen-Audio has model_type 'qwen' with one"
        )
    flat = settings | {f"audio.{key}": value for key, value in settings["audio"].items()}
    for key, value in FIXED.items():
        if flat.get(key, value) != value:
            raise ModelError(f"{folder.name}/config.json: {key} is {flat[key]!r}, and only {value!r} is implemented")
    architecture = Architecture(
        vocab_size=_number(folder, flat, "vocab_size"),
        hidden_size=_number(folder, flat, "hidden_size"),
        layers=_number(folder, flat, "num_hidden_layers"),
        heads=_number(folder, flat, "num_attention_heads"),
        head_size=_number(folder, flat, "kv_channels"),
        inner_size=_number(folder, flat, "intermediate_size") // 2,
        norm_eps=_real(folder, flat, "layer_norm_epsilon", 1e-6),
        rotary_base=_real(folder, flat, "rotary_emb_base", 10_000.0),
        seq_length=_number(folder, flat, "seq_length"),
        max_length=_number(folder, flat, "max_position_embeddings"),
        dynamic_ntk=bool(flat.get("use_dynamic_ntk", True)),
        logn=bool(flat.get("use_logn_attn", True)),
        mels=_number(folder, flat, "audio.n_mels"),
        audio_size=_number(folder, flat, "audio.n_state"),
        audio_layers=_number(folder, flat, "audio.n_layer"),
        audio_heads=_number(folder, flat, "audio.n_head"),
        audio_start=_number(folder, flat, "audio.audio_start_id"),
    )
    if flat.get("audio.output_dim", architecture.hidden_size) != architecture.hidden_size:
        raise ModelError(f"{folder.name}/config.json: audio.output_dim and hidden_size differ")
    if architecture.seq_length < 2 or architecture.audio_size % architecture.audio_heads:
        raise ModelError(f"{folder.name}/config.json: seq_length is at least 2, and audio.n_head divides audio.n_state")
    return architecture


def read_generation(folder: Path) -> dict[str, Any]:
    """generation_config.json, of which ``chat_format`` tells the base model from Chat; {} where there is none."""
    return read_json(folder / "generation_config.json")


def _real(folder: Path, settings: Mapping[str, Any], key: str, default: float) -> float:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ModelError(f"{folder.name}/config.json: {key} is {value!r}, and it is a number above 0")
    return float(value)


def _number(folder: Path, settings: Mapping[str, Any], key: str) -> int:
    value = settings.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError(f"{folder.name}/config.json: {key} is {value!r}, and it is a whole number above 0")
    return value
