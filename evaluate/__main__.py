"""The command line: ``python -m evaluate task=... model=...`` (or ``alm-evaluate``)."""

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from alm_eval import finish
from evaluate import compose
from evaluate.config import Config, ConfigError, Task, tasks_of
from evaluate.models.base import add_to_path
from results.console import say
from results.files import RunError

Do = Callable[[Config, Sequence[Task], str, Sequence[str]], int]
"""What is done with a composed job: its tasks, its suite or task, the user's own configuration folders; the status."""
LISTS = {"tasks": "task", "suites": "suite", "models": "model"}
REGISTRIES = ("metrics", "normalizers", "extractors")

HELP = """\
Run a task, or a suite of tasks, on an audio-language model, and score the answers.

  python -m evaluate task=TASK   model=MODEL model.path=FOLDER [KEY=VALUE ...]
  python -m evaluate suite=SUITE model=MODEL model.path=FOLDER [KEY=VALUE ...]
  python -m evaluate list tasks|suites|models|metrics|normalizers|extractors
  python -m evaluate prepare suite=SUITE data.root=DATA [source=FOLDER]    the corpora that its tasks read
  python -m evaluate ... show=config|prompt        print it, load no model
  python -m evaluate -m task=A,B model=C,D ...     run every combination (checkpoints.C=FOLDER for each model)
  python -m evaluate -m suite=S only=each ...      a job for each of its tasks; one leaderboard of all jobs
  python -m evaluate -m ... hydra/launcher=slurm   each job as one of Slurm's; processes: as one of this machine

Keys most used (all of them, with a word on each: evaluate/config.py):
  task.corpus.manifest=FILE.jsonl  your recordings      limit=N           some samples only
  task.language=en                 of the speech        run.dir=FOLDER    where results go
  model.dtype=bfloat16                                  fresh=true        begin anew
  batch.max_clips=N  batch.max_seconds=S                retry_failed=true answer failed ones again
  engine.devices=cpu|cuda:0                             max_failed=N      tolerated, or a share
  engine=ray engine.address=auto   on a Ray cluster     only=KEY          one task of the suite
  check=true                       look, run nothing    preflight=off     run without a look
  control=silence|shuffle|no_audio hear that instead    audit=batch       alone, as in a batch?
  each.KEY=V, tasks.NAME.KEY=V     within a suite       hydra.searchpath=[file:///F]  your own tasks, models

Exit status: 0 done; 1 done, more than max_failed failed; 2 refused; 3 stopped early, resumable; 130/143 interrupted.
"""


def run() -> NoReturn:
    """Entry point: run the command line and exit with its status."""
    finish(main)


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status, of several jobs the worst."""
    try:
        with _Termination():
            if not arguments or arguments[0] == "help" or {"-h", "--help"} & set(arguments):
                return show_help()
            if arguments[0] == "list":
                return show_list(arguments[1:])
            if arguments[0] == "prepare":
                return prepare_corpora(arguments[1:])
            sweeping, overrides = split(arguments)
            if not sweeping:
                return run_job(overrides)
            from evaluate import sweep

            return sweep.run(overrides, run_job)
    except (ConfigError, RunError) as error:
        return refuse(error)
    except KeyboardInterrupt as error:
        same = f"the same command{' without fresh=true' if 'fresh=true' in arguments else ''}"
        say(sys.stderr, f"evaluate: interrupted; {same} goes on where it stopped")
        return 143 if isinstance(error, Terminated) else 130


def split(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether the command line is a sweep, and its overrides. Raises ConfigError."""
    flags = [argument for argument in arguments if argument.startswith("-")]
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    for flag in flags:
        if flag not in ("-m", "--multirun"):
            raise ConfigError(f"{flag}: there are -m and --help; show=config prints the configuration")
    compose.check_overrides(overrides, sweeping=bool(flags))
    return bool(flags), overrides


