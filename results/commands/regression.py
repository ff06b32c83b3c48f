"""``regression``: a run against a baseline; fails for a loss."""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from metrics.base import nearest
from results import baseline as baselines
from results import regression_report as reports
from results.baseline import Baseline
from results.console import say
from results.files import RunError, write_text
from results.regression import gate
from results.run import RunDirectory

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def regression(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    baseline: Annotated[
        str, typer.Option(metavar="NAME_OR_FILE", help="A name of results/baselines, or a file (.json).")
    ],
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TASK=]LOSS",
            help="A loss that is let pass, in the unit of the score (points of a percentage, BLEU, ...), for all tasks "
            "or one; may be given more than once.",
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(help="How often a run that is as good may fail.")] = 0.05,
    accept: Annotated[
        bool, typer.Option("--accept", help="Make this run the new baseline, whatever is found.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML, a test case a task.")] = None,
    summary: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Append Markdown to a file; '-': GitHub's summary of the step."),
    ] = None,
) -> int:
    """Hold a run against a baseline: 1 for a loss beyond chance and tolerance, more failures, missing tasks or samples;
    2 where something could not be compared."""
    if not 0 < alpha < 1:
        raise RunError(f"--alpha {alpha:g}: it is a share between 0 and 1, such as 0.05")
    summary_file = _summary_file(summary)
    directory, path = RunDirectory(run), baselines.path_of(baseline)
    record, before = directory.must_read(), baselines.read(path)
    if before is None and not accept:
        known = [one.stem for one in baselines.FOLDER.glob("*.json")] if path.parent == baselines.FOLDER else []
        raise RunError(f"there is no baseline at {path} (--accept makes {run} one){nearest(path.stem, known)}")
    new = baselines.of(directory, record) if accept else None
    held_against = before or new
    assert held_against is not None
    found = gate(held_against, directory, record, _tolerances(tolerance or (), held_against), alpha)
    if new is not None:
        baselines.write(path, new)
        which = "new" if before else "first"
        size = f"{path.stat().st_size / 1000:,.0f} kB"
        found = replace(found, accepted=f"accepted: {run} is the {which} baseline at {path}, {size}")
    names = (path.stem, str(run))
    say(sys.stdout, reports.as_text(found, *names))
    if junit is not None:
        _write(junit, reports.as_junit(found, *names))
    if summary_file is not None:
        _append(summary_file, reports.as_summary(found, *names))
    return found.status


def _tolerances(said: Sequence[str], baseline: Baseline) -> dict[str, float]:
    """By task; those for one task win over that for all."""
    of_all, of_one = 0.0, {}
    for text in said:
        task, sign, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise RunError(f"--tolerance {text!r}: write a loss from 0 on, such as 0.5, or TASK=0.5")
        if not sign:
            of_all = value
        elif task in baseline.tasks:
            of_one[task] = value
        else:
            raise RunError(f"--tolerance {text!r}: the baseline has no task {task!r}{nearest(task, baseline.tasks)}")
    found = {task: of_one.get(task, of_all) for task in baseline.tasks}
    return {task: value for task, value in found.items() if value > 0}


def _summary_file(said: str | None) -> Path | None:
    if said != "-":
        return None if said is None else Path(said)
    if not (named := os.environ.get(STEP_SUMMARY)):
        raise RunError(f"--summary -: {STEP_SUMMARY} is not set, as GitHub does for a step; name a file")
    return Path(named)


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None


def _append(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
