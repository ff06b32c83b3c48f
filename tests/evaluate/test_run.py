"""Whole runs as a user starts them: real processes, a real checkpoint, real kills."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import jiwer
import pytest
import soundfile
from support import CLIPS, command, read_lines, start, wait_for_lines, write_manifest

Tone = Callable[..., Path]
NEW_TOKENS = 8


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 stretches of the demo's clips, of many lengths."""
    rows = []
    for row in read_lines(CLIPS / "manifest.jsonl"):
        path = CLIPS / row["audio"]
        for part in range(60 // 8 + 1):
            clip = {"path": str(path), "start": 0.1 * part, "end": 0.6 + 0.15 * part}
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


def test_a_batch_budget_does_not_change_a_byte(undisturbed: Path, arguments: list[str], tmp_path: Path) -> None:
    done = command("evaluate", *arguments, "batch.max_seconds=10", "engine.threads=1", f"run.dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    assert predictions(tmp_path / "run").read_bytes() == predictions(undisturbed).read_bytes()


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
