"""Export: what runs hold as tables for pandas and Parquet, and as the results of a model card."""

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from metrics.answers import extracted, is_scored, part_of
from metrics.score import Score, ScoringSpec
from results import leaderboard, text
from results.files import RunError, write_bytes, write_text
from results.run import RunDirectory, RunRecord
from results.scoring import records_of, statistics_of

if TYPE_CHECKING:
    from pandas import DataFrame

SAMPLES = {
    "run": "string",
    "model": "string",
    "control": "string",
    "task": "string",
    "id": "string",
    "subset": "string",
    "group": "string",
    "references": "object",
    "raw": "string",
    "answer": "string",
    "status": "string",
    "flags": "object",
    "error": "string",
    "seconds": "float64",
    "prompt_tokens": "Int64",
    "new_tokens": "Int64",
    "prompt": "string",
    "fields": "string",
    "metric": "string",
    "statistics": "object",
}
"""Columns of `frame` with their types; those of lists are objects."""
TASK_TYPES = {
    "asr": "automatic-speech-recognition",
    "s2tt": "translation",
    "translate": "translation",
    **dict.fromkeys(
        ("age", "asc", "classify", "did", "emotion", "gender", "ic", "ks", "lid", "mgr", "mic", "sid", "vsc"),
        "audio-classification",
    ),
}
"""The hub's name for types of tasks; all others are `audio-text-to-text`."""


def frame(directories: Sequence[RunDirectory]) -> "DataFrame":
    """The samples of runs, a row each; tasks that are not finished are left out.

    `references` and `flags` are lists of texts; `answer` is what the primary metric's extractor read in `raw`, missing
    where it read nothing or the sample failed; `seconds` are of all its clips, before any truncation; `fields` is JSON.
    `statistics` are those of the sample by the primary metric, `metric`, a list of numbers: missing where the sample
    has no score, or the metric is one of the whole set. Raises RunError.
    """
    import pandas

    rows = [
        row
        for directory, record, shown in leaderboard.named_runs(directories)
        for task in record.tasks
        if directory.read_scores(task) is not None
        for row in _samples(directory, record, shown, task)
    ]
    columns = {name: [row[name] for row in rows] for name in SAMPLES}
    return pandas.DataFrame({name: pandas.Series(columns[name], dtype=kind) for name, kind in SAMPLES.items()})


def _samples(directory: RunDirectory, record: RunRecord, shown: str, task: str) -> Iterator[dict[str, Any]]:
    spec = ScoringSpec.from_dict(record.tasks[task].scoring)
    records = sorted(records_of(directory, record, task, None), key=lambda entry: entry["id"])
    scored = [entry for entry in records if is_scored(entry)]
    read = extracted(scored, spec, part_of(spec, spec.primary))
    answers = {entry["id"]: answer for entry, (_, answer) in zip(scored, read, strict=True)}
    kept = statistics_of(directory, record, task)
    sums = {} if kept is None or kept.table is None else dict(zip(kept.ids, kept.array.tolist(), strict=True))
    for entry in records:
        error = entry.get("error")
        lengths = [clip["seconds"] for clip in entry["audio"]]
        row = {
            "run": directory.path.resolve().name,
            "model": shown,
            "control": record.control,
            "task": task,
            **{name: entry.get(name) for name in ("id", "subset", "references", "raw", "status", "flags", "prompt")},
            "group": None if entry.get("group") is None else str(entry["group"]),
            "answer": answers.get(entry["id"]),
            "error": None if error is None else f"{error['code']}: {error['message']}",
            "seconds": None if None in lengths else sum(lengths),
            "prompt_tokens": entry.get("prompt_tokens"),
            "new_tokens": entry.get("new_tokens"),
            "fields": json.dumps(entry["fields"], ensure_ascii=False),
            "metric": spec.primary,
            "statistics": sums.get(entry["id"]),
        }
        yield text.whole(row)


def scores_frame(directories: Sequence[RunDirectory]) -> "DataFrame":
    """The scores of runs, a row each: the columns of a leaderboard's CSV. Raises RunError."""
    import pandas

    lines, _ = leaderboard.read(directories)
    return pandas.DataFrame([text.whole(line.flat()) for line in lines])


