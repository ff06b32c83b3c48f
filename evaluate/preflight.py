"""The preflight: what can be wrong with a run is found before it, in seconds, and said all at once."""

import heapq
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from evaluate import audio, hearing, tasks
from evaluate.config import Config, Task
from evaluate.hearing import Hearing
from evaluate.models.base import Model, ModelError, UnsuitedError, make_model
from evaluate.plan import Item
from evaluate.refusals import REFUSALS, sentences_of
from evaluate.tasks import MissingDataError, ReadyTask, manifest_paths, ready, scoring_spec
from metrics import trial
from results.run import draw_order

CLIPS = 4
"""Samples of each task whose clips are opened."""
CLIP_SECONDS = 60.0
"""Of a clip that are decoded."""
TOKEN_BYTES = 6
CLIP_BYTES = 250
RECORD_BYTES = 350
"""Of a line of predictions.jsonl, beside prompt, answer and what it holds of the manifest."""
FILES = 2
"""A task's journal and the sorted file that takes its place are there at the same time."""
ESTIMATED_FROM = 100


@dataclass
class Prepared:
    """A model without its weights, and the tasks that suit it."""

    model: Model | None
    """None where it cannot be made."""
    tasks: list[ReadyTask] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Tasks of a suite that this kind of model cannot do, each with the reason."""
    problems: list[str] = field(default_factory=list)


@dataclass
class Examined:
    """What was found in a look at clips, metrics and disk."""

    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What a user should know, and what stops nothing."""
    clips: dict[str, int] = field(default_factory=dict)
    """By task, of how many samples the clips were decoded."""
    needed: int = 0
    """Bytes that the answers may take."""
    free: int = 0


def prepare(config: Config, chosen: Sequence[Task]) -> Prepared:
    """Make the model, read and render all tasks; whatever is wrong becomes a sentence."""
    found = Prepared(None)
    try:
        found.model = _model(config)
    except ModelError as error:
        found.problems.append(str(error))
    lacking: dict[str, MissingDataError] = {}
    for task in chosen:
        try:
            _prepare(config, task, found)
        except MissingDataError as error:
            lacking[task.name] = error
        except UnsuitedError as error:
            if config.task:
                found.problems.append(f"task {task.name}: {error}")
            found.left_out[task.name] = str(error)
        except REFUSALS as error:
            found.problems += [_named(task.name, text) if config.tasks else text for text in sentences_of(error)]
    found.problems += [str(error) for error in _not_prepared(config, lacking)]
    if found.model and not found.tasks and not found.problems:
        name, reason = next(iter(found.left_out.items()))
        found.problems.append(f"no task of the suite suits the model, not even {name}: {reason}")
    return found


def look_over(config: Config, chosen: Sequence[Task]) -> None:
    """Raise what is soon seen to be missing, of a job that is to run after others: the checkpoint, the data."""
    _model(config)
    lacking: dict[str, MissingDataError] = {}
    for task in chosen:
        try:
            manifest_paths(task, config.data.root)
        except MissingDataError as error:
            lacking[task.name] = error
    for lack in _not_prepared(config, lacking):
        raise lack


def unsuited(config: Config, task: Task) -> str | None:
    """Why a task is none for the model, by its first sample; None where it is, or where that cannot be told."""
    try:
        ready(replace(task, limit=1), config.data.root, _model(config), config.control)
    except UnsuitedError as error:
        return str(error)
    except REFUSALS:
        return None
    return None


def _model(config: Config) -> Model:
    model = make_model(config.model)
    if config.engine.devices_per_worker > 1 and not model.can_split and config.engine.kind == "local":
        raise ModelError(f"engine.devices_per_worker: {config.model.name} runs on one device")
    return model


def _prepare(config: Config, task: Task, found: Prepared) -> None:
    if found.model:
        found.tasks.append(ready(task, config.data.root, found.model, config.control))
    else:
        data = tasks.read(task, config.data.root)
        scoring_spec(data.task, data.samples)


def _named(task: str, sentence: str) -> str:
    return sentence if f"task {task}" in sentence else f"task {task}: {sentence}"


