"""The command line: ``python -m evaluate task=... model=...`` (or ``alm-evaluate``)."""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises, instead of printing and leaving with status 1

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from evaluate import compose
from evaluate.config import ConfigError
from evaluate.models.base import ModelError, add_to_path

LISTS = {"tasks": "task", "suites": "suite", "models": "model"}

HELP = """\
Run a task, or a suite of tasks, on an audio-language model, and score the answers.

  python -m evaluate task=TASK   model=MODEL model.path=FOLDER [KEY=VALUE ...]
  python -m evaluate suite=SUITE model=MODEL model.path=FOLDER [KEY=VALUE ...]
  python -m evaluate list tasks|suites|models
  python -m evaluate ... show=config|prompt        print it, load no model
  python -m evaluate ... -m task=A,B model=C,D     run every combination

Keys most used (all of them, with a word on each: evaluate/config.py):
  task.corpus.manifest=FILE.jsonl  your recordings      limit=N           some samples only
  task.language=en                 of the speech        run.dir=FOLDER    where results go
  model.dtype=bfloat16                                  fresh=true        begin anew
  batch.max_clips=N  batch.max_seconds=S                retry_failed=true answer failed ones again
  engine.devices=cpu|cuda:0                             max_failed=N      tolerated, or a share
  each.KEY=V, tasks.NAME.KEY=V     within a suite       hydra.searchpath=[file:///F]  your own tasks, models

Exit status: 0 done; 1 done, more than max_failed failed; 2 refused; 3 stopped early, resumable; 130/143 interrupted.
"""


def run() -> NoReturn:
    """Entry point: run the command line and exit with its status."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return show_help()
    if arguments[0] == "list":
        return show_list(arguments[1:])
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    statuses: list[int] = []
    try:
        compose.check_overrides(overrides)
        folders = compose.search_paths(overrides)[1:]
        add_to_path(folders)
        _register_scratch()
        compose.register()
        _hydra_main(arguments, statuses, folders)
    except ConfigError as error:
        return refuse(error)
    except compose.HYDRA_ERRORS as error:
        return refuse(compose.sentence(error, overrides))
    return max(statuses, default=0)


def _hydra_main(arguments: Sequence[str], statuses: list[int], folders: Sequence[Path]) -> None:
    def job(composed: DictConfig) -> None:
        statuses.append(run_job(composed, [str(folder) for folder in folders]))

    previous, sys.argv = sys.argv, ["evaluate", *arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(compose.CONFIGS), config_name="config")(job)()
    finally:
        sys.argv = previous


def run_job(composed: DictConfig, folders: Sequence[str]) -> int:
    """One composed configuration: refuse it, show it or run it. Never raises for what a user can cause."""
    from datasets_prep.manifest import ManifestError
    from evaluate.prompts import PromptError
    from metrics.base import MetricError
    from results.run import RunError

    choices = HydraConfig.get().runtime.choices
    try:
        config = compose.typed(composed, choices.get("suite"))
        if config.show == "config":
            print(OmegaConf.to_yaml(OmegaConf.structured(config)), end="")
            return 0
        from evaluate import runner

        label = choices.get("suite") or (config.task and config.task.name) or "tasks"
        with _termination():
            return runner.run(config, str(label), folders)
    except (ConfigError, ManifestError, ModelError, PromptError, MetricError, RunError) as error:
        return refuse(error)


class _termination:  # noqa: N801 - used as a with statement
    """SIGTERM, the notice of Slurm and of supervisors, ends a run as Ctrl-C does, with status 143."""

    def __enter__(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            raise Terminated

        self.previous = signal.signal(signal.SIGTERM, stop)

    def __exit__(self, *exception: Any) -> None:
        signal.signal(signal.SIGTERM, self.previous)


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def _register_scratch() -> None:
    """Hydra writes its record of a sweep somewhere; here, into a folder that goes with the process."""
    scratch = tempfile.TemporaryDirectory(prefix="alm-eval-", ignore_cleanup_errors=True)
    OmegaConf.register_new_resolver("alm_scratch", lambda: scratch.name, replace=True)


def refuse(error: object) -> int:
    print(f"evaluate: {error}", file=sys.stderr)
    return 2


def show_help() -> int:
    print(HELP)
    by_type: dict[str, list[str]] = {}
    for name in compose.options_of("task"):
        kind, _, rest = name.partition("/")
        by_type.setdefault(kind, []).append(rest or kind)
    print("Tasks, by type:")
    for kind, names in by_type.items():
        print(f"  {kind}/".ljust(14) + ", ".join(names))
    for title, group in (("Suites:", "suite"), ("Models:", "model")):
        print(title.ljust(14) + (", ".join(compose.options_of(group)) or "none yet"))
    return 0


def show_list(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in LISTS:
        return refuse(f"list what? say list {'|'.join(LISTS)}")
    try:
        compose.check_overrides(arguments[1:])
        names = compose.options_of(LISTS[arguments[0]], arguments[1:])
    except ConfigError as error:
        return refuse(error)
    except compose.HYDRA_ERRORS as error:
        return refuse(compose.sentence(error))
    print("\n".join(names))
    return 0


if __name__ == "__main__":
    run()
