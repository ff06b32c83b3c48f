"""``leaderboard``: runs as a table."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from results import leaderboard as boards
from results.console import say
from results.run import RunDirectory


class Format(str, Enum):
    md = "md"
    csv = "csv"
    json = "json"


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.md,
) -> None:
    """Print the scores of one or more runs as a table."""
    lines, notes = boards.read([RunDirectory(run) for run in runs])
    say(sys.stdout, boards.render(lines, form.value, notes).rstrip("\n"))
    for sentence in notes if form != Format.md else ():
        say(sys.stderr, f"results: {sentence}")
