"""``leaderboard``: runs as a table."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from metrics.base import nearest
from results import latex, tables, terminal, webpage
from results import leaderboard as boards
from results.assembly import PRIMARY, assemble
from results.board import Board
from results.console import say
from results.files import RunError
from results.published import Published
from results.published import published as numbers
from results.run import RunDirectory


class Format(str, Enum):
    terminal = "terminal"
    md = "md"
    csv = "csv"
    json = "json"
    latex = "latex"
    html = "html"


class Layout(str, Enum):
    board = "board"
    long = "long"


class Rows(str, Enum):
    models = "models"
    tasks = "tasks"


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    layout: Annotated[
        Layout | None,
        typer.Option(
            help="board: models beside models, a column a task. long: a line a score. Default: the board for several "
            "runs, else long; CSV and JSON are long unless an option of the board is given."
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How to print it. Default: md; for a board on a terminal, terminal."),
    ] = None,
    rows: Annotated[Rows | None, typer.Option(help="What the board's rows are; default: models.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Scores on the board: primary (the default), all, or a row's name, such as wer.")
    ] = None,
    subsets: Annotated[bool, typer.Option("--subsets", help="A column of the board for each subset, too.")] = False,
    published: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="A model whose published numbers stand on the board, beside scores that are made as theirs, or all; "
            "may be given more than once.",
        ),
    ] = None,
    no_intervals: Annotated[bool, typer.Option("--no-intervals", help="The board's scores without intervals.")] = False,
    alpha: Annotated[
        float | None, typer.Option(help="Level of significance at which the board's best is best; default: 0.05.")
    ] = None,
) -> None:
    """Print the scores of one or more runs as a table."""
    asked = {"--rows": rows, "--metric": metric, "--subsets": subsets, "--published": published, "--alpha": alpha}
    asked["--no-intervals"] = no_intervals
    of_board = [name for name, given in asked.items() if given not in (None, False, [])]
    if layout is None:
        only_board = bool(of_board) or form in (Format.terminal, Format.latex, Format.html)
        several = len(runs) > 1 and form not in (Format.csv, Format.json)
        layout = Layout.board if only_board or several else Layout.long
    directories = [RunDirectory(run) for run in runs]
    if layout is Layout.long:
        if of_board or form in (Format.terminal, Format.latex, Format.html):
            what = of_board[0] if of_board else f"--format {form.value if form else ''}"
            raise RunError(f"{what} is of the board; take --layout board, or leave it out")
        lines, notes = boards.read(directories)
        say(sys.stdout, boards.render(lines, (form or Format.md).value, notes).rstrip("\n"))
        for sentence in notes if form in (Format.csv, Format.json) else ():
            say(sys.stderr, f"results: {sentence}")
        return
    level = 0.05 if alpha is None else alpha
    if not 0 < level < 1:
        raise RunError(f"--alpha {level:g} is no level of significance; name one between 0 and 1, such as 0.05")
    if no_intervals and form in (Format.csv, Format.json):
        raise RunError(f"--no-intervals is of tables to be read; leave it out, --format {form.value} has all")
    board = assemble(directories, metric or PRIMARY, subsets, _reported(published or []), level)
    board.intervals = not no_intervals
    if form is None:
        form = Format.terminal if sys.stdout is not None and sys.stdout.isatty() else Format.md
    _print(board, form, rows.value if rows else "models")


def _reported(models: list[str]) -> list[Published]:
    """What is published of some models, or of all. Raises RunError for one of which nothing is."""
    if not models:
        return []
    known = {number.model for number in numbers()}
    for name in models:
        if name not in known | {"all"}:
            raise RunError(f"--published {name}: nothing is published of it on a task here{nearest(name, known)}")
    return [number for number in numbers() if "all" in models or number.model in models]


def _print(board: Board, form: Format, rows: str) -> None:
    if form is Format.terminal:
        terminal.show(board, sys.stdout, rows)
        return
    if form is Format.json:
        text = tables.as_json(board)
    else:
        makers = {
            Format.md: tables.markdown,
            Format.csv: tables.as_csv,
            Format.latex: latex.latex,
            Format.html: webpage.webpage,
        }
        text = makers[form](board, rows)
    say(sys.stdout, text.rstrip("\n"))
