"""``score``: any file of answers, scored."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from metrics.score import MetricSpec, ScoringSpec, count
from results import leaderboard as boards
from results import scoring
from results.commands.choices import Interval
from results.console import say
from results.rows import read_rows


def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines: id, prediction, reference or references.")],
    metric: Annotated[list[str], typer.Option(help="May be given more than once.")],
    normalizer: Annotated[
        str, typer.Option(help="What answers and references pass before they are compared.")
    ] = "none",
    extractor: Annotated[str, typer.Option(help="What raw texts pass to become answers.")] = "exact",
    language: Annotated[str | None, typer.Option(help="Of answers and references; without it, each row's.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of the metrics that have it; may be given more than once."),
    ] = None,
    interval: Annotated[Interval, typer.Option(help="How intervals are made.")] = Interval.percentile,
    label: Annotated[list[str] | None, typer.Option(help="One of the label set; may be given more than once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the score records as JSON.")] = False,
) -> None:
    """Score any file of answers, whoever made it."""
    rows = read_rows(file)
    spec = ScoringSpec(
        metrics=scoring.with_options({name: MetricSpec(name, normalizer, extractor) for name in metric}, option or ()),
        primary=metric[0],
        language=language,
        labels=label or None,
    )
    scores = scoring.score_rows(rows, spec, interval.value)
    counts = count(rows, spec, expected=len(rows))
    if as_json:
        records = [entry.to_dict() for entry in scores]
        say(sys.stdout, json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False))
        return
    lines = boards.task_lines(file.stem, file.name, scores, counts)
    say(sys.stdout, boards.render(lines, "md").rstrip("\n"))