def parquet(table: "DataFrame", path: Path) -> None:
    """Write a table to a file of Parquet, whole or not at all."""
    from pyarrow import Table
    from pyarrow.parquet import write_table

    stream = io.BytesIO()
    write_table(Table.from_pandas(table, preserve_index=False), stream, compression="zstd")
    write_bytes(path, [stream.getbuffer()])


def as_csv(table: "DataFrame", path: Path) -> None:
    """The same as CSV, lists as JSON."""
    lists = [name for name in table.columns if table[name].map(lambda value: isinstance(value, list)).any()]
    flat = table.assign(
        **{name: [_json(value) if isinstance(value, list) else None for value in table[name]] for name in lists}
    )
    write_text(path, flat.to_csv(index=False, lineterminator="\n"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def model_card(directories: Sequence[RunDirectory]) -> str:
    """The scores of one model as a model card's `model-index`, YAML to stand between its two lines of `---`.

    Each score that has a value is there, with its interval, its samples and its signature as `args`. Raises RunError
    where the runs are of several models, or of a control.
    """
    runs = leaderboard.named_runs(directories)
    models = sorted({record.model for _, record, _ in runs})
    if len(models) > 1:
        raise RunError(f"a model card is of one model, and these runs are of {', '.join(models)}; name those of one")
    for directory, record, _ in runs:
        if record.control:
            raise RunError(f"{directory.path} is a control ({record.control}), no measure of the model; leave it out")
    results = [result for directory, record, _ in runs for result in _results(directory, record)]
    if not results:
        raise RunError("no task of these runs is finished, so there is nothing to put on a model card")
    index = text.whole([{"name": models[0], "results": results}])
    return yaml.safe_dump({"model-index": index}, sort_keys=False, allow_unicode=True, width=120)


def _results(directory: RunDirectory, record: RunRecord) -> Iterator[dict[str, Any]]:
    """A task's subsets, each with its scores."""
    for task in record.tasks:
        scores = directory.read_scores(task)
        spec = ScoringSpec.from_dict(record.tasks[task].scoring)
        by_subset: dict[str | None, list[Score]] = {}
        for score in scores.scores if scores else ():
            if score.value is not None:
                by_subset.setdefault(score.subset, []).append(score)
        for subset, found in by_subset.items():
            kind, _, name = task.rpartition("/")
            data = record.tasks[task].data
            standings = {*data.values()} if subset is None else {data.get(subset, "")}
            yield {
                "task": {"type": TASK_TYPES.get(kind, "audio-text-to-text"), "name": task},
                "dataset": _dataset(_corpus(record.config, task) or name, subset, standings),
                "metrics": [_metric(score, spec) for score in found],
            }


def _dataset(corpus: str, subset: str | None, standings: Collection[str]) -> dict[str, Any]:
    """A subset named as `en_de.test` is the split `test` of the configuration `en_de`. Data that are not as published
    say so: a card must not claim the corpus."""
    config, _, split = (subset or "").rpartition(".")
    named: dict[str, Any] = {"name": corpus, "type": corpus}
    named |= ({"config": config} if config else {}) | ({"split": split} if split else {})
    said = [meaning for standing, meaning in leaderboard.STANDINGS.items() if standing in standings]
    return named | ({"args": {"data": said[0]}} if said else {})


def _corpus(config: Mapping[str, Any], task: str) -> str | None:
    """The corpus of a task by the run's configuration; None where that does not say."""
    entries = [config.get("task"), *(config.get("tasks") or {}).values()]
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("name") == task:
            name = (entry.get("corpus") or {}).get("name")
            return None if name is None else str(name)
    return None


def _metric(score: Score, spec: ScoringSpec) -> dict[str, Any]:
    return {
        "type": spec.metrics[score.name].metric if score.name in spec.metrics else score.name,
        "name": score.name,
        "value": score.value,
        "args": {"unit": score.unit, "ci95": score.ci95, "n": score.n, "signature": score.signature},
    }
