"""``check=true``: the preflight of a whole suite with the model loaded, and no run."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluate import control
from evaluate.config import Config
from evaluate.engines import open_pool
from evaluate.engines.dispatch import Dispatcher, EngineError
from evaluate.hearing import Hearing
from evaluate.models.base import Model
from evaluate.preflight import Examined, Prepared, examine, judge, size, to_ask
from evaluate.refusals import REFUSALS, RefusedError, sentences_of
from evaluate.tasks import ReadyTask
from metrics.trial import tried_names
from results.console import say
from results.fingerprint import refuse_other_answers
from results.run import RunDirectory


def check(config: Config, prepared: Prepared, directory: Path, folders: Sequence[str]) -> int:
    """Look at everything a run needs, load the model, and say what was checked; writes nothing. Returns 0, or raises
    RefusedError with all that is wrong."""
    problems = [*prepared.problems, *_of_directory(config, prepared, directory)]
    found = examine(prepared.tasks, directory)
    problems += found.problems
    heard: Mapping[str, Hearing] = {}
    if prepared.model:
        try:
            heard = _ask(config, prepared.model, prepared.tasks, folders)
            problems += judge(heard, config.model.name, _remark)
        except (*REFUSALS, EngineError) as error:
            problems += sentences_of(error)
    for remark in found.remarks:
        _remark(remark)
    if problems:
        raise RefusedError(problems)
    for task in prepared.tasks:
        say(sys.stdout, _line(task, found, heard.get(task.task.name)))
    for name, why in prepared.left_out.items():
        say(sys.stdout, f"left out: {name}: {why}")
    say(sys.stdout, f"disk: the answers may need {size(found.needed)}, {size(found.free)} are free")
    say(sys.stdout, "nothing stands in the way of this run")
    return 0


def _of_directory(config: Config, prepared: Prepared, path: Path) -> list[str]:
    """Why the run could not begin or go on in its directory."""
    directory = RunDirectory(path)
    try:
        directory.refuse_other_folder()
        if prepared.model and not config.fresh:
            asked = {task.task.name: task.asked for task in prepared.tasks}
            model = control.fingerprint(config.control) | prepared.model.fingerprint()
            refuse_other_answers(directory, asked, model)
    except REFUSALS as error:
        return sentences_of(error)
    return []


def _ask(config: Config, model: Model, tasks: Sequence[ReadyTask], folders: Sequence[str]) -> Mapping[str, Hearing]:
    """Load the model, and let it hear."""
    pool = open_pool(config.model, config.engine, model.preload, folders, _log, to_ask(tasks))
    with Dispatcher(pool, config.batch.timeout, config.engine.start_timeout, _remark) as dispatcher:
        return dispatcher.found or {}


def _line(task: ReadyTask, found: Examined, heard: Hearing | None) -> str:
    name, style = task.task.name, task.asked["prompt"].partition(":")[0]
    tried = tried_names(task.spec)
    untried = [row for row in task.spec.metrics if row not in tried]
    parts = [
        f"{len(task.items)} prompts of style {style}",
        f"clips of {found.clips[name]} opened",
        f"{', '.join(tried) or 'no metric'} tried" + (f" (not {', '.join(untried)})" if untried else ""),
    ]
    if heard and heard.hears:
        gaps = [("silence", heard.silence), ("another clip", heard.swap)]
        moved = ", ".join(f"by {gap:.3g} with {what}" for what, gap in gaps if gap is not None)
        parts.append(f"it hears (of {heard.asked} samples a first logit moves {moved})")
    return f"{name}: {'; '.join(parts)}"


def _remark(text: str) -> None:
    say(sys.stderr, text)


def _log(level: str, text: str) -> None:
    say(sys.stderr, f"{level.lower()}: {(text.splitlines() or [''])[0]}")
