"""``compare``: two runs, sample by sample."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from results.comparison import compare as comparisons
from results.comparison import forms as reports
from results.console import say
from results.files import RunError, write_text
from results.run import RunDirectory


class Format(str, Enum):
    text = "text"
    json = "json"
    html = "html"


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A run directory.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The one that is compared with it.")],
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may be given more than once.")] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="FIELD",
            help="Also by parts: duration, language, group (speaker), label, snr, any field of the manifest, or all of "
            "those named; may be given more than once.",
        ),
    ] = None,
    flips: Annotated[
        int, typer.Option(min=0, help="How many of the samples that flipped to show of a task, on either side.")
    ] = 3,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.text,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")] = None,
) -> None:
    """Compare two runs: per task the difference with its interval, whether it is more than luck, and the samples that
    make it."""
    found = comparisons.compare(RunDirectory(first), RunDirectory(second), task or (), part or (), flips)
    text = reports.render(found, form.value)
    if output is None:
        say(sys.stdout, text.rstrip("\n"))
        return
    try:
        write_text(output, text)
    except OSError as error:
        raise RunError(f"{output} cannot be written: {error.strerror}") from None
    say(sys.stderr, f"results: {output}")
