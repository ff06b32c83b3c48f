"""Whole runs as a user starts them: real processes, a real checkpoint, real kills."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import pytest
import soundfile
from support import CLIPS, command, read_lines, start, write_manifest

Tone = Callable[..., Path]
NEW_TOKENS = 8


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 stretches of the demo's clips, of many lengths."""
    rows = []
    for row in read_lines(CLIPS / "manifest.jsonl"):
        path = CLIPS / row["audio"]
        for part in range(60 // 8 + 1):
            clip = {"path": str(path), "start": 0.1 * part, "end": 0.6 + 0.21 * part}
            rows.append(
                {"id": f"{row['id']}-{part}", "audio": clip, "reference": row["reference"], "speaker": row["group"]}
            )
    return write_manifest(tmp_path_factory.mktemp("manifest") / "m.jsonl", rows[:60])


@pytest.fixture(scope="module")
def arguments(manifest: Path, make_whisper: Callable[..., Path]) -> list[str]:
    return [
        "task=asr/manifest", f"task.corpus.manifest={manifest}", "task.language=en", "task.corpus.group=speaker",
        f"task.generation.max_new_tokens={NEW_TOKENS}", "model=whisper", f"model.path={make_whisper()}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = command("evaluate", *arguments, f"run.dir={run}")
    assert done.returncode == 0, done.stderr
    return run


def predictions(run: Path) -> Path:
    return run / "asr/manifest/predictions.jsonl"


def test_answers_equal_batch_one_and_scores_equal_jiwer(
    undisturbed: Path, manifest: Path, make_whisper: Callable[..., Path]
) -> None:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    from whisper_normalizer.basic import BasicTextNormalizer

    folder = make_whisper()
    network, processor = (
        WhisperForConditionalGeneration.from_pretrained(folder),
        WhisperProcessor.from_pretrained(folder),
    )
    records = read_lines(predictions(undisturbed))
    rows = {row["id"]: row for row in read_lines(manifest)}
    assert [record["id"] for record in records] == sorted(rows)
    for record in records:
        clip = rows[record["id"]]["audio"]
        samples, rate = soundfile.read(clip["path"], dtype="float32")
        heard = samples[round(clip["start"] * rate) : round(clip["end"] * rate)]
        features = processor(heard, sampling_rate=rate, return_tensors="pt").input_features
        tokens = network.generate(features, max_new_tokens=NEW_TOKENS, do_sample=False, num_beams=1)
        assert record["raw"] == processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
        assert record["status"] == "ok" and record["prompt_tokens"] == 2 and record["new_tokens"] == NEW_TOKENS
    assert len({record["raw"] for record in records}) > 20, "the model hears: other clips, other answers"
    normalise = BasicTextNormalizer()
    pairs = [(normalise(record["references"][0]), normalise(record["raw"])) for record in records]
    scores = json.loads((undisturbed / "asr/manifest/scores.json").read_text())
    wer, cer = scores["scores"]
    assert wer["value"] == pytest.approx(100 * jiwer.wer(*map(list, zip(*pairs, strict=True))), abs=1e-9)
    assert cer["value"] == pytest.approx(100 * jiwer.cer(*map(list, zip(*pairs, strict=True))), abs=1e-9)
    assert wer["primary"] and wer["n"] == 60 and wer["ci95"][0] <= wer["value"] <= wer["ci95"][1]
    assert scores["counts"]["expected"] == scores["counts"]["scored"] == 60


def test_the_same_command_again_says_finished(undisturbed: Path, arguments: list[str]) -> None:
    before = predictions(undisturbed).read_bytes()
    done = command("evaluate", *arguments, f"run.dir={undisturbed}")
    assert done.returncode == 0 and "finished before" in done.stderr and "| wer" in done.stdout
    assert predictions(undisturbed).read_bytes() == before


def test_another_question_is_refused_and_another_scoring_is_not(undisturbed: Path, arguments: list[str]) -> None:
    before = predictions(undisturbed).read_bytes()
    done = command("evaluate", *arguments, f"run.dir={undisturbed}", "task.generation.max_new_tokens=9")
    assert done.returncode == 2 and "what differs: generation" in done.stderr and done.stderr.count("\n") == 1
    done = command("evaluate", *arguments, f"run.dir={undisturbed}", "task.normalizer=none")
    assert done.returncode == 0 and "wer|tok" in done.stdout.replace("|norm:none.1", "")
    assert command("evaluate", *arguments, f"run.dir={undisturbed}").returncode == 0
    assert predictions(undisturbed).read_bytes() == before


@pytest.mark.parametrize("budget", [["batch.max_clips=1"], ["batch.max_seconds=5", "engine.threads=1"]])
def test_batch_budgets_do_not_change_a_byte(
    undisturbed: Path, arguments: list[str], tmp_path: Path, budget: list[str]
) -> None:
    done = command("evaluate", *arguments, *budget, f"run.dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    assert predictions(tmp_path / "run").read_bytes() == predictions(undisturbed).read_bytes()


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    while not (path.exists() and path.read_bytes().count(b"\n") >= count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def test_killed_in_the_middle_and_started_again(undisturbed: Path, arguments: list[str], tmp_path: Path) -> None:
    """With batches of one clip, so that this holds for the smallest budget too."""
    run = tmp_path / "run"
    process = start("evaluate", *arguments, f"run.dir={run}", "batch.max_clips=1")
    wait_for_lines(predictions(run), 6, process)
    os.kill(process.pid, signal.SIGSTOP)  # so that it does not end while the second run is looked at
    busy = command("evaluate", *arguments, f"run.dir={run}")
    assert busy.returncode == 2 and "is in use by another run (process" in busy.stderr and busy.stderr.count("\n") == 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = read_lines(predictions(run))
    assert 6 <= len(there) < 60 and not (run / "leaderboard.md").exists()
    with predictions(run).open("ab") as file:
        file.write(b'{"id": "torn')  # as a kill within a write leaves it
    done = command("evaluate", *arguments, f"run.dir={run}", "batch.max_clips=1")
    assert done.returncode == 0 and f"{60 - len(there)} samples to answer, {len(there)} are there" in done.stderr
    assert predictions(run).read_bytes() == predictions(undisturbed).read_bytes()
    record = json.loads((run / "run.json").read_text())
    assert [session["status"] for session in record["sessions"]] == [None, 0]
    assert record["sessions"][1]["answered"] == 60 - len(there)


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
    return [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}", f"run.dir={run}"]  # fmt: skip


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


def test_a_model_that_raises_and_one_that_dies(own: Path, tmp_path: Path, tone: Tone) -> None:
    run = tmp_path / "run"
    manifest = echo_manifest(tmp_path, tone, s03={"does": "raise"}, s04={"does": "exhaust"})
    done = command("evaluate", *echo(own, manifest, run))
    assert (
        done.returncode == 1 and "ValueError: no answer in secret.py" in done.stderr and "out of memory" in done.stderr
    )
    manifest = echo_manifest(tmp_path, tone, s00={"does": "die"})
    done = command("evaluate", *echo(own, manifest, tmp_path / "other"), "batch.max_clips=4")
    assert done.returncode == 3 and "was killed by SIGKILL" in done.stderr and "Traceback" not in done.stderr
    assert len(read_lines(tmp_path / "other/own/echo/predictions.jsonl")) == 16


def test_a_suite_of_ones_own_outside_the_checkout(own: Path, tmp_path: Path, tone: Tone) -> None:
    manifest = echo_manifest(tmp_path, tone)
    search, run = f"hydra.searchpath=['file://{own}']", tmp_path / "run"
    both = [f"tasks.{key}.corpus.manifest={manifest}" for key in ("first", "second")]
    done = command("evaluate", search, "suite=twice", "model=echo", *both, f"run.dir={run}", "limit=5")
    assert done.returncode == 0, done.stderr
    first, second = (read_lines(run / f"own/{name}/predictions.jsonl") for name in ("first", "second"))
    assert len(first) == 5 and first == second
    assert json.loads((run / "run.json").read_text())["label"] == "twice"
    done = command("evaluate", search, "suite=twice", "model=echo", *both, f"run.dir={run}", "limit=9")
    assert done.returncode == 0 and "8 samples to answer, 10 are there" in done.stderr
    assert {row["id"] for row in first} < {row["id"] for row in read_lines(run / "own/first/predictions.jsonl")}
    done = command("evaluate", search, "suite=twice", "model=echo", *both, f"run.dir={run}", "limit=3", "fresh=true")
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
