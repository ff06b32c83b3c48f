"""What is asked of a clip: the prompts of the tasks, by tags and in words, as their own files have them."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TASKS = Path(__file__).parents[3] / "configs" / "task"
WORDS = Path(__file__).parent / "words.yaml"
LONGEST_CHAT = 400
"""Characters of a question in words."""


@dataclass(frozen=True)
class Asked:
    """One question about the clips of a lesson."""

    task: str
    """Such as ``ks/speech_commands_v1``; its type is what stands before the slash."""
    prompt: str
    """By tags: the style ``qwen_audio``, with its clips in front."""
    chat: str
    """In words: the style ``chat``, without its clips; empty where that lists labels which only a corpus knows, or too
    much for a small model."""
    answer: str

    @property
    def type(self) -> str:
        return self.task.partition("/")[0]


def ask(task: str, answer: str, clips: int = 1, **fields: Any) -> Asked:
    """A task's prompts, filled as the harness fills them, and the answer. Raises KeyError for a field they lack."""
    by_tags, in_words, labels = _task(task)
    choices = fields.get("choices")
    lines = [f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, choices or (), strict=False)]
    names = {f"{key}_name": _names()[code] for key, code in fields.items() if key.endswith("language")}
    values = {**fields, **names, "labels": ", ".join(labels), "options": "".join(f"\n{line}" for line in lines)}
    front = "".join(f"<audio>{number}</audio>" for number in range(1, clips + 1))
    worded = "" if "{labels}" in in_words and not labels else in_words.format_map(values)
    worded = worded if len(worded) <= LONGEST_CHAT else ""
    return Asked(task, front + by_tags.format_map(values), worded, answer)


def labels_of(task: str) -> tuple[str, ...]:
    """What the answers of a task are one of; none where that is open."""
    return _task(task)[2]


@cache
def _task(name: str) -> tuple[str, str, tuple[str, ...]]:
    content: Mapping[str, Any] = yaml.safe_load((TASKS / f"{name}.yaml").read_text("utf-8"))
    labels: Sequence[str] = content.get("labels") or ()
    return content["prompt"]["qwen_audio"], content["prompt"]["chat"], tuple(labels)


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = yaml.safe_load(WORDS.read_text("utf-8"))["names"]
    return names
