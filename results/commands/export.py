"""``export``: runs as files for other programs."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from results import export as exports
from results import leaderboard as boards
from results.console import say
from results.files import RunError, write_text
from results.run import RunDirectory


class Form(str, Enum):
    parquet = "parquet"
    csv = "csv"
    model_card = "model-card"


class Rows(str, Enum):
    samples = "samples"
    scores = "scores"


def export(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    form: Annotated[Form, typer.Option("--to", help="What to write; model-card: YAML for the card of one model.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")],
    rows: Annotated[
        Rows | None, typer.Option(help="A row a sample (the default) or a row a score; not of a model card.")
    ] = None,
) -> None:
    """Write samples or scores of runs for pandas and spreadsheets, or a model's scores for its card."""
    directories = [RunDirectory(run) for run in runs]
    try:
        if form is Form.model_card:
            if rows:
                raise RunError("--rows is of parquet and csv; leave it out")
            write_text(output, exports.model_card(directories))
        else:
            table = exports.scores_frame(directories) if rows is Rows.scores else exports.frame(directories)
            write = exports.parquet if form is Form.parquet else exports.as_csv
            write(table, output)
            say(sys.stdout, f"{output}: {len(table):,} {rows.value if rows else Rows.samples.value}")
    except OSError as error:
        raise RunError(f"--output {output} cannot be written: {error.strerror}") from None
    for sentence in boards.read(directories)[1]:
        say(sys.stderr, f"results: {sentence}")
