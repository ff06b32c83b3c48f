"""``rescore``: a run's answers, scored again."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from metrics.score import ScoringSpec
from results import leaderboard as boards
from results import scoring
from results import spread as spreads
from results.commands.choices import Interval
from results.console import say
from results.files import RunError
from results.run import RunDirectory, TaskScores


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
        for scores, way in results:
            record.tasks[scores.task].scoring = scores.scoring
            scoring.keep(directory, scores, way)
        directory.write(record)
        boards.write(directory)
    return [scores for scores, _ in results]
