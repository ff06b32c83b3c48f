"""Lessons with their features, made ahead and kept on disk: 16 bits a value, a file for each few hundred."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from datasets_prep import miniature
from datasets_prep.miniature.training.asking import TASKS
from datasets_prep.miniature.training.stream import Example, stream
from evaluate.models.qwen_audio import features
from evaluate.models.qwen_audio.features import Clip, Length, clip_features
from results.files import write_bytes, write_text

SHARD = 256
"""Lessons in a file."""
MELS = 80


@dataclass(frozen=True)
class Question:
    """As ``Asked`` of a lesson."""

    task: str
    prompt: str
    chat: str
    answer: str

    @property
    def type(self) -> str:
        return self.task.partition("/")[0]


@dataclass(frozen=True)
class Heard:
    """A lesson as the network hears it."""

    number: int
    """In its stream."""
    kind: str
    mels: tuple[np.ndarray, ...]
    """By clip, float16, shape = (n_mels, n_frames)."""
    samples: tuple[int, ...]
    """Lengths of the clips at 16 kHz."""
    questions: tuple[Question, ...]
    text: str

    @property
    def frames(self) -> int:
        """Mel frames of all clips."""
        return sum(samples // 160 for samples in self.samples)

    def clips(self) -> list[Clip]:
        pairs = zip(self.mels, self.samples, strict=True)
        return [Clip(mel.astype(np.float32), Length.of(samples)) for mel, samples in pairs]


def prepare(folder: Path, seed: int, count: int, workers: int, log: bool = False) -> list[Heard]:
    """Lessons 0 to ``count`` of a seed; those that the folder lacks are made by so many processes and kept there.

    Raises SpeechError: no espeak-ng.
    """
    paths = [folder / f"{seed}-{version()}-{first:07d}" for first in range(0, count, SHARD)]
    there = next((place for place, path in enumerate(paths) if not path.with_suffix(".json").is_file()), len(paths))
    missing = paths[there:]
    examples = (
        stream(seed, SHARD * len(missing), SHARD * there, workers, folder / f"speech-{version()}")
        if missing
        else iter(())
    )
    for place, path in enumerate(missing, there + 1):
        _write(path, islice(examples, SHARD))
        if log:
            print(f"lessons: {SHARD * place} of {SHARD * len(paths)}", flush=True)
    return [heard for path in paths for heard in _read(path)][:count]


def hear(example: Example) -> Heard:
    """The features of a lesson that was made."""
    mels = tuple(clip_features(clip, MELS).mel.astype(np.float16) for clip in example.clips)
    questions = tuple(Question(asked.task, asked.prompt, asked.chat, asked.answer) for asked in example.asked)
    return Heard(example.number, example.kind, mels, tuple(map(len, example.clips)), questions, example.text)


@cache
def version() -> str:
    """Of what makes the lessons, their prompts and their features: what other sources made is not taken for these."""
    makers = Path(str(miniature.__file__)).parent
    sources = [*makers.rglob("*.py"), *makers.rglob("*.yaml"), *TASKS.rglob("*.yaml"), Path(str(features.__file__))]
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


def _write(path: Path, examples: Iterable[Example]) -> None:
    """``.mel`` holds all frames, one after the other; ``.json`` is written last and says what they are."""
    told, frames = [], []
    for heard in map(hear, examples):
        frames += [mel.T for mel in heard.mels]
        entry = asdict(replace(heard, mels=()))
        told.append(entry | {"mels": [mel.shape[1] for mel in heard.mels]})
    write_bytes(path.with_suffix(".mel"), [np.ascontiguousarray(np.concatenate(frames)).tobytes()])
    write_text(path.with_suffix(".json"), json.dumps(told, ensure_ascii=False))


def _read(path: Path) -> Iterator[Heard]:
    every = np.fromfile(path.with_suffix(".mel"), np.float16).reshape(-1, MELS)
    place = 0
    for entry in json.loads(path.with_suffix(".json").read_text("utf-8")):
        mels = []
        for size in entry["mels"]:
            mels.append(every[place : place + size].T)
            place += size
        questions = tuple(Question(**one) for one in entry["questions"])
        yield Heard(entry["number"], entry["kind"], tuple(mels), tuple(entry["samples"]), questions, entry["text"])


def texts_of(pool: Sequence[Heard]) -> list[str]:
    """All prompts and answers, each once: what a vocabulary is trained on."""
    asked = (question for heard in pool for question in heard.questions)
    return list(dict.fromkeys(text for one in asked for text in (one.prompt, one.chat, one.answer)))
