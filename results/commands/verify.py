"""``verify``: a run beside what is published of its model."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from results.console import say
from results.files import RunError
from results.papers import verify as verification
from results.run import RunDirectory


class Format(str, Enum):
    text = "text"
    md = "md"
    json = "json"


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The published model that the run stands for, by its name there.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="POINTS", help="So far from the published value is still reproduced.")
    ] = verification.TOLERANCE,
    form: Annotated[
        Format | None, typer.Option("--format", help="How to print it. Default: md; on a terminal, text.")
    ] = None,
) -> int:
    """Hold a run against the published numbers that it reproduces; says what could explain a difference.

    reproduced: the published value is inside the 95 % interval, or within --tolerance. close: within twice the half
    width of the interval, or within 1 point and 5 %. off: neither; the exit status is then 1.
    """
    if not tolerance >= 0:
        raise RunError(f"--tolerance {tolerance}: it is a number of points, 0 or more")
    lines, notes = verification.verify(RunDirectory(run), model, tolerance)
    if form is None:
        form = Format.text if sys.stdout is not None and sys.stdout.isatty() else Format.md
    makers = {
        Format.text: verification.as_text,
        Format.md: verification.as_markdown,
        Format.json: verification.as_json,
    }
    say(sys.stdout, makers[form](lines, notes))
    return int(any(line.verdict == verification.OFF for line in lines))
