"""Published numbers: what papers report, told in the words of this project's tasks (``results/published/*.yaml``)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).with_name("published")


@dataclass(frozen=True)
class Published:
    """One number of one model."""

    model: str
    task: str
    """Of configs/task."""
    subset: str | None
    """Null: of all subsets together."""
    metric: str
    """The row of scores of the task that computes it."""
    value: float
    """In the unit of that row."""
    source: str
    note: str | None = None


@cache
def published() -> tuple[Published, ...]:
    """All of them, in the order of the files."""
    rows = [row for path in sorted(FOLDER.glob("*.yaml")) for row in yaml.safe_load(path.read_text("utf-8"))]
    return tuple(Published(**{"subset": None, **row}) for row in rows)
