"""Sweeps: jobs one after the other or through a launcher, suites taken apart, one leaderboard of all jobs."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import slurm_double
from processes import children, wait_until_gone
from support import CHECKOUT, CLIPS, command, start, wait_for_lines, write_manifest

from evaluate import launch
from evaluate.__main__ import main
from results.run import new_session

Capture = pytest.CaptureFixture[str]
Sweep = Callable[..., list[str]]
TASK = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "task.language=en", "model=tiny"]
ENDS_ITS_JOB = """
    def render(self, prompt, request):
        if request.fields.get("does") == "end" and os.environ.get("SUBMITIT_EXECUTOR"):
            os.kill(os.getpid(), 9)
        return prompt
"""


@pytest.fixture
def sweep(own: Path, tmp_path: Path, tone: Callable[..., Path]) -> Sweep:
    """The arguments of a sweep over a suite of two tasks; keywords change a sample of a task."""
    tone("a.wav", 0.25)
    (own / "model/mute.yaml").write_text("_target_: echo_model.Echo\nname: mute\npath: null\n")
    with (own / "echo_model.py").open("a") as code:
        code.write(ENDS_ITS_JOB)

    def arguments(*more: str, **special: dict[str, Any]) -> list[str]:
        manifests = []
        for task in ("first", "second"):
            rows = [{"id": f"s{n}", "audio": "a.wav", "reference": "4000 samples", "hint": ""} for n in range(6)]
            rows[3] |= special.get(task, {})
            path = write_manifest(tmp_path / f"{task}.jsonl", rows)
            manifests.append(f"tasks.{task}.corpus.manifest={path}")
        place = f"'run.dir={tmp_path}/runs/${{model.name}}-${{only}}'"
        common = [f"hydra.searchpath=['file://{own}']", "suite=twice", "engine.devices=cpu", "model=echo"]
        return ["-m", *common, *manifests, place.strip("'"), f"run.sweep={tmp_path}/all", *more]

    return arguments


def merged(folder: Path) -> list[tuple[str, str, float]]:
    table = json.loads((folder / "all/leaderboard.json").read_text())
    return [(line["model"], line["task"], line["value"]) for line in table]


def test_a_suite_is_taken_apart(sweep: Sweep, tmp_path: Path, capsys: Capture) -> None:
    """One after the other, in this process; one of the samples fails."""
    assert main(sweep("only=each", first={"does": "raise"})) == 1
    said = capsys.readouterr()
    assert merged(tmp_path) == [("echo", "own/first", 100.0), ("echo", "own/second", 100.0)]
    assert "echo on twice/first ended with status 1: more samples failed than" in said.out
    assert f"all 2 jobs: {tmp_path}/all" in said.err
    records = {path.name: json.loads((path / "run.json").read_text()) for path in (tmp_path / "runs").iterdir()}
    assert {name: list(record["tasks"]) for name, record in records.items()} == {
        "echo-first": ["own/first"],
        "echo-second": ["own/second"],
    }
    assert {(record["label"], record["config"]["only"]) for record in records.values()} == {
        ("twice", "first"),
        ("twice", "second"),
    }
    assert (tmp_path / "all/leaderboard.md").read_text() in said.out
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [f"leaderboard.{f}" for f in ("csv", "json", "md")]  # fmt: skip


def test_models_as_processes(sweep: Sweep, tmp_path: Path) -> None:
    before = sorted(CHECKOUT.iterdir())
    done = command("evaluate", *sweep("model=echo,mute", "hydra/launcher=processes"))
    assert done.returncode == 0, done.stderr
    tasks = ("own/first", "own/second")
    assert merged(tmp_path) == [(model, task, 100.0) for model in ("echo", "mute") for task in tasks]
    assert done.stdout == (tmp_path / "all/leaderboard.md").read_text()
    assert "echo on twice: done" in done.stderr and "mute on twice: done" in done.stderr
    assert sorted(CHECKOUT.iterdir()) == before
    again = command("evaluate", *sweep("model=echo,mute", "hydra/launcher=processes"))
    assert again.returncode == 0 and again.stdout == done.stdout, "finished before"


def test_a_job_that_fails_and_one_that_is_lost(sweep: Sweep, tmp_path: Path) -> None:
    jobs = sweep("only=each", "hydra/launcher=processes", first={"does": "raise"}, second={"does": "end"})
    done = command("evaluate", *jobs)
    assert done.returncode == 3, done.stderr
    assert "echo on twice/first: status 1: results: " in done.stderr and "echo on twice/second: lost: " in done.stderr
    assert merged(tmp_path) == [("echo", "own/first", 100.0)]
    assert "echo on twice/second ended with status 3: stopped early, the same command goes on" in done.stdout


def test_jobs_of_slurm(sweep: Sweep, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a double of it: how jobs are handed over, found again in the queue, and missed there."""
    monkeypatch.setenv("PATH", str(slurm_double.install(tmp_path / "slurm")), prepend=os.pathsep)
    monkeypatch.setattr(launch, "QUEUE_SECONDS", 1.0)
    assert main(sweep("only=each", "hydra/launcher=slurm", "hydra.launcher.partition=day", second={"does": "end"})) == 3
    said = capsys.readouterr()
    assert "job 7_0: echo on twice/first: done" in said.err and "job 7_1: echo on twice/second: lost" in said.err
    assert merged(tmp_path) == [("echo", "own/first", 100.0)]
    (script,) = (tmp_path / "all/.submitit").glob("*/*_submission.sh")
    asked = script.read_text()
    for line in ("partition=day", "gpus-per-node=1", "time=720", "signal=USR2@120", "job-name=evaluate"):
        assert f"#SBATCH --{line}" in asked


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_cancels_the_jobs(sweep: Sweep, tmp_path: Path, number: int, status: int) -> None:
    process = start("evaluate", *sweep("hydra/launcher=processes", "batch.max_clips=1", "+model.options.nap=2"))
    wait_for_lines(tmp_path / "runs/echo-None/own/first/predictions.jsonl", 1, process)
    found = children(process.pid)
    found += [child for job in found for child in children(job)]
    begun = time.monotonic()
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=20)
    assert (
        time.monotonic() - begun < 8
        and process.returncode == status
        and "the same command goes on" in said
        and "Traceback" not in said
    )
    assert len(found) >= 2 and not wait_until_gone(found, 5)


