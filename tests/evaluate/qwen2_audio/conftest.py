"""Fixtures: tiny random checkpoints of Qwen2-Audio, base and Instruct, made once."""

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from qwen2 import loaded, made
from support import CHECKOUT

from evaluate.models.qwen2_audio import Qwen2Audio, Qwen2AudioInstruct


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    return runpy.run_path(str(CHECKOUT / "tests/support/make_qwen2_audio.py"))["make"]


@pytest.fixture(scope="module")
def base(make: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen2_audio")
    make(folder)
    return folder


@pytest.fixture(scope="module")
def instruct(make: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen2_audio_instruct")
    make(folder, instruct=True)
    return folder


@pytest.fixture(scope="module")
def model(base: Path) -> Qwen2Audio:
    return loaded(base)


@pytest.fixture(scope="module")
def talker(instruct: Path) -> Qwen2AudioInstruct:
    model = made(instruct, Qwen2AudioInstruct)
    model.load("cpu")
    return model


@pytest.fixture
def copied(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "checkpoint"))
