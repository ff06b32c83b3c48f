"""The tokenizer gives the recorded ids, and refuses what has no meaning."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parity import recorded

from evaluate.models.base import ModelError
from evaluate.models.qwen_audio.chat import clip_line
from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.model import QwenAudio
from evaluate.models.qwen_audio.tokenizer import Tokenizer, special_tokens

FIGURES = recorded("tokenizer")


@pytest.fixture(scope="module")
def tokenizer(checkpoints: dict[str, Path]) -> Tokenizer:
    return Tokenizer.read(checkpoints["s2048"], read_architecture(checkpoints["s2048"]))


def test_special_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.special == FIGURES["special_tokens"]
    assert len(tokenizer) == FIGURES["meta"]["len"] == 155165


@pytest.mark.parametrize("entry", FIGURES["encode_default"], ids=lambda entry: repr(entry["text"])[:30])
def test_every_special_token_becomes_its_id(tokenizer: Tokenizer, entry: dict[str, Any]) -> None:
    assert tokenizer.encode(entry["text"]).ids == entry["ids"]
    assert tokenizer.decode(entry["ids"]) == entry["decoded"]
    assert tokenizer.decode(entry["ids"], skip_special=True) == entry["decoded_skip"]


@pytest.mark.parametrize("entry", FIGURES["encode_audio_tags_only"], ids=lambda entry: repr(entry["text"])[:30])
def test_in_a_chat_only_audio_tags_do(tokenizer: Tokenizer, entry: dict[str, Any]) -> None:
    assert tokenizer.encode(entry["text"], all_tags=False).ids == entry["ids"]


def test_clips_between_texts(tokenizer: Tokenizer) -> None:
    given = FIGURES["from_list_format"]["in"]
    text, number = "", 0
    for part in given:
        number += "audio" in part
        text += clip_line(number, part["audio"]) if "audio" in part else part["text"]
    assert text == FIGURES["from_list_format"]["out"]
    encoded = tokenizer.encode(text, {"s1.wav": 2, "zh.wav": 1})
    assert encoded.clips == ["s1.wav", "zh.wav"]
    first, second = encoded.starts
    assert encoded.ids[first : first + 4] == [155163, 151851, 151851, 155164]
    assert encoded.ids[second : second + 3] == [155163, 151851, 155164]
    assert encoded.ids.count(155163) == 2


@pytest.mark.parametrize("text", ["<audio>", "a <audio> b", "<audio>a\nb</audio>", "<audio>nobody.wav</audio>"])
def test_a_clip_that_is_not_there(tokenizer: Tokenizer, text: str) -> None:
    with pytest.raises(ModelError, match=r"not closed|not there"):
        tokenizer.encode(text, {"a.wav": 1})


@pytest.mark.parametrize("spare", [155165, 155946])
def test_a_spare_id_has_no_text(tokenizer: Tokenizer, spare: int) -> None:
    with pytest.raises(ModelError, match=f"the id {spare} has no text: 155165 to 155946 are spare"):
        tokenizer.decode([15, spare])


def broken(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "qwen.tiktoken"
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return apply


def configured(key: str, value: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (config["audio"] if key == "audio_start_id" else config)[key] = value
        (folder / "config.json").write_text(json.dumps(config))

    return apply


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (broken(lambda lines: lines[:-1]), "after the 272 ranks .* has the id 3792, .*audio_start_id=3793"),
        (broken(lambda lines: lines[1:]), "its ranks do not count from 0"),
        (broken(lambda lines: [*lines, b"!!! 273\n"]), "line 274: not a piece in base64"),
        (broken(lambda lines: [b"YWI= 0\n", *lines[1:]]), "the byte 0 has no rank"),
        (configured("audio_start_id", 155163), "they are of different checkpoints"),
        (configured("vocab_size", 300), "vocab_size=300, and qwen.tiktoken with the special tokens has 3795"),
    ],
)
def test_a_vocabulary_that_does_not_fit(
    tiny_folders: dict[bool, Path], tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    folder = shutil.copytree(tiny_folders[False], tmp_path / "copy")
    damage(folder)
    with pytest.raises(ModelError, match=said):
        Tokenizer.read(folder, read_architecture(folder))


def test_a_small_vocabulary_shifts_the_special_tokens(tiny: QwenAudio) -> None:
    assert list(tiny.tokenizer.special.values()) == list(range(273, 273 + len(special_tokens())))
    text = "<|startoftranscript|><|en|>thé then 你<|12.34|>"
    assert tiny.tokenizer.decode(tiny.tokenizer.encode(text).ids) == text
