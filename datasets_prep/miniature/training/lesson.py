"""What a lesson is, and the small things that all kinds of them are made with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from datasets_prep.miniature.recipes import Recipe, complete
from datasets_prep.miniature.training.asking import Asked, ask
from datasets_prep.miniature.training.committed import is_clip

Item = TypeVar("Item")
CHOICES = 4


class HeldError(ValueError):
    """A lesson came out as something that the miniature holds; another one is to be drawn."""


@dataclass(frozen=True)
class Lesson:
    """One or more clips, and what is asked about them."""

    recipes: tuple[Recipe, ...]
    """Complete ones, a clip each."""
    asked: tuple[Asked, ...]
    text: str = ""
    """What is said, in lower case without punctuation; empty where nobody says words, or several at once."""
    level: bool = False
    """Whether how loud the clips are is part of an answer."""
    timed: bool = False
    """Whether the answers have places for times, such as ``@begin0@``, that ``hearing`` fills in."""


def made(given: Sequence[dict[str, Any]], asked: Sequence[Asked], text: str = "", **marks: bool) -> Lesson:
    """A lesson of recipes as they are written. Raises HeldError where one is a clip of the miniature."""
    recipes = tuple(complete(recipe, {}) for recipe in given)
    for recipe in recipes:
        if is_clip(recipe):
            raise HeldError(f"{recipe} is a clip of the miniature")
    return Lesson(recipes, tuple(asked), text, **marks)


def one_of(draw: np.random.Generator, items: Sequence[Item]) -> Item:
    return items[int(draw.integers(len(items)))]


def some_of(draw: np.random.Generator, items: Sequence[Item], number: int) -> list[Item]:
    """So many different items, in a drawn order."""
    return [items[place] for place in draw.permutation(len(items))[:number]]


def between(draw: np.random.Generator, low: float, high: float) -> float:
    """A number in steps of 0.01, as recipes hold them."""
    return round(float(draw.uniform(low, high)), 2)


def chance(draw: np.random.Generator, share: float) -> bool:
    return bool(draw.uniform() < share)


def choice(
    draw: np.random.Generator, task: str, question: str, answer: str, others: Sequence[str], most: int = CHOICES
) -> Asked:
    """A question with lettered options; its answer is the text of the right one."""
    wrong = [other for other in dict.fromkeys(others) if other != answer]
    options = some_of(draw, [answer, *some_of(draw, wrong, most - 1)], most)
    return ask(task, answer, question=question, choices=options)


def with_article(text: str) -> str:
    """``a piano``, ``an organ``."""
    return f"{'an' if text[0] in 'aeio' else 'a'} {text}"


@cache
def table(name: str) -> Any:
    """A YAML file of this folder."""
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text("utf-8"))