def test_a_job_that_is_queued_again_goes_on(sweep: Sweep, tmp_path: Path, capsys: Capture) -> None:
    """Though it is to begin anew: it has."""
    alone = [text for text in sweep("only=first", "fresh=true") if text != "-m" and not text.startswith("run.sweep")]
    assert main(alone) == 0
    time.sleep(1)  # the stamps of runs are of seconds
    line = launch.CommandLine(tuple(alone), tmp_path / "runs/echo-first", new_session().started, {"EXTRA": None})
    for _ in range(2):
        os.environ["EXTRA"] = "x"
        assert line() == 0 and "EXTRA" not in os.environ
    assert len(list((tmp_path / "runs").iterdir())) == 2, "the run before it is kept aside, once"
    assert "finished before" in capsys.readouterr().err and line.checkpoint().function == line


def test_tasks_that_do_not_suit_are_left_out(
    make_whisper: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    """By the kind of model, and by what a checkpoint is made for."""
    model = ["model=whisper", f"model.path={make_whisper()}", "each.generation.max_new_tokens=8"]
    assert main(["-m", "suite=quick", "data=miniature", *model, "only=each", "show=prompt"]) == 0
    said = capsys.readouterr()
    assert "left out: whisper on quick/cochlscene: no prompt for model whisper" in said.err
    assert "left out: whisper on quick/covost2_de_en: " in said.err and "only transcribes" in said.err
    assert said.out.count(", sample ") == 1 and "asr/librispeech, sample" in said.out
    assert main(["-m", "suite=quick", "data=miniature", "~tasks.librispeech", *model, "only=each", "show=prompt"]) == 2
    assert "only=each: no task of the suite suits the model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["only=a"], "only=a chooses among the tasks of a suite; with task= leave it out"),
        (["-m", "only=a"], "only=a chooses among the tasks of a suite"),
        (["only=each"], "only goes with -m"),
        (["run.sweep=x"], "run.sweep goes with -m"),
        (["hydra/launcher=slurm"], "hydra/launcher goes with -m"),
        (["hydra/sweeper=basic"], "hydra/sweeper: of Hydra's own there is hydra/launcher, which goes with -m"),
        (["-m", "hydra.sweep.dir=x"], "hydra.sweep.dir: say run.sweep=FOLDER"),
        (["-m", "hydra.launcher.name=x"], "no launcher is chosen; say hydra/launcher=slurm too"),
        (["-m", "hydra/launcher=slrum"], "no launcher named 'slrum'; did you mean 'slurm'?"),
        (["-m", "hydra/launcher=basic"], "there are slurm and processes; without a launcher, jobs run here"),
        (["-m", "hydra/launcher=slurm", "hydra.launcher.partitoin=x"], "no such setting; did you mean 'partition'?"),
        (["-m", "hydra/launcher=slurm", "hydra.launcher.timeout_min=x"], "hydra.launcher.timeout_min"),
        (["-m", "hydra/launcher=slurm", "hydra.launcher.nodes=2"], "a job is one process"),
        (["-m", "hydra/launcher=slurm"], "no jobs can be started: Could not detect"),
        (["-m", "batch.max_clips=1,2"], "tiny-asr-manifest is one folder for several jobs, which differ in batch.max_clips: let run.dir tell them apart, as in 'run.dir=results/runs/tiny-asr-manifest/${batch.max_clips}'"),
        (["-m", "limit=1,2", "run.sweep=a,b", "run.dir='x${limit}'"], "run.sweep is one folder for all jobs"),
    ],
)  # fmt: skip
def test_one_sentence_for_each_mistake(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main([*TASK, *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_what_is_not_installed_is_named(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, arguments, said in [
        ("hydra_plugins.hydra_submitit_launcher.config", ["-m", "hydra/launcher=slurm"], "submitit is not installed"),
        ("ray", ["engine=ray", f"run.dir={tmp_path}/run", "preflight=off"], "Ray is not installed"),
    ]:
        monkeypatch.setitem(sys.modules, package, None)
        assert main([*TASK, *arguments]) == 2
        assert said in capsys.readouterr().err


def test_keys_of_a_suite(sweep: Sweep, capsys: Capture) -> None:
    alone = [text for text in sweep("show=prompt") if text != "-m" and not text.startswith("run.sweep")]
    assert main([*alone, "only=[second]"]) == 0
    assert "own/second, sample" in capsys.readouterr().out
    for only, said in [
        ("secnd", "no task with that key; did you mean 'second'?"),
        ("[]", "or a list"),
        ("3", "or a list"),
    ]:
        assert main([*alone, f"only={only}"]) == 2
        assert said in capsys.readouterr().err
