"""``report``: runs as one page."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from results.console import say
from results.run import RunDirectory


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    output: Annotated[Path, typer.Option(help="The file that the page goes to.")] = Path("report.html"),
    audio: Annotated[
        int, typer.Option(min=0, help="Of each task, the worst samples of each run whose clips the page carries.")
    ] = 10,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of prepared corpora; may be given more than once. Default: where each run had it."),
    ] = None,
) -> None:
    """Write one HTML file to look at and to listen to: scores, charts, and every sample of one or more runs."""
    from results.report import data as contents
    from results.report import page

    directories = [RunDirectory(run) for run in runs]
    verdicts = {number: contents.verdicts_of(directory) for number, directory in enumerate(directories)}
    found = contents.read(directories, output, audio, data or [], verdicts)
    size = page.write(found, output)
    samples = sum(part.answered for task in found.tasks for part in task.parts if part)
    say(
        sys.stdout,
        f"{output}: {len(found.tasks)} tasks, {samples:,} samples, {len(found.embedded.pieces)} clips in the page, "
        f"{size / 1e6:.1f} MB; open it in a browser",
    )
    for sentence in found.notes:
        say(sys.stderr, f"results: {sentence}")
