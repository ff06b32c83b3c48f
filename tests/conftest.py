"""Fixtures: a tiny real checkpoint, recordings made on the spot, a user's own folder of configuration."""

import contextlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from metrics.java import find_java


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    """REQUIRE_ALL=1, in CI: a skipped test is a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("REQUIRE_ALL") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and REQUIRE_ALL is set: {report.longrepr}"


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("ffmpeg is not installed; it decodes what soundfile cannot")
    return "ffmpeg"


@pytest.fixture(scope="session")
def java() -> str:
    found = find_java()
    if found is None:
        pytest.skip("no Java is installed; METEOR and the PTB tokenizer of captions run in it")
    return found


@pytest.fixture(scope="session")
def espeak() -> str:
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed; it speaks the sentences of the miniature")
    return "espeak-ng"


@pytest.fixture(scope="session")
def make_whisper(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A maker of tiny random Whisper checkpoints, each made once."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*options: str) -> Path:
        if options not in made:
            import make_whisper
            import torch

            folder = tmp_path_factory.mktemp("whisper") / "checkpoint"
            with torch.random.fork_rng(), contextlib.redirect_stderr(io.StringIO()):  # transformers shows a bar
                make_whisper.main(folder, multilingual="--multilingual" in options)
            made[options] = folder
        return made[options]

    return make


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., Path]:
    """A maker of short sine waves, as files."""

    def make(name: str, seconds: float = 0.5, rate: int = 16_000, channels: int = 1, **options: Any) -> Path:
        time = np.arange(round(seconds * rate)) / rate
        wave = 9_000 * np.sin(2 * np.pi * 440 * time)
        path = tmp_path / name
        columns = [wave * (1 - 0.5 * channel) for channel in range(channels)]
        soundfile.write(path, np.stack(columns, axis=1).astype(np.int16), rate, **options)
        return path

    return make


ECHO_MODEL = '''
"""A double of a model: says the length of what it heard; does as the sample's field 'does' tells it."""
import contextlib, ctypes, os, socket, sys, threading, time
from evaluate.models.base import Model

class Echo(Model):
    prompt_styles = ("plain",)
    max_seconds = 1.0
    options = {"nap": 0.0}

    def load(self, device):
        self.device = device

    def prepare(self, requests):
        return requests

    def generate(self, batch, generation):
        time.sleep(self.option("nap"))
        for request in batch:
            if mark := request.fields.get("once"):
                if os.path.exists(mark): continue
                open(mark, "w").close()
            match request.fields.get("does"):
                case "raise": raise ValueError("no answer in /some/where/secret.py")
                case "die": os.kill(os.getpid(), 9)
                case "signal": os.kill(os.getpid(), 40)  # one without a name
                case "orphan":  # what it started lives on, and holds all that the worker held
                    os.fork() and os.kill(os.getpid(), 9)
                    time.sleep(8)
                    os._exit(0)
                case "quit":
                    threading.Thread(target=time.sleep, args=(600,)).start()
                    sys.exit()
                case "scribble":
                    for end in range(3, 30):
                        with contextlib.suppress(OSError): socket.socket(fileno=end).send(b"\\0\\0\\0\\5scrib")
                    time.sleep(600)
                case "garble": raise ValueError("no text \\ud800")
                case "stall": time.sleep(600)
                case "hold": ctypes.PyDLL(None).sleep(600)  # native code that keeps the interpreter's lock
                case "exhaust": raise MemoryError
                case "crowd" if len(batch) > 1: raise MemoryError
        return [f"{sum(len(clip) for clip in request.audio)} samples" for request in batch]
'''

ECHO_TASK = """
name: own/echo
corpus: {name: manifest}
prompt: {plain: "How long? {hint}"}
metrics: {accuracy: {}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's own folder of configuration outside of the checkout, with a task, a suite, a model and its class."""
    folder = tmp_path / "own configs"
    for group in ("task/own", "suite", "model"):
        (folder / group).mkdir(parents=True)
    (folder / "echo_model.py").write_text(ECHO_MODEL)
    (folder / "model/echo.yaml").write_text("_target_: echo_model.Echo\nname: echo\npath: null\n")
    (folder / "task/own/echo.yaml").write_text(ECHO_TASK)
    (folder / "suite/twice.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - /task@tasks.first: own/echo\n  - /task@tasks.second: own/echo\n  - _self_\n"
        "tasks:\n  first: {name: own/first}\n  second: {name: own/second}\n"
    )
    return folder
