"""The card of the small Qwen-Audio: ``python -m evaluate.models.tiny.card TRAINING RUN...`` writes README.md of the
training's checkpoint. All figures are those of the training's log and of the runs."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluate.models.tiny.curve import read_log
from results.boards import tables
from results.boards.assembly import assemble
from results.files import RunError, write_text
from results.run import RunDirectory

TEMPLATE = Path(__file__).with_name("card.md")


def card(training: Path, runs: Sequence[Path], columns: str, notes: str) -> str:
    """The card of a training and of runs with its checkpoint. Raises RunError, OSError; ValueError for damaged JSON."""
    recipe: dict[str, Any] = json.loads((training / "recipe.json").read_text("utf-8"))
    checkpoint = training / "checkpoint" / "model.safetensors"
    if not (lines := read_log(training / "log.jsonl")):
        raise RunError(f"{training} has no log.jsonl with a line in it; it is no folder of a training")
    last = lines[-1]
    board = tables.markdown(assemble([RunDirectory(run) for run in runs]), "tasks")
    text = TEMPLATE.read_text("utf-8").format(
        **{key: recipe[key] for key in ("lessons", "steps", "batch", "questions", "turn", "seed", "chat")},
        parameters=_parameters(checkpoint),
        megabytes=checkpoint.stat().st_size / 1e6,
        minutes=last["seconds"] / 60,
        loss=last["loss"],
        right=last["right"],
        columns=columns,
        board=board.strip(),
    )
    return text + (f"\n{notes.strip()}\n" if notes else "")


def _parameters(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, "np") as tensors:
        return sum(tensors.get_tensor(name).size for name in tensors.keys())  # noqa: SIM118 - it is no dict


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status: 0, or 2 where the card could not be made."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluate.models.tiny.card",
        description="Write the card of a training of the small Qwen-Audio, with the scores of runs as its columns.",
    )
    parser.add_argument("training", type=Path, help="folder of the training")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories, a column each")
    parser.add_argument("--columns", default="", help="a sentence that says what the columns are")
    parser.add_argument("--notes", type=Path, help="a file of Markdown to end with")
    chosen = parser.parse_args(arguments)
    try:
        notes = chosen.notes.read_text("utf-8") if chosen.notes else ""
        text = card(chosen.training, chosen.runs, chosen.columns, notes)
    except KeyError as error:
        print(f"card: {chosen.training}/recipe.json lacks {error}; it is no training by this version", file=sys.stderr)
        return 2
    except (RunError, OSError, ValueError) as error:
        print(f"card: {error}", file=sys.stderr)
        return 2
    write_text(chosen.training / "checkpoint" / "README.md", text)
    for name in ("log.jsonl", "loss.svg"):
        shutil.copyfile(chosen.training / name, chosen.training / "checkpoint" / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
