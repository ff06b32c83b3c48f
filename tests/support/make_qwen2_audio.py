"""Make a tiny Qwen2-Audio with random weights: a real checkpoint in the usual layout that has learned nothing.

usage: make_qwen2_audio.py FOLDER [--instruct] [--width N] [--layers N]
"""

import argparse
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    GenerationConfig,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Qwen2Tokenizer,
    WhisperFeatureExtractor,
)

SEED = 20240715
SPREAD = 4.0
"""Factor on the random weights; as they come, every clip would get the same answer."""
LANGUAGES = ("en", "zh", "yue", "de", "fr", "es", "it", "ja", "ko")
TAGS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
    *("<|startoftranscript|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"),
    *(f"<|{language}|>" for language in LANGUAGES),
)
SPEAKS = "abcdefghijklmnopqrstuvwxyzĠ"
"""The bytes it may say (Ġ is the blank), so that its babble can be read."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--instruct", action="store_true", help="ends its turns, and has a chat template")
    parser.add_argument("--width", type=int, default=32, help="hidden size of encoder and language model")
    parser.add_argument("--layers", type=int, default=2, help="of the encoder, and of the language model")
    given = parser.parse_args()
    make(given.folder, given.instruct, given.width, given.layers)


def make(folder: Path, instruct: bool = False, width: int = 32, layers: int = 2) -> None:
    """Write the checkpoint into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    processor = _processor(instruct)
    processor.save_pretrained(folder)
    if not instruct:
        (folder / "chat_template.jinja").unlink()
    _network(processor.tokenizer.get_vocab(), instruct, width, layers).save_pretrained(folder)


def _processor(instruct: bool) -> Qwen2AudioProcessor:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={token: number for number, token in enumerate([*letters, *TAGS])},
        merges=[],
        eos_token="<|im_end|>" if instruct else "<|endoftext|>",
        extra_special_tokens=list(TAGS),
    )
    return Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=128), tokenizer)


def _network(ids: dict[str, int], instruct: bool, width: int, layers: int) -> Qwen2AudioForConditionalGeneration:
    heads = max(2, width // 64)
    config = Qwen2AudioConfig(
        audio_config={
            "d_model": width, "encoder_layers": layers, "encoder_attention_heads": heads, "encoder_ffn_dim": 4 * width,
        },
        text_config={
            "vocab_size": len(ids), "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_key_value_heads": heads, "max_position_embeddings": 8192,
            "tie_word_embeddings": False,
        },
        audio_token_index=ids["<|AUDIO|>"],
    )  # fmt: skip
    torch.manual_seed(SEED)
    network = Qwen2AudioForConditionalGeneration(config)
    end = ids["<|im_end|>" if instruct else "<|endoftext|>"]
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1 and "embed_positions" not in name:
                weight.mul_(SPREAD)
        silent = [number for name, number in ids.items() if name not in SPEAKS and number != end]
        network.lm_head.weight[silent] = 0.0
    network.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=ids["<|endoftext|>"])
    return network.eval()


if __name__ == "__main__":
    main()