def _not_prepared(config: Config, lacking: Mapping[str, MissingDataError]) -> list[MissingDataError]:
    """One error that names all tasks whose data is not there; none where nothing lacks."""
    if len(lacking) < 2:
        return [MissingDataError(f"task {name}: {lack}", lack.missing) for name, lack in lacking.items()]
    keys = {task.name: key for key, task in config.tasks.items()}
    wanted = "; ".join(f"{name} ({', '.join(path.stem for path in lack.missing)})" for name, lack in lacking.items())
    without = " ".join(f"'~tasks.{keys[name]}'" for name in lacking)
    return [
        MissingDataError(
            f"below data.root={config.data.root} these are not prepared: {wanted}; python -m datasets_prep prepare "
            f"makes them, {without} leaves them out",
            [path for lack in lacking.values() for path in lack.missing],
        )
    ]


def examine(chosen: Sequence[ReadyTask], directory: Path, missing: Mapping[str, int] | None = None) -> Examined:
    """Open the first clips of each task, try its metrics, and hold the disk against what its answers may need.

    ``missing`` says how many samples of a task are to be answered: by default all; a task without any is not looked at.
    """
    found = Examined()
    for task in chosen:
        name, count = task.task.name, len(task.items)
        count = count if missing is None else missing.get(name, 0)
        if not count:
            continue
        _open_clips(task, found)
        found.problems += [f"task {name}: {problem}" for problem in trial.trial(_rows(task), task.spec)]
        found.needed += _bytes(task, count)
    found.free = shutil.disk_usage(next(folder for folder in (directory, *directory.parents) if folder.is_dir())).free
    if found.needed > found.free:
        found.problems.append(
            f"run.dir={directory}: its disk has {size(found.free)} free, and the answers may need "
            f"{size(found.needed)}: make room, name a folder on another disk, or lower generation.max_new_tokens"
        )
    return found


def _open_clips(task: ReadyTask, found: Examined) -> None:
    name, errors = task.task.name, []
    tried = [item for item in task.items[:CLIPS] if item.clips]
    for item in tried:
        try:
            for clip in item.clips:
                audio.load(audio.beginning(clip, item.folder, CLIP_SECONDS), item.folder)
        except audio.AudioError as error:
            errors.append(str(error))
        except Exception as error:  # noqa: BLE001 - a decoder's own fault costs the sample, not the run
            errors.append(f"{Path(item.clips[0].path).name}: {type(error).__name__}: {error}")
    found.clips[name] = len(tried) - len(errors)
    if tried and len(errors) == len(tried):
        which = f"the clips of its first {len(tried)} samples" if len(tried) > 1 else "its first clip"
        found.problems.append(f"task {name}: {which} cannot be opened, such as: {errors[0]}")
    elif errors:
        found.remarks.append(f"task {name}: of its first {len(tried)} samples {len(errors)} will fail: {errors[0]}")


def _rows(task: ReadyTask) -> Iterable[dict[str, Any]]:
    """A task's samples as they are scored: some of a fair draw first, then the others."""
    samples = task.samples
    first = dict.fromkeys(heapq.nsmallest(trial.SAMPLES, samples, key=draw_order))
    return (tasks.unanswered(samples[name]) for name in chain(first, (name for name in samples if name not in first)))


def _bytes(task: ReadyTask, count: int) -> int:
    """What so many answers of a task may need on the disk, by its first samples and the longest answers."""
    of_each = [
        len(item.request.prompt.encode())
        + len(json.dumps(tasks.unanswered(task.samples[item.request.id]), ensure_ascii=False).encode())
        + CLIP_BYTES * len(item.clips)
        + RECORD_BYTES
        + TOKEN_BYTES * task.task.generation.max_new_tokens
        for item in task.items[:ESTIMATED_FROM]
    ]
    return FILES * count * sum(of_each) // len(of_each)


def size(count: int) -> str:
    """Bytes in words."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def to_ask(chosen: Iterable[ReadyTask]) -> dict[str, list[Item]]:
    """The samples by which the model is asked whether it hears."""
    return hearing.to_ask({task.task.name: task.items for task in chosen})


def judge(heard: Mapping[str, Hearing], model: str, say: Callable[[str], None]) -> list[str]:
    """What is wrong with how a model hears, a sentence a task; what could not be asked is said."""
    for why in dict.fromkeys(found.why for found in heard.values() if found.hears is None):
        say(f"{model} could not be asked whether it hears: {why}")
    return [
        f"task {task}: {model} does not hear: its first logits are the same with the clips of {found.asked} samples, "
        f"with silence and with one another's; preflight=off goes on all the same"
        for task, found in heard.items()
        if found.hears is False
    ]


def kept(heard: Mapping[str, Hearing]) -> dict[str, dict[str, Any]]:
    """The findings as run.json holds them."""
    return {task: {key: value for key, value in asdict(found).items() if value != ""} for task, found in heard.items()}
