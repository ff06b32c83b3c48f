"""Make a tiny Whisper with random weights: a real checkpoint in the usual layout that has learned nothing.

usage: make_whisper.py FOLDER [--multilingual]
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

SEED = 20231130
LANGUAGES = ("en", "zh", "de", "fr", "es")
SPREAD = 8.0
"""Factor on the random weights; as they come, every clip would get the same answer."""
SPEAKS = "abcdefghijklmnopqrstuvwxyzĠ"
"""The bytes it may say (Ġ is the blank), so that its babble can be read."""


def main(folder: Path, multilingual: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = _special_tokens(multilingual)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    ids = {token: number for number, token in enumerate([*letters, *names])}
    _write_tokenizer(folder, letters, names)
    network = _network(ids, multilingual)
    network.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)


def _special_tokens(multilingual: bool) -> list[str]:
    spoken = [f"<|{language}|>" for language in LANGUAGES] if multilingual else []
    return ["<|endoftext|>", "<|startoftranscript|>", *spoken, "<|translate|>", "<|transcribe|>", "<|notimestamps|>"]


def _write_tokenizer(folder: Path, letters: list[str], names: list[str]) -> None:
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(names)
    tokenizer.save(str(folder / "tokenizer.json"))
    end = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    settings = {"tokenizer_class": "WhisperTokenizer", **end, "additional_special_tokens": names[1:]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), "utf-8")


def _network(ids: dict[str, int], multilingual: bool) -> WhisperForConditionalGeneration:
    end, start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
    common = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    config = WhisperConfig(
        vocab_size=len(ids), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=80, **common,
    )  # fmt: skip
    torch.manual_seed(SEED)
    network = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1 and "embed_positions" not in name:
                weight.mul_(SPREAD * (4 if "encoder_attn" in name else 1))
    silent = [number for name, number in ids.items() if name not in SPEAKS and number != end]
    settings = GenerationConfig(
        **common, max_length=448, no_timestamps_token_id=ids["<|notimestamps|>"], is_multilingual=multilingual,
        begin_suppress_tokens=[end], suppress_tokens=silent,
    )  # fmt: skip
    if multilingual:
        settings.lang_to_id = {f"<|{language}|>": ids[f"<|{language}|>"] for language in LANGUAGES}
        settings.task_to_id = {task: ids[f"<|{task}|>"] for task in ("translate", "transcribe")}
    network.generation_config = settings
    return network.eval()


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), "--multilingual" in sys.argv[2:])