def run_job(overrides: Sequence[str], do: Do | None = None) -> int:
    """Compose one job and run it, or do something else with it. Whatever a user can cause is a sentence and a status;
    a fault of ours is raised."""
    try:
        compose.register()
        # Not hydra.main, which composes twice: of a suite of 90 tasks that takes another three seconds.
        with hydra.initialize_config_dir(str(compose.CONFIGS), job_name="evaluate", version_base="1.3"):
            composed = hydra.compose("config", list(overrides), return_hydra_config=True)
    except Exception as error:  # noqa: BLE001 - Hydra's and OmegaConf's, and whatever they let through
        return refuse(compose.sentence(error, overrides))
    return run_composed(composed, overrides, do)


def run_composed(composed: DictConfig, overrides: Sequence[str], do: Do | None = None) -> int:
    """One composed configuration, with Hydra's own part: refuse it, show it or run it; or refuse it or ``do`` something
    else with it."""
    from evaluate.refusals import REFUSALS

    folders = compose.search_paths(overrides)[1:]
    add_to_path(folders)
    HydraConfig.instance().set_config(composed)  # for whoever writes ${hydra:...}
    choices = composed.hydra.runtime.choices
    del composed.hydra
    suite = choices.get("suite")
    try:
        config = compose.typed(composed, suite, choices.get("model"), overrides)
        tasks = tasks_of(config, explicit=compose.said_keys(overrides))
        if config.show == "config" and not do:
            say(sys.stdout, OmegaConf.to_yaml(OmegaConf.structured(config)).rstrip())
            return 0
        from evaluate import runner
        from evaluate.tasks import narrowed

        tasks = [narrowed(task, config.data) for task in tasks]
        label = str(suite or (config.task and config.task.name) or "tasks")
        return (do or runner.run)(config, tasks, label, [str(folder) for folder in folders])
    except REFUSALS as error:
        return refuse(error)


class Terminated(KeyboardInterrupt):
    """SIGTERM came: the notice of Slurm and of supervisors ends a run as Ctrl-C does, with status 143."""


class _Termination:
    def __enter__(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            raise Terminated

        self.previous = signal.signal(signal.SIGTERM, stop)

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGTERM, self.previous)


def refuse(error: object) -> int:
    say(sys.stderr, f"evaluate: {error}")
    return 2


def prepare_corpora(arguments: Sequence[str]) -> int:
    """Prepare the corpora of a task or a suite."""
    from evaluate import provision

    overrides, said = provision.taken(arguments)
    chosen = [[f"task={name}"] for name in said["tasks"].split(",")] if "tasks" in said else [[]]
    return max(
        run_job([*one, *overrides], lambda config, tasks, label, folders: provision.provide(config, tasks, said))
        for one in chosen
    )


def show_help() -> int:
    lines = [HELP]
    by_type: dict[str, list[str]] = {}
    for name in compose.options_of("task"):
        kind, _, rest = name.partition("/")
        by_type.setdefault(kind, []).append(rest or kind)
    lines.append("Tasks, by type:")
    for kind, names in by_type.items():
        lines.append(f"  {kind}/".ljust(14) + ", ".join(names))
    for title, group in (("Suites:", "suite"), ("Models:", "model")):
        lines.append(title.ljust(14) + ", ".join(compose.options_of(group)))
    say(sys.stdout, "\n".join(lines))
    return 0


def show_list(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in (*LISTS, *REGISTRIES):
        return refuse(f"list what? say list {'|'.join((*LISTS, *REGISTRIES))}")
    if arguments[0] in REGISTRIES:
        from metrics import extractors, normalizers, score

        registered = {
            "metrics": list(score.METRICS),
            "normalizers": list(normalizers.NORMALIZERS),
            "extractors": list(extractors.EXTRACTORS),
        }
        say(sys.stdout, "\n".join(registered[arguments[0]]))
        return 0
    try:
        compose.check_overrides(arguments[1:])
        names = compose.options_of(LISTS[arguments[0]], arguments[1:])
    except ConfigError as error:
        return refuse(error)
    say(sys.stdout, "\n".join(names))
    return 0


if __name__ == "__main__":
    run()
