"""Fixtures: the checkpoint of the recorded figures, and the tiny one with its own vocabulary; each made once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from make_qwen_audio import make
from parity import make_checkpoints

from evaluate.config import Dtype, ModelConfig
from evaluate.models.qwen_audio.model import QwenAudio, QwenAudioChat


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_checkpoints(tmp_path_factory.mktemp("parity"))


@pytest.fixture(scope="session")
def original(checkpoints: dict[str, Path]) -> Callable[[str], QwenAudio]:
    """The recorded model by variant, loaded once."""
    loaded: dict[str, QwenAudio] = {}

    def load(variant: str) -> QwenAudio:
        if variant not in loaded:
            loaded[variant] = QwenAudio(ModelConfig(_target_="", name="q", path=str(checkpoints[variant])))
            loaded[variant].load("cpu")
        return loaded[variant]

    return load


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The tiny checkpoint, as base (False) and as Chat (True)."""
    folder = tmp_path_factory.mktemp("tiny")
    for chat in (False, True):
        make(folder / str(chat), chat=chat)
    return {chat: folder / str(chat) for chat in (False, True)}


@pytest.fixture(scope="session")
def tiny(tiny_folders: dict[bool, Path]) -> QwenAudio:
    model = QwenAudio(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[False]), dtype=Dtype.float32))
    model.load("cpu")
    return model


@pytest.fixture(scope="session")
def tiny_chat(tiny_folders: dict[bool, Path]) -> QwenAudioChat:
    model = QwenAudioChat(ModelConfig(_target_="", name="tiny", path=str(tiny_folders[True])))
    model.load("cpu")
    return model
