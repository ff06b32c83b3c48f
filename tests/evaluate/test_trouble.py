"""Runs that meet trouble, with a double of a model in a folder of the user's own: bad clips, a model that raises or dies,
signals, suites, limits."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import command, read_lines, start, wait_for_lines, write_manifest

Tone = Callable[..., Path]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_says_how_to_go_on(own: Path, tmp_path: Path, tone: Tone, number: int, status: int) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""} for n in range(50)]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    run = tmp_path / "run"
    process = start("evaluate", *echo(own, manifest, run), "batch.max_clips=1", "+model.options.nap=0.2")
    wait_for_lines(run / "own/echo/predictions.jsonl", 2, process)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=10)
    assert process.returncode == status and "the same command goes on" in said and "Traceback" not in said
    assert 2 <= len(read_lines(run / "own/echo/predictions.jsonl")) < 50


def echo(own: Path, manifest: Path, run: Path) -> list[str]:
    return [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}", f"run.dir={run}", "engine.devices=cpu"]  # fmt: skip


def echo_manifest(folder: Path, tone: Tone, **special: dict[str, Any]) -> Path:
    """20 samples for the echo; keywords change those of the name."""
    rows: list[dict[str, Any]] = []
    for number in range(20):
        seconds = 0.1 + number / 50
        row = {"id": f"s{number:02}", "audio": tone(f"{number}.wav", seconds).name, "hint": ""}
        row["reference"] = f"{round(seconds * 16_000)} samples"
        rows.append(row | special.get(f"s{number:02}", {}))
    return write_manifest(folder / "m.jsonl", rows)


def test_one_corrupt_file_among_twenty(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = echo_manifest(tmp_path, tone)
    (tmp_path / "7.wav").write_bytes(b"this is no recording" * 20)
    run = tmp_path / "run"
    done = command("evaluate", *echo(own, manifest, run))
    assert done.returncode == 1 and "s07: 7.wav" in done.stderr
    counts = json.loads((run / "own/echo/scores.json").read_text())["counts"]
    assert (counts["expected"], counts["scored"], counts["failed"]) == (20, 19, 1)
    scores = json.loads((run / "leaderboard.json").read_text())
    assert (scores[0]["value"], scores[0]["n"], scores[0]["failed"]) == (100.0, 19, 1)
    record = next(record for record in read_lines(run / "own/echo/predictions.jsonl") if record["id"] == "s07")
    assert record["status"] == "failed" and record["raw"] is None and str(tmp_path) not in json.dumps(record["error"])
    assert command("evaluate", *echo(own, manifest, run)).returncode == 1, "finished before, and still one failed"
    assert command("evaluate", *echo(own, manifest, run), "max_failed=1").returncode == 0
    assert command("evaluate", *echo(own, manifest, run), "max_failed=0.01").returncode == 1
    tone("7.wav", 0.24)
    done = command("evaluate", *echo(own, manifest, run), "retry_failed=true")
    assert done.returncode == 0 and "1 samples to answer, 19 are there" in done.stderr
    assert json.loads((run / "leaderboard.json").read_text())[0]["n"] == 20


def test_what_a_model_raises_is_its_samples_failure(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = echo_manifest(tmp_path, tone, s03={"does": "raise"}, s04={"does": "exhaust"})
    done = command("evaluate", *echo(own, manifest, tmp_path / "run"))
    assert done.returncode == 1, done.stderr
    assert "s03: ValueError: no answer in secret.py" in done.stderr
    assert "s04: out of memory on this sample alone (0.2 s of audio)" in done.stderr


def test_a_suite_of_ones_own_outside_the_checkout(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = echo_manifest(tmp_path, tone)
    search, run = f"hydra.searchpath=['file://{own}']", tmp_path / "run"
    both = [f"tasks.{key}.corpus.manifest={manifest}" for key in ("first", "second")]
    done = command(
        "evaluate", search, "suite=twice", "model=echo", "engine.devices=cpu", *both, f"run.dir={run}", "limit=5"
    )
    assert done.returncode == 0, done.stderr
    first, second = (read_lines(run / f"own/{name}/predictions.jsonl") for name in ("first", "second"))
    assert len(first) == 5 and first == second
    assert json.loads((run / "run.json").read_text())["label"] == "twice"
    done = command(
        "evaluate", search, "suite=twice", "model=echo", "engine.devices=cpu", *both, f"run.dir={run}", "limit=9"
    )
    assert done.returncode == 0 and "8 samples to answer, 10 are there" in done.stderr
    assert {row["id"] for row in first} < {row["id"] for row in read_lines(run / "own/first/predictions.jsonl")}
    done = command(
        "evaluate",
        search,
        "suite=twice",
        "model=echo",
        "engine.devices=cpu",
        *both,
        f"run.dir={run}",
        "limit=3",
        "fresh=true",
    )
    assert done.returncode == 0 and len(read_lines(run / "own/first/predictions.jsonl")) == 3
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("run.")]) == 1, "the old run is kept aside"


def test_data_root_holds_corpora(own: Path, tmp_path: Path, tone: Tone) -> None:
    echo_manifest(tmp_path, tone).rename(tmp_path / "test.jsonl")
    arguments = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"data.root={tmp_path.parent}", f"task.corpus.name={tmp_path.name}"]  # fmt: skip
    done = command("evaluate", *arguments, "task.corpus.subsets=[tset]", "show=prompt")
    assert done.returncode == 2 and "did you mean 'test'?" in done.stderr
    done = command("evaluate", *arguments, "task.corpus.subsets=[test]", "show=prompt")
    assert done.returncode == 0 and "<audio>1</audio>How long?" in done.stdout


def test_a_folder_with_other_files_is_left_alone(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = echo_manifest(tmp_path, tone)
    before = sorted(tmp_path.rglob("*"))
    done = command("evaluate", *echo(own, manifest, tmp_path))
    assert done.returncode == 2 and "holds other files and no run.json" in done.stderr
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before


def test_scores_never_outlive_the_answers_they_were_made_of(own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = echo(own, echo_manifest(tmp_path, tone), tmp_path / "run")
    scores = tmp_path / "run/own/echo/scores.json"
    assert command("evaluate", *arguments, "limit=4").returncode == 0
    assert json.loads(scores.read_text())["counts"]["expected"] == 4
    process = start("evaluate", *arguments, "batch.max_clips=1", "engine.threads=1")
    wait_for_lines(tmp_path / "run/own/echo/predictions.jsonl", 5, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = command("evaluate", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(scores.read_text())["counts"]["scored"] == 20
    assert len(read_lines(tmp_path / "run/own/echo/predictions.jsonl")) == 20
    assert command("evaluate", *arguments, "limit=4").returncode == 0, "a lower limit scores what it asks for"
    assert json.loads(scores.read_text())["counts"]["expected"] == 4


def test_one_directory_holds_one_model(own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = echo(own, echo_manifest(tmp_path, tone), tmp_path / "run")
    assert command("evaluate", *arguments, "limit=2").returncode == 0
    done = command("evaluate", *arguments, "limit=2", "task.name=own/other", "model.name=other")
    assert done.returncode == 2 and "what differs: model (echo before, other now)" in done.stderr


def test_a_model_that_does_not_load_leaves_everything_as_it_was(own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = echo(own, echo_manifest(tmp_path, tone), tmp_path / "run")
    code = own / "echo_model.py"
    whole = code.read_text()
    code.write_text(whole.replace("self.device = device", "raise FileNotFoundError('no such weights')"))
    done = command("evaluate", *arguments, "limit=2")
    assert done.returncode == 2 and "model echo does not load: FileNotFoundError: no such weights" in done.stderr
    code.write_text(whole)
    assert command("evaluate", *arguments, "limit=2").returncode == 0, "the refusal does not hold the directory"
    before = (tmp_path / "run/leaderboard.json").read_bytes()
    done = command("evaluate", *arguments, "limit=2", "fresh=true", "engine.devices=cuda:9")
    assert done.returncode == 2 and (tmp_path / "run/leaderboard.json").read_bytes() == before


def test_a_signal_ends_a_sweep(own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = [
        *echo(own, echo_manifest(tmp_path, tone), tmp_path / "run-${model.name}"),
        "+model.options.nap=1",
        "batch.max_clips=1",
    ]
    process = start("evaluate", "-m", *arguments, "model.name=a,b")
    wait_for_lines(tmp_path / "run-a/own/echo/predictions.jsonl", 1, process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130 and "the same command goes on" in said and "Traceback" not in said
    assert not (tmp_path / "run-b").exists()
