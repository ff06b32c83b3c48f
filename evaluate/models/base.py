"""The seam for models: what the harness asks of one, and the words in which it asks."""

import hashlib
import importlib
import inspect
import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from evaluate.config import Generation, ModelConfig
from metrics.base import nearest

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
SMALL_FILES = ("*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
"""Beside the weights, what decides answers: configuration, vocabulary, chat template."""
PROBES = 16
"""Blocks of 64 KiB, evenly spaced, that stand for a weights file in its fingerprint."""


class ModelError(ValueError):
    """A model that cannot be used as asked; one sentence, before any answer is made."""


class UnsuitedError(ModelError):
    """A task that a model of this kind cannot do; a suite leaves it out and says so."""


@dataclass(frozen=True)
class Request:
    """A sample rendered for one model."""

    id: str
    prompt: str
    """What the model reads; clip K stands as ``<audio>K</audio>``."""
    language: str | None
    """Of the speech (ISO 639-1), or None where nobody said."""
    target_language: str | None
    """Of the answer, where it differs (translation)."""
    fields: Mapping[str, Any]
    clips: int = 1
    audio: tuple[np.ndarray, ...] = ()
    """Clips, each float32, shape = (n_samples,), 16 kHz mono; filled in the worker."""


@dataclass(frozen=True)
class Answer:
    """What a model said to one request."""

    text: str
    prompt_tokens: int | None = None
    """Tokens of the prompt, without padding."""
    new_tokens: int | None = None
    """Tokens of the answer, without padding and end token."""
    hit_max_new_tokens: bool = False
    margin: float | None = None
    """By how much the logit of each token led the next best, at least; None where ``Model.margins`` does not ask."""


class Model(ABC):
    """An audio-language model.

    Made once in the parent, where it must stay cheap (no weights, no device), and once in each worker, where ``load``
    follows. ``prepare`` runs on a thread while ``generate`` answers an earlier batch, so it must not touch the device.
    """

    prompt_styles: ClassVar[tuple[str, ...]]
    """In order of preference; the first that a task has a prompt for is used."""
    max_seconds: ClassVar[float | None] = None
    """The largest clip that the model hears whole; longer ones follow the task's ``long_audio``."""
    rows_per_second: ClassVar[float] = 25.0
    """Positions that a second of audio takes in what the model reads; for ``tokens``."""
    preload: ClassVar[tuple[str, ...]] = ()
    """Modules that are imported once, in the process that workers are forked from; none may touch a device."""
    needs_clips: ClassVar[bool] = True
    """Whether a prompt without any clip (control=no_audio) is beyond it."""
    can_split: ClassVar[bool] = False
    """Whether ``load`` spreads the weights over all ``devices``."""
    devices: Sequence[str] = ("cpu",)
    """torch's names of the worker's devices; set before ``load``, which is given the first."""
    margins: bool = False
    """Whether the answer to a single request is to tell its margin, where the class can; set by the worker."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Settings of this model's own with their defaults, set as ``model.options.KEY``."""

    def __init__(self, config: ModelConfig):
        self.config = config
        for key in config.options:
            if key not in self.options:
                raise ModelError(f"model.options.{key}: {config.name} has no such option{nearest(key, self.options)}")

    def option(self, key: str) -> Any:
        return self.config.options.get(key, self.options[key])

    def check(self, generation: Generation) -> None:  # noqa: B027 - most models take any setting
        """Raise ModelError where the model cannot generate so. Called in the parent, once a task."""

    def check_text(self, text: str) -> None:  # noqa: B027 - to most models, text is text
        """Raise ModelError for a sample's own text that the model would read as more than text. Called in the parent,
        for each value that a prompt takes from a sample."""

    def render(self, prompt: str, request: Request) -> str:
        """The prompt as the model reads it. Raises ModelError for one that it cannot. Called in the parent."""
        return prompt

    def tokens(self, request: Request, seconds: float, generation: Generation) -> int:
        """About how many positions a request takes, prompt, audio and answer together: batches are bounded by it. A
        function of the request alone, without a tokenizer."""
        return math.ceil(self.rows_per_second * seconds) + len(request.prompt.encode()) // 3 + generation.max_new_tokens

    @abstractmethod
    def load(self, device: str) -> None:
        """Load the weights onto a device ('cpu', 'cuda:0'). Raises ModelError for a checkpoint that is not whole."""

    @abstractmethod
    def prepare(self, requests: Sequence[Request]) -> Any:
        """Features and tokens of a batch, on the CPU."""

    @abstractmethod
    def generate(self, batch: Any, generation: Generation) -> Sequence[Answer | str]:
        """Answer a batch, one answer a request, in order. Greedy where the temperature is 0, whatever the checkpoint's
        own settings say; above 0, drawn from ``sample_seed``."""

    def first_logits(self, batch: Any) -> np.ndarray | None:
        """Logits of the first new token of each answer to a prepared batch, float32, shape = (n, vocab_size): by them a
        model is asked whether it hears, before a run. None where it cannot tell."""
        return None

    def fingerprint(self) -> dict[str, str]:
        """What decides the answers besides prompt and settings; equal fingerprints promise equal answers."""
        sources = [inspect.getsourcefile(c) for c in type(self).__mro__ if c.__module__ not in ("builtins", "abc")]
        return {
            "model": self.config.name,
            "dtype": self.config.dtype.name,
            "options": repr({key: self.option(key) for key in sorted(self.options)}),
            "model_code": _sha256([Path(source) for source in sources if source]),
        }


@dataclass
class Checkpoint:
    """A folder with a model's files, local or from the hub."""

    path: str
    """As it was given: a folder or a hub id."""
    revision: str | None = None
    patterns: Sequence[str] = field(default=(*WEIGHTS, *SMALL_FILES))

    def folder(self) -> Path:
        """The local folder. Raises ModelError where there is none, or one without configuration or weights."""
        path = Path(self.path).expanduser()
        if path.is_dir():
            if self.revision:
                raise ModelError(f"model.revision={self.revision} goes with a hub id, and {self.path} is a folder here")
            return self._checked(path)
        if path.exists():
            raise ModelError(f"model.path={self.path} is a file; give the folder of a checkpoint")
        parts = self.path.split("/")
        if len(parts) != 2 or self.path.startswith((".", "~")) or not all(parts):
            raise ModelError(f"model.path={self.path}: no such folder, and no hub id (owner/name) either")
        return self._checked(self._from_hub())

    def _from_hub(self) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

        wanted = self.path + (f" at revision {self.revision}" if self.revision else "")
        try:
            return Path(snapshot_download(self.path, revision=self.revision, allow_patterns=list(self.patterns)))
        except HFValidationError:
            raise ModelError(f"model.path={self.path}: no such folder, and not a valid hub id (owner/name)") from None
        except (LocalEntryNotFoundError, OSError) as error:
            if isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError):
                raise ModelError(f"the hub refused {wanted}: {str(error).splitlines()[0]}") from None
            raise ModelError(
                f"no folder {self.path} here, {wanted} is not in the hub's cache on this machine, and the hub cannot "
                f"be reached: copy the checkpoint's folder (config.json, *.safetensors, tokenizer and preprocessor "
                f"files) to this machine and say model.path=FOLDER"
            ) from None

    def _checked(self, folder: Path) -> Path:
        if not (folder / "config.json").is_file():
            raise ModelError(f"model.path={self.path} holds no config.json: it is not a checkpoint's folder")
        if not self.weights(folder):
            raise ModelError(f"model.path={self.path} holds no weights (*.safetensors or pytorch_model*.bin)")
        return folder.absolute()

    @staticmethod
    def weights(folder: Path) -> list[Path]:
        """The weights files, sorted; safetensors where there are any."""
        for pattern in WEIGHTS:
            if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
                return found
        return []

    def fingerprint(self) -> dict[str, str]:
        """Hashes of the folder's small files, whole, and of its weights: size, head and evenly spaced blocks, so that
        a retrained or replaced file is seen without reading it all."""
        folder = self.folder()
        small = sorted(path for pattern in SMALL_FILES for path in folder.glob(pattern) if path.is_file())
        digest = hashlib.sha256()
        for path in self.weights(folder):
            size = path.stat().st_size
            digest.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                for probe in range(PROBES):
                    file.seek(size * probe // PROBES)
                    digest.update(file.read(65536))
        return {"checkpoint_files": _sha256(small), "weights": digest.hexdigest()}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a checkpoint's file, empty where there is no such file. Raises ModelError for anything else."""
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"{path.name} of the checkpoint {path.parent.name} is not an object of JSON")
    return found


