"""What is kept of a run beside its answers: configuration, versions, commit, what each device did."""

import dataclasses
import importlib.metadata
import subprocess
from collections.abc import Sequence
from enum import Enum
from typing import Any

from datasets_prep.manifest import Sample
from evaluate.compose import CONFIGS
from evaluate.engines.dispatch import Done
from evaluate.plan import Item
from evaluate.worker import Outcome
from results.journal import Prediction
from results.run import DeviceUse

VERSIONS = (
    "alm-eval",
    "torch",
    "transformers",
    "ray",
    "numpy",
    "soundfile",
    "soxr",
    "jiwer",
    "sacrebleu",
    "whisper-normalizer",
)


def prediction(item: Item, outcome: Outcome, sample: Sample) -> Prediction:
    """The line of predictions.jsonl for what became of an item."""
    return Prediction(
        id=sample.id,
        subset=sample.subset,
        group=sample.group,
        references=list(sample.references),
        fields=dict(sample.fields),
        prompt=item.request.prompt,
        audio=outcome.audio,
        raw=outcome.raw if outcome.error is None else None,
        status="ok" if outcome.error is None else "failed",
        flags=outcome.flags,
        error=outcome.error,
        prompt_tokens=outcome.prompt_tokens,
        new_tokens=outcome.new_tokens,
    )


class Telemetry:
    """What each device did in a session, summed up as batches come back."""

    def __init__(self, size: int):
        self.uses = [DeviceUse(device="") for _ in range(size)]

    def add(self, done: Done) -> None:
        spent, use = done.spent, self.uses[done.worker]
        if spent is None:
            return
        use.batches += 1
        use.samples += len(done.batch.items)
        use.busy += spent.busy
        use.waiting += spent.waiting
        use.preparing += spent.preparing
        use.decoding += spent.decoding
        use.audio += spent.heard
        use.padding += spent.padded - spent.heard
        use.peak_memory = max(use.peak_memory, spent.memory)

    def records(self, devices: Sequence[str], starts: Sequence[int]) -> list[DeviceUse]:
        """As they go into run.json; ``starts`` says how many workers each device had."""
        return [_rounded(use, device, count) for use, device, count in zip(self.uses, devices, starts, strict=True)]


def _rounded(use: DeviceUse, device: str, workers: int) -> DeviceUse:
    time = use.busy + use.waiting
    rates = {"clips_per_second": use.samples / time, "rtfx": use.audio / time} if time else {}
    times = {key: value for key, value in dataclasses.asdict(use).items() if isinstance(value, float)}
    rounded: dict[str, Any] = {key: round(value, 3) for key, value in (times | rates).items()}
    return dataclasses.replace(use, device=device, workers=workers, **rounded)


def plain(value: Any) -> Any:
    """A typed configuration as JSON's own kinds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def git_commit() -> str | None:
    """The checkout's commit, with '+' where its files differ from it; None outside of git."""

    def git(*words: str) -> str:
        checkout = str(CONFIGS.parent)
        done = subprocess.run(["git", "-C", checkout, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
