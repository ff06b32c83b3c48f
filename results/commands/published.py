"""``published``: what papers and boards report."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any

import typer

from metrics.base import nearest
from results.console import say
from results.files import RunError
from results.leaderboard import table
from results.papers import published as facts


class Listing(str, Enum):
    md = "md"
    csv = "csv"
    json = "json"


SHOWN = ("model", "task", "subset", "metric", "value", "printed", "source", "note")
AS_PRINTED = ("model", "dataset", "split", "printed_metric", "printed", "unit", "source", "scored", "note")


def published(
    model: Annotated[str | None, typer.Option(help="Of this model alone, by its name as published.")] = None,
    task: Annotated[str | None, typer.Option(help="Of this task alone: asr/librispeech.")] = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Instead, those that belong to no task here, as printed.")
    ] = False,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Instead, those that stand twice, with equal or with other values.")
    ] = False,
    form: Annotated[Listing, typer.Option("--format", help="How to print it.")] = Listing.md,
) -> None:
    """List published numbers, each with its source, in the words and units of this project's tasks."""
    if unmapped and conflicts:
        raise RunError("--unmapped and --conflicts are two lists; ask for one")
    if task and (unmapped or conflicts):
        raise RunError("--task chooses among numbers of tasks; leave out --unmapped or --conflicts, or --task")
    known, tasks = {row.model for row in facts.rows()}, {one.task for one in facts.published()}
    for asked, names, what in ((model, known, "model"), (task, tasks, "task")):
        if asked is not None and asked not in names:
            raise RunError(f"nothing is published here of a {what} {asked!r}{nearest(asked, names)}")
    columns: tuple[str, ...]
    if conflicts:
        records, columns = _conflicts(model), ("set", "kind", *AS_PRINTED)
    elif unmapped:
        records, columns = [_printed(row) for row in facts.unmapped() if model in (None, row.model)], AS_PRINTED
    else:
        records, columns = _placed(model, task), SHOWN
    say(sys.stdout, _render(records, columns, form))
    if form == Listing.md:
        say(sys.stderr, f"results: {len(records)} of {len(facts.rows())} published numbers")
        if columns == SHOWN and not all(record["as_scored_here"] for record in records):
            say(sys.stderr, "results: (?) is the nearest score: how the published number was scored is not known")


def _placed(model: str | None, task: str | None) -> list[dict[str, Any]]:
    return [
        {name: getattr(one, name) for name in ("model", "task", "subset", "metric", "value")}
        | {"as_scored_here": one.scoring is not None, "note": one.note}
        | {key: value for key, value in _printed(one.row).items() if key not in ("model", "note")}
        for one in facts.published()
        if model in (None, one.model) and task in (None, one.task)
    ]


def _conflicts(model: str | None) -> list[dict[str, Any]]:
    """Sets that a model is in, conflicts first."""
    return [
        {"set": number, "kind": kind} | _printed(row)
        for number, (kind, rows) in enumerate(sorted(facts.conflicts(), key=lambda one: one[0]), 1)
        if model in (None, *(row.model for row in rows))
        for row in rows
    ]


def _printed(row: facts.Row) -> dict[str, Any]:
    return {
        "model": row.model,
        "dataset": row.dataset,
        "split": row.split,
        "printed_metric": row.metric,
        "printed": row.value,
        "unit": row.unit,
        "source": row.source,
        "scored": row.scored,
        "note": row.note,
        "file": row.file,
    }


def _render(records: Sequence[dict[str, Any]], columns: Sequence[str], form: Listing) -> str:
    if form == Listing.json:
        return json.dumps(list(records), ensure_ascii=False, indent=1)
    if form == Listing.csv:
        text = io.StringIO()
        if records:
            writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
        return text.getvalue().rstrip("\n")
    header = [column.replace("_", " ") for column in columns]
    return table(header, [[_cell(column, record) for column in columns] for record in records])


def _cell(column: str, record: dict[str, Any]) -> str:
    value = record[column]
    if column == "subset":
        return "all" if value is None else value
    if column == "metric" and not record["as_scored_here"]:
        return f"{value} (?)"  # the nearest row: how it was scored is not known
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
