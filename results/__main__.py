"""The command line: ``python -m results leaderboard|rescore|score|metrics`` (or ``alm-results``)."""

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from enum import Enum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from alm_eval import finish
from metrics.base import MetricError
from metrics.score import MetricSpec, ScoringSpec, count
from results import catalogue, scoring
from results import leaderboard as boards
from results import spread as spreads
from results.console import say
from results.files import RunError
from results.rows import RowError, read_rows
from results.run import RunDirectory, TaskScores

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="What came out of runs.")


class Format(str, Enum):
    md = "md"
    csv = "csv"
    json = "json"


class Listing(str, Enum):
    md = "md"
    json = "json"
    pages = "pages"


class Interval(str, Enum):
    percentile = "percentile"
    bca = "bca"


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.md,
) -> None:
    """Print the scores of one or more runs as a table."""
    lines, notes = boards.read([RunDirectory(run) for run in runs])
    say(sys.stdout, boards.render(lines, form.value, notes).rstrip("\n"))
    for sentence in notes if form != Format.md else ():
        say(sys.stderr, f"results: {sentence}")


@app.command()
def rescore(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    normalizer: Annotated[
        list[str] | None,
        typer.Option(help="In place of each metric's normaliser. Given more than once: a table of the spread."),
    ] = None,
    extractor: Annotated[list[str] | None, typer.Option(help="In place of each metric's extractor; likewise.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Change rows as published too (..._qwen_audio), which else keep theirs.")
    ] = False,
    interval: Annotated[Interval, typer.Option(help="How intervals are made.")] = Interval.percentile,
    write: Annotated[bool, typer.Option(help="Keep it: replace the run's scores and leaderboard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a run's answers again, without a model: as it was told to, or otherwise. Prints; --write keeps it."""
    directory = RunDirectory(run)
    record = directory.must_read()
    normalizers, extractors = normalizer or [], extractor or []
    if len(normalizers) > 1 or len(extractors) > 1:
        if write:
            raise RunError("--write keeps one way to score: name one --normalizer and one --extractor, or leave it out")
        asked = spreads.combinations(normalizers, extractors)
        ranges, sentences = spreads.spread(directory, asked, everything, interval.value)
        sentences = [*sentences, *boards.notes_of(record, record.shown_model)]
        say(sys.stdout, spreads.as_json(ranges) if as_json else spreads.as_markdown(ranges, asked, sentences))
        for sentence in sentences if as_json else ():
            say(sys.stderr, f"results: {sentence}")
        return
    asked_for = (next(iter(normalizers), None), next(iter(extractors), None))
    with directory.claim() if write else nullcontext():
        results = _rescored(directory, asked_for, everything, interval.value, write)
    lines, notes = boards.lines_of(results, record), boards.notes_of(record, record.shown_model)
    say(sys.stdout, boards.render(lines, "json" if as_json else "md", notes).rstrip("\n"))


def _rescored(
    directory: RunDirectory, asked: tuple[str | None, str | None], everything: bool, interval: str, write: bool
) -> list[TaskScores]:
    record = directory.must_read()
    specs = {
        task: scoring.changed(ScoringSpec.from_dict(entry.scoring), *asked, everything=everything)
        for task, entry in record.tasks.items()
    }
    results = [scoring.rescored(directory, record, task, spec, interval) for task, spec in specs.items()]
    parts = [item for spec in specs.values() for item in spec.metrics.items()]
    kept = sorted({name for name, _ in parts if scoring.as_published(name)})
    if kept and any(asked) and not everything:
        say(sys.stderr, f"results: as published, and so unchanged: {', '.join(kept)} (--all changes them too)")
    unread = sorted({name for name, part in parts if scoring.structured(part)})
    if unread and asked[0]:
        say(sys.stderr, f"results: of more than words, and so not normalised: {', '.join(unread)}")
    if write:
        for result in results:
            record.tasks[result.task].scoring = result.scoring
            directory.write_scores(result)
        directory.write(record)
        boards.write(directory)
    return results


@app.command()
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


@app.command()
def metrics(form: Annotated[Listing, typer.Option("--format", help="How to print it.")] = Listing.md) -> None:
    """List all metrics: what each is, its unit, direction, range, options and signature, and what is missing here."""
    form_of = {"md": catalogue.as_markdown, "json": catalogue.as_json, "pages": catalogue.as_pages}
    say(sys.stdout, form_of[form.value]().rstrip("\n"))


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
