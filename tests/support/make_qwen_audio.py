"""Make a tiny Qwen-Audio with random weights: a real checkpoint in the official layout that has learned nothing.

It hears (another clip gets another answer), and babbles in lower-case letters.

usage: make_qwen_audio.py FOLDER [--chat]
"""

import sys
from pathlib import Path

import numpy as np

from evaluate.models.qwen_audio.tokenizer import END, special_tokens
from evaluate.models.tiny.layout import SPARE, settings_of, sinusoids, write_plan

SEED = 20231130
PIECES = ("th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "ti", "es", "or", "the", "and", "ing", "ion")
"""What its vocabulary has beside the 256 bytes."""
LETTERS = "abcdefghijklmnopqrstuvwxyz "
SIZES = {
    "hidden_size": 32,
    "kv_channels": 8,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
}
AUDIO_SIZES = {"n_mels": 80, "n_ctx": 1500, "n_state": 32, "n_head": 2, "n_layer": 1, "output_dim": 32}


def make(folder: Path, chat: bool = False) -> None:
    """Write the checkpoint, as the base model or as Chat: the same bytes everywhere."""
    ranks = [*(bytes([byte]) for byte in range(256)), *(piece.encode() for piece in PIECES)]
    write_plan(folder, ranks, settings_of(len(ranks), SIZES, AUDIO_SIZES), "chatml" if chat else "raw")
    (folder / "model.safetensors").write_bytes(_weights(ranks))


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
    tensors |= {f"{audio}positional_embedding": sinusoids(AUDIO_SIZES["n_ctx"], wide)}
    for number in range(AUDIO_SIZES["n_layer"]):
        block = f"{audio}blocks.{number}."
        for part in ("query", "key", "value", "out"):
            tensors |= linear(f"{block}attn.{part}", wide, wide, bias=part != "key")
        tensors |= norm(block + "attn_ln", wide) | norm(block + "mlp_ln", wide)
        tensors |= linear(block + "mlp.0", 4 * wide, wide) | linear(block + "mlp.2", wide, 4 * wide)
    tensors |= norm(audio + "ln_post", wide) | linear(audio + "proj", size, wide, spread=3.0)
    tensors |= {f"{audio}audio_bos_eos_token.weight": normal(2, size, spread=1.0)}
    return save(tensors)


if __name__ == "__main__":
    make(Path(sys.argv[1]), chat="--chat" in sys.argv[2:])
