"""A tiny Qwen-Audio with random weights, made on the spot in the official layout.

It hears (another clip gets another answer), it babbles in lower-case letters, and has learned nothing.
"""

import base64
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from evaluate.compose import CONFIGS
from evaluate.config import ModelConfig
from evaluate.models.base import ModelError
from evaluate.models.qwen_audio.model import QwenAudio
from evaluate.models.qwen_audio.tokenizer import END, special_tokens
from evaluate.models.tags import CLIP_START

SEED = 20231130
PLACE = CONFIGS.parent / "results" / "runs" / "tiny-qwen-audio"
PIECES = ("th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "ti", "es", "or", "the", "and", "ing", "ion")
"""What its vocabulary has beside the 256 bytes."""
LETTERS = "abcdefghijklmnopqrstuvwxyz "
SPARE = 6
"""Rows of the embedding without a meaning, as the official one has."""
SIZES = {
    "hidden_size": 32,
    "kv_channels": 8,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
}
AUDIO_SIZES = {"n_mels": 80, "n_ctx": 1500, "n_state": 32, "n_head": 2, "n_layer": 1, "output_dim": 32}


class TinyQwenAudio(QwenAudio):
    """The base model on the tiny checkpoint, which is made below results/runs.

    For tests and demonstrations it also takes prompts in plain words.
    """

    prompt_styles = ("qwen_audio", "plain")

    def __init__(self, config: ModelConfig):
        if config.path is not None:
            raise ModelError(f"model.path={config.path}: model=tiny makes its own; model=qwen_audio takes a folder")
        make(PLACE, replace=True)
        super().__init__(ModelConfig(**{**config.__dict__, "path": str(PLACE)}))


def make(folder: Path, chat: bool = False, replace: bool = False) -> None:
    """Write the checkpoint, as the base model or as Chat: the same bytes everywhere; files that hold them stay.

    Raises ModelError for a folder with files in it, unless it is the harness's own to ``replace``.
    """
    if not replace and folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder} is not empty, and nothing in it is overwritten; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    ranks = [*(bytes([byte]) for byte in range(256)), *(piece.encode() for piece in PIECES)]
    first_special = len(ranks)
    generation = {"chat_format": "chatml" if chat else "raw", "eos_token_id": first_special, "max_window_size": 6144}
    lines = (f"{base64.b64encode(piece).decode()} {rank}\n" for rank, piece in enumerate(ranks))
    _write(folder / "qwen.tiktoken", "".join(lines).encode())
    _write(folder / "config.json", json.dumps(_config(first_special), indent=1).encode())
    _write(folder / "generation_config.json", json.dumps(generation, indent=1).encode())
    _write(folder / "model.safetensors", _weights(ranks))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: two runs may make the checkpoint at the same time."""
    if path.is_file() and path.read_bytes() == content:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)  # noqa: PTH101
    Path(file.name).replace(path)


def _config(first_special: int) -> dict[str, object]:
    names = special_tokens()
    return {
        "architectures": ["QWenLMHeadModel"],
        "model_type": "qwen",
        "vocab_size": first_special + len(names) + SPARE,
        **SIZES,
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
            **AUDIO_SIZES,
            "avg_pool": True,
            "add_audio_bos_eos_token": True,
            "audio_start_id": first_special + names.index(CLIP_START),
        },
    }


def _weights(ranks: list[bytes]) -> bytes:
    """All tensors by their official names, as a safetensors file."""
    from safetensors.numpy import save

    draws = np.random.RandomState(SEED)  # its stream is frozen, unlike that of newer generators
    size, inner, wide = SIZES["hidden_size"], SIZES["intermediate_size"] // 2, AUDIO_SIZES["n_state"]
    rows = len(ranks) + len(special_tokens()) + SPARE

    def normal(*shape: int, spread: float) -> np.ndarray:
        return (spread * draws.standard_normal(shape)).astype(np.float32)

    def linear(name: str, out: int, into: int, bias: bool = True, spread: float = 1.5) -> dict[str, np.ndarray]:
        made = {f"{name}.weight": normal(out, into, spread=spread / into**0.5)}
        return made | ({f"{name}.bias": normal(out, spread=0.1)} if bias else {})

    def norm(name: str, width: int, bias: bool = True) -> dict[str, np.ndarray]:
        made = {f"{name}.weight": np.ones(width, np.float32)}
        return made | ({f"{name}.bias": np.zeros(width, np.float32)} if bias else {})

    said = [ranks.index(letter.encode()) for letter in LETTERS] + [len(ranks) + special_tokens().index(END)]
    head = np.zeros((rows, size), np.float32)
    head[said] = normal(len(said), size, spread=1.0)
    tensors = {"transformer.wte.weight": normal(rows, size, spread=0.5), "lm_head.weight": head}
    tensors |= norm("transformer.ln_f", size, bias=False)
    for number in range(SIZES["num_hidden_layers"]):
        layer = f"transformer.h.{number}."
        tensors |= norm(layer + "ln_1", size, bias=False) | norm(layer + "ln_2", size, bias=False)
        tensors |= linear(layer + "attn.c_attn", 3 * size, size, spread=3.0) | linear(
            layer + "attn.c_proj", size, size, bias=False, spread=3.0
        )
        tensors |= linear(layer + "mlp.w1", inner, size, bias=False) | linear(layer + "mlp.w2", inner, size, bias=False)
        tensors |= linear(layer + "mlp.c_proj", size, inner, bias=False)
    audio = "transformer.audio."
    for name, into in (("conv1", AUDIO_SIZES["n_mels"]), ("conv2", wide)):
        tensors |= {f"{audio}{name}.weight": normal(wide, into, 3, spread=(3 * into) ** -0.5)}
        tensors |= {f"{audio}{name}.bias": normal(wide, spread=0.1)}
    tensors |= {f"{audio}positional_embedding": _sinusoids(AUDIO_SIZES["n_ctx"], wide)}
    for number in range(AUDIO_SIZES["n_layer"]):
        block = f"{audio}blocks.{number}."
        for part in ("query", "key", "value", "out"):
            tensors |= linear(f"{block}attn.{part}", wide, wide, bias=part != "key")
        tensors |= norm(block + "attn_ln", wide) | norm(block + "mlp_ln", wide)
        tensors |= linear(block + "mlp.0", 4 * wide, wide) | linear(block + "mlp.2", wide, 4 * wide)
    tensors |= norm(audio + "ln_post", wide) | linear(audio + "proj", size, wide, spread=3.0)
    tensors |= {f"{audio}audio_bos_eos_token.weight": normal(2, size, spread=1.0)}
    return save(tensors)


def _sinusoids(positions: int, width: int) -> np.ndarray:
    """Whisper's table, shape = (positions, width): sines, then cosines, of wavelengths from 2 pi to 10,000 * 2 pi."""
    rates = np.exp(-np.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(positions)[:, None] * rates
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1).astype(np.float32)


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: python -m evaluate.models.qwen_audio.tiny FOLDER [--chat]")
    try:
        make(Path(sys.argv[1]), chat="--chat" in sys.argv[2:])
    except ModelError as error:
        sys.exit(str(error))
