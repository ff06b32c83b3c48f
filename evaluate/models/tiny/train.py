"""Training the small Qwen-Audio from nothing, on CPUs: ``python -m evaluate.models.tiny.train FOLDER``.

The lessons are made first and kept; then each step is a function of the seed and its number alone, so that a training
that was stopped goes on as if it had not been, and the same command gives the same losses. ``FOLDER/checkpoint`` is the
official layout, ``log.jsonl`` has a line every few steps, ``loss.svg`` is its picture.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from datasets_prep.miniature.speech import SpeechError
from evaluate.models.tiny.curve import read_log, write_curve
from evaluate.models.tiny.pool import prepare, version
from evaluate.models.tiny.trainer import Recipe, ResumeError, Trainer
from results.files import write_text

NUMBERS = {"lessons": "how many there are", "steps": "in all", "batch": "lessons a step",
           "questions": "of a lesson, at most", "pieces": "of the vocabulary, beside the bytes"}  # fmt: skip
"""Options that are numbers, and what they count."""


def train(trainer: Trainer, until: float | None = None, every: int = 50, keep: int = 250) -> None:
    """Steps up to the recipe's last one, or for so many seconds; a line of the log ``every`` so many steps, the
    checkpoint and the state ``keep`` so many, and at the end."""
    log, begun = trainer.folder / "log.jsonl", time.monotonic()
    lines = read_log(log, trainer.step)  # what came after the state is done again
    before = lines[-1]["seconds"] if lines else 0.0
    sums, steps = defaultdict[str, float](float), 0
    while trainer.step < trainer.recipe.steps:
        for name, value in trainer.advance().items():
            sums[name] += value
        steps += 1
        over = until is not None and time.monotonic() - begun > until
        if over or trainer.step % every == 0 or trainer.step == trainer.recipe.steps:
            means = {name: round(value / steps, 5) for name, value in sums.items()}
            lines.append({"step": trainer.step, **means, "seconds": round(before + time.monotonic() - begun, 1)})
            write_text(log, "".join(json.dumps(line) + "\n" for line in lines))
            print(json.dumps(lines[-1]), flush=True)
            sums.clear()
            steps = 0
        if trainer.step % keep == 0:
            trainer.save()
        if over:
            break
    trainer.save()
    write_curve(trainer.folder / "loss.svg", lines)


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status: 0, or 2 where the folder holds another training."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluate.models.tiny.train",
        description="Train a small Qwen-Audio from nothing, on lessons that espeak-ng and a few formulas make. The same"
        " command goes on where it was stopped.",
    )
    plain = Recipe()
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the training: checkpoint/, the log, the state")
    parser.add_argument("--cache", type=Path, default=Path("build/lessons"), help="folder of the lessons")
    parser.add_argument("--workers", type=int, default=2, help="processes that make lessons (2)")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves them to it")
    parser.add_argument("--minutes", type=float, help="stop after so many, to go on another time")
    parser.add_argument("--seed", type=int, default=plain.seed, help=f"of lessons and weights ({plain.seed})")
    for name, what in NUMBERS.items():
        value = getattr(plain, name)
        parser.add_argument(f"--{name}", type=_positive, default=value, help=f"{what} ({value})")
    parser.add_argument("--rate", type=float, default=plain.rate, help=f"step size, at its highest ({plain.rate})")
    parser.add_argument("--chat", type=_share, default=plain.chat, help=f"share asked in words ({plain.chat})")
    chosen = vars(parser.parse_args(arguments))
    recipe = Recipe(**{name: chosen[name] for name in asdict(plain) if name in chosen})
    if chosen["threads"]:
        torch.set_num_threads(chosen["threads"])
    folder: Path = chosen["folder"]
    told, said = folder / "recipe.json", asdict(recipe) | {"sources": version()}
    try:
        if folder.exists() and any(folder.iterdir()):
            _same(told, said)
        pool = prepare(chosen["cache"], recipe.seed, recipe.lessons, chosen["workers"], log=True)
        write_text(told, json.dumps(said, indent=1) + "\n")
        trainer = Trainer(folder, pool, recipe)
        trainer.resume()
        print(f"{trainer.parameters:,} parameters, {len(pool)} lessons, from step {trainer.step}", flush=True)
        train(trainer, None if chosen["minutes"] is None else 60 * chosen["minutes"])
    except (SpeechError, ResumeError, OSError, FloatingPointError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    rest = "done" if trainer.step == recipe.steps else "stopped: the same command goes on"
    print(f"step {trainer.step} of {recipe.steps}, {rest}; model=tiny model.path={trainer.checkpoint}", flush=True)
    return 0


def _same(told: Path, said: Mapping[str, Any]) -> None:
    """Raises ResumeError where a folder's recipe is not the one that is to be trained; OSError."""
    try:
        there = json.loads(told.read_text("utf-8")) if told.is_file() else None
    except ValueError:
        there = None
    if not isinstance(there, dict):
        raise ResumeError(f"{told.parent} holds something else than a training; name another folder")
    others = [f"{name} {there.get(name)}, not {value}" for name, value in said.items() if there.get(name) != value]
    if others:
        raise ResumeError(f"{told.parent} holds another training ({'; '.join(others)}); name another folder")


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share from 0 to 1")
    return float(text)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