def make_model(config: ModelConfig) -> Model:
    """The model that ``config._target_`` names, without its weights."""
    module_name, _, class_name = config._target_.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"model._target_={config._target_} cannot be imported ({error}): name a class as module.Class, its module "
            f"installed, on PYTHONPATH or in a folder of hydra.searchpath"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise ModelError(f"model._target_={config._target_} is no subclass of evaluate.models.base.Model")
    if inspect.isabstract(found):
        raise ModelError(f"model._target_={config._target_} is not a whole model: it lacks load, prepare or generate")
    try:
        return found(config)
    except ModelError:
        raise
    except Exception as error:
        first = (str(error).strip() or "no message").splitlines()[0]
        raise ModelError(f"model {config.name} cannot be made: {type(error).__name__}: {first}") from error


def spread(layers: int, devices: Sequence[str]) -> list[str]:
    """The device of each layer: neighbours together, as many on each device."""
    return [devices[number * len(devices) // layers] for number in range(layers)]


def hear_transformers() -> None:
    """Let what transformers says come into the run's log, without its bars; to be called before its classes load."""
    from transformers.utils import logging

    logging.disable_default_handler()
    logging.enable_propagation()
    logging.disable_progress_bar()


def add_to_path(folders: Iterable[str | Path]) -> None:
    """Let model classes be found beside the configurations that name them."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def sample_seed(seed: int, identity: str) -> int:
    """The seed for drawing one sample's answer: the same in any batch, order or process."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{identity}".encode()).digest()[:8], "big") >> 1


def _sha256(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
