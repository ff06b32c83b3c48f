"""What is asked of a clip: the prompts of the tasks in the style ``qwen_audio``, as their own files have them."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TASKS = Path(__file__).parents[3] / "configs" / "task"
STYLE = "qwen_audio"


@dataclass(frozen=True)
class Asked:
    """One question about the clips of a lesson."""

    task: str
    """Such as ``ks/speech_commands_v1``; its type is what stands before the slash."""
    prompt: str
    answer: str

    @property
    def type(self) -> str:
        return self.task.partition("/")[0]


def ask(task: str, answer: str, clips: int = 1, **fields: Any) -> Asked:
    """A task's prompt, filled as the harness fills it, and the answer. Raises KeyError for a field it lacks."""
    template, labels = _task(task)
    choices = fields.get("choices")
    lines = [f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, choices or (), strict=False)]
    options = "".join(f"\n{line}" for line in lines)
    filled = template.format_map({**fields, "labels": ", ".join(labels), "options": options})
    return Asked(task, "".join(f"<audio>{number}</audio>" for number in range(1, clips + 1)) + filled, answer)


def labels_of(task: str) -> tuple[str, ...]:
    """What the answers of a task are one of; none where that is open."""
    return _task(task)[1]


@cache
def _task(name: str) -> tuple[str, tuple[str, ...]]:
    content: Mapping[str, Any] = yaml.safe_load((TASKS / f"{name}.yaml").read_text("utf-8"))
    labels: Sequence[str] = content.get("labels") or ()
    return content["prompt"][STYLE], tuple(labels)
