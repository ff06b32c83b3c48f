"""Launching: a sweep's jobs as Slurm's, or as processes of their own on this machine, through submitit.

Which, and with what settings, Hydra's launcher says that the command names. Its jobs are held here, since Hydra's own
waiting ends with the first one that is lost, and leaves the others alone.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evaluate import compose
from evaluate.config import ConfigError
from evaluate.engines.local import ignored
from evaluate.sweep import Job
from metrics.base import nearest
from results.console import say
from results.run import RunDirectory, new_session

POLL_SECONDS = 1.0
QUEUE_SECONDS = 20.0
"""Between looks at Slurm's queue."""
LOOKS = 2
"""At so many looks in a row a job without a result must be gone: a result may be late on a shared file system."""
INTERRUPTED = (130, 143)
LOST = 3
"""The status of a job that ended without one: it stopped early."""


@dataclass(frozen=True)
class CommandLine:
    """What a job runs: a command line without -m."""

    overrides: tuple[str, ...]
    path: Path
    """The run directory."""
    since: str
    """When the sweep began; UTC, ISO 8601."""
    environment: Mapping[str, str | None]
    """What the launcher has changed and is to be as it was; None: not set."""

    def __call__(self) -> int:
        from evaluate.__main__ import main

        for name, value in self.environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        status = main([text for text in self.overrides if not (text.startswith("fresh=") and self._is_begun())])
        if status in INTERRUPTED:
            sys.exit(status)  # no result: where Slurm queues the job again, it goes on
        return status

    def _is_begun(self) -> bool:
        """Whether this job was started before and queued again: it moves no answers of its own aside."""
        record = RunDirectory(self.path).read()
        return record is not None and record.sessions[0].started >= self.since

    def checkpoint(self) -> Any:
        """What to queue again where the job's time is up or another takes its place; the name is submitit's."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class _Held:
    """A job that was started."""

    name: str
    job: Any
    """submitit's."""
    status: int | None = None
    missed: int = 0
    """Looks in a row at which it had ended."""


def run(jobs: Sequence[Job], settings: Sequence[str], folder: Path) -> list[int]:
    """Run the jobs of a sweep; returns their statuses.

    ``settings`` are the overrides that choose a launcher; logs go below ``folder``. Raises ConfigError where there is
    no such launcher, or it takes no jobs. An interruption cancels what has not ended.
    """
    common, known = _names()
    _refuse_unknown(settings, known)
    chosen = _composed(settings, folder)
    kind = str(chosen.pop("_target_")).rpartition(".")[2].removesuffix("Launcher").lower()
    if kind not in ("local", "slurm"):
        raise ConfigError(f"{compose.LAUNCHER}: there are slurm and processes; without a launcher, jobs run here")
    if (chosen["nodes"], chosen["tasks_per_node"]) != (1, 1):
        raise ConfigError("hydra.launcher: a job is one process, nodes=1 and tasks_per_node=1")
    gpus = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES")}
    environment = gpus if kind == "local" and not chosen["gpus_per_node"] else {}
    since = new_session().started
    lines = [CommandLine(tuple(job.overrides), job.path.absolute(), since, environment) for job in jobs]
    with _checkout_first(), ignored(signal.SIGINT):  # Ctrl-C reaches processes of this machine, too; this one decides
        started = _started(lines, kind, chosen, common)
    held = [_Held(job.name, one) for job, one in zip(jobs, started, strict=True)]
    running = _SlurmQueue() if kind == "slurm" else lambda: {one.job.job_id for one in held if not one.job.done()}
    try:
        for one in held:
            say(sys.stderr, f"job {one.job.job_id}: {one.name}; log: {one.job.paths.stderr}")
        _wait(held, running)
    finally:
        for one in held:
            if one.status is None:
                _cancel(kind, one.job)
    return [LOST if one.status is None else one.status for one in held]


def _names() -> tuple[set[str], set[str]]:
    """The names of the settings that all launchers have, and of all settings. Raises ConfigError."""
    try:
        from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf, SlurmQueueConf
    except ImportError:
        raise ConfigError(
            f"{compose.LAUNCHER}: submitit is not installed; pip install -e '.[slurm]' in the checkout installs it"
        ) from None
    return {item.name for item in fields(BaseQueueConf)}, {item.name for item in fields(SlurmQueueConf)}


