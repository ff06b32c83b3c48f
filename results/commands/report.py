"""``report``: runs as one page."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from results.console import counted, say
from results.files import RunError
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

    named = {run.resolve(): RunDirectory(run) for run in runs}
    directories = list(named.values())
    verdicts = {number: contents.verdicts_of(directory) for number, directory in enumerate(directories)}
    found = contents.read(directories, output, audio, data or [], verdicts)
    if not found.tasks:
        raise RunError(f"{', '.join(map(str, runs))}: no task was run, and there is nothing to show")
    size = page.write(found, output)
    samples = sum(part.answered for task in found.tasks for part in task.parts if part)
    say(
        sys.stdout,
        f"{output}: {counted(len(found.tasks), 'task')}, {counted(samples, 'sample')}, "
        f"{counted(len(found.embedded.pieces), 'clip')} in the page, {size / 1e6:.1f} MB; open it in a browser",
    )
    for sentence in found.notes:
        say(sys.stderr, f"results: {sentence}")
