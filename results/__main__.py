"""The command line: ``python -m results COMMAND`` (or ``alm-results``)."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from alm_eval import finish
from metrics.base import MetricError
from results.commands.compare import compare
from results.commands.export import export
from results.commands.leaderboard import leaderboard
from results.commands.metrics import metrics
from results.commands.published import published
from results.commands.regression import regression
from results.commands.report import report
from results.commands.rescore import rescore
from results.commands.score import score
from results.commands.verify import verify
from results.console import say
from results.files import RunError
from results.rows import RowError

COMMANDS = (leaderboard, verify, compare, regression, report, export, published, rescore, score, metrics)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="What came out of runs.")
for command in COMMANDS:  # a paragraph of help is one line: a terminal breaks it, not the source
    app.command(help="\n\n".join(" ".join(part.split()) for part in (command.__doc__ or "").split("\n\n")))(command)


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status."""
    try:
        return app(list(arguments) or ["--help"], prog_name="python -m results", standalone_mode=False) or 0
    except typer.TyperException as error:
        said = " ".join(error.format_message().split()).rstrip(".")
    except (RunError, RowError, MetricError) as error:
        said = str(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    say(sys.stderr, f"results: {said}")
    return 2


def run() -> NoReturn:
    """Entry point: run the command line and exit with its status."""
    finish(main)


if __name__ == "__main__":
    run()