def _refuse_unknown(settings: Sequence[str], known: set[str]) -> None:
    for override in settings:
        group, _, key = override.partition("=")[0].lstrip("+~").partition("hydra.launcher.")
        if not group and key.partition(".")[0] not in known:
            raise ConfigError(f"hydra.launcher.{key}: submitit has no such setting{nearest(key, sorted(known))}")


def _composed(settings: Sequence[str], folder: Path) -> dict[str, Any]:
    """The launcher's settings, composed and checked by Hydra."""
    compose.register()
    try:
        with hydra.initialize_config_dir(str(compose.CONFIGS), version_base="1.3"):
            own = f"hydra.sweep.dir='{folder.absolute()}'"
            composed = hydra.compose("config", [*settings, own], return_hydra_config=True)
            found = OmegaConf.to_container(composed.hydra.launcher, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(compose.sentence(error, settings)) from None
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


@contextlib.contextmanager
def _checkout_first() -> Iterator[None]:
    """Let jobs that are started within import this checkout's modules, wherever they start."""
    before = dict(os.environ)
    path = [str(compose.CONFIGS.parent), *filter(None, [before.get("PYTHONPATH")])]
    os.environ |= {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def _started(lines: Sequence[CommandLine], kind: str, settings: dict[str, Any], common: set[str]) -> list[Any]:
    """submitit's jobs. It knows the settings that one kind alone has by names that begin with the kind."""
    import submitit

    logging.getLogger("submitit").setLevel(logging.ERROR)
    named = {key if key in common else f"{kind}_{key}": value for key, value in settings.items()}
    first = {key: named.pop(key) for key in (f"{kind}_max_num_timeout",) if key in named}
    try:
        executor = submitit.AutoExecutor(folder=named.pop("submitit_folder"), cluster=kind, **first)
        executor.update_parameters(**named)
        return list(executor.submit_array(lines))
    except (RuntimeError, ValueError, NameError, AssertionError, OSError) as error:
        raise ConfigError(f"hydra/launcher: no jobs can be started: {' '.join(str(error).split())}") from None


def _cancel(kind: str, job: Any) -> None:
    if kind == "slurm":
        job.cancel(check=False)
    elif not job.done():
        os.kill(int(job.job_id), signal.SIGTERM)  # submitit's own way leaves a job a second


def _wait(held: Sequence[_Held], running: Callable[[], set[str] | None]) -> None:
    """Wait until all have ended. ``running`` names those that have not; None where that is not known just now."""
    while waiting := [one for one in held if one.status is None]:
        time.sleep(POLL_SECONDS)
        there = running()
        for one in waiting:
            if there is not None:
                one.missed = 0 if one.job.job_id in there else one.missed + 1
            if one.job.paths.result_pickle.exists() or one.missed == LOOKS:
                one.status, words = _outcome(one.job)
                say(sys.stderr, f"job {one.job.job_id}: {one.name}: {words}")


def _outcome(job: Any) -> tuple[int, str]:
    """The status of a job that has ended, and what there is to say."""
    if not job.paths.result_pickle.exists():
        return LOST, f"lost: {_last_words(job)}"
    if failure := job.exception():
        return LOST, f"failed: {str(failure).strip().splitlines()[-1]}"
    status = int(job.result())
    return status, "done" if not status else f"status {status}: {_last_words(job)}"


def _last_words(job: Any) -> str:
    """What a job said last."""
    for path in (job.paths.stderr, job.paths.stdout):
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
        said = [line.strip() for line in lines if line.strip() and not line.startswith(("submitit ", "srun: "))]
        if said:
            return said[-1]
    return "it said nothing"


class _SlurmQueue:
    """The jobs of this user that Slurm has not ended, looked up now and then: unlike its accounting, which submitit
    asks, the queue is always there."""

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def __call__(self) -> set[str] | None:
        if time.monotonic() - self._looked < QUEUE_SECONDS:
            return None
        self._looked = time.monotonic()
        asked = ["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i"]
        done = subprocess.run(asked, capture_output=True, text=True)
        return None if done.returncode else set(done.stdout.split())
