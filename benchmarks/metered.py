"""Qwen2-Audio as it is, which notes how long its ``generate`` waited for a core because others used the machine."""

from pathlib import Path

from evaluate.config import Generation
from evaluate.models.base import Answer
from evaluate.models.qwen2_audio import Batch, Qwen2Audio

SCHEDULE = Path("/proc/thread-self/schedstat")
"""Of Linux: nanoseconds on a core, nanoseconds runnable without one, time slices."""


class Metered(Qwen2Audio):
    """It adds a line of seconds to the file ``note`` for each batch."""

    options = {"note": ""}

    def generate(self, batch: Batch, generation: Generation) -> list[Answer]:
        before = _waited()
        answers = super().generate(batch, generation)
        with Path(self.option("note")).open("a", encoding="utf-8") as file:
            file.write(f"{_waited() - before}\n")
        return answers


def noted(note: Path) -> float:
    """The sum of a file's seconds."""
    return sum(map(float, note.read_text("utf-8").split()))


def _waited() -> float:
    return int(SCHEDULE.read_text().split()[1]) / 1e9 if SCHEDULE.is_file() else 0.0
