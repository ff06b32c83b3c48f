"""Preparing the corpora that tasks need: ``python -m evaluate prepare suite=SUITE data.root=DATA [source=FOLDER]``, or
``tasks=A,B`` in place of the suite."""

import sys
from collections.abc import Sequence
from pathlib import Path

from datasets_prep.__main__ import main as prepare
from datasets_prep.corpus import corpora
from evaluate.config import Config, ConfigError, Task
from results.console import say

SWITCHES = ("source", "unofficial", "tasks")


def taken(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Overrides for the composition, and what is said to the preparation itself. Without a model any will do: none is
    asked. Raises ConfigError."""
    said = dict(word.split("=", 1) for word in arguments if word.partition("=")[0] in SWITCHES)
    if said.get("unofficial", "false") not in ("true", "false"):
        raise ConfigError(f"unofficial={said['unofficial']}: it is true or false")
    overrides = [word for word in arguments if word.partition("=")[0] not in SWITCHES]
    if not any(word.startswith("model=") for word in overrides):
        overrides.append("model=tiny")
    return overrides, said


def needed(tasks: Sequence[Task]) -> dict[str, list[str]]:
    """The subsets of each corpus that the tasks read, in their order."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.corpus.manifest is None and task.corpus.name in corpora():
            subsets = found.setdefault(task.corpus.name, [])
            subsets += [subset for subset in task.corpus.subsets if subset not in subsets]
    return found


def provide(config: Config, tasks: Sequence[Task], said: dict[str, str]) -> int:
    """Prepare all that is needed, a corpus after the other, and say what is still missing. Returns 0, or the worst
    status of a preparation."""
    root, worst, missing = Path(config.data.root).expanduser(), 0, []
    for corpus, subsets in needed(tasks).items():
        words = ["prepare", corpus, "--root", str(root)]
        for subset in subsets:
            words += ["--subset", subset]
        if "source" in said:
            source = Path(said["source"]).expanduser()
            words += ["--source", str(source / corpus if (source / corpus).is_dir() else source)]
        status = prepare([*words, *(["--unofficial"] if said.get("unofficial") == "true" else [])])
        worst = max(worst, status)
        if status in (3, 130):
            return status
        missing += [f"{corpus}/{subset}" for subset in subsets if not (root / corpus / f"{subset}.jsonl").is_file()]
    if missing:
        say(sys.stderr, f"evaluate: still to be prepared: {', '.join(missing)}")
    return worst
