"""The command line with Qwen-Audio checkpoints, as real processes."""

import json
import sys
from pathlib import Path

import pytest
import soundfile
from make_qwen_audio import make
from parity import arrays, cases
from support import CHECKOUT, CLIPS, command, read_lines, write_manifest

from evaluate.models.qwen_audio.config import read_architecture
from evaluate.models.qwen_audio.tokenizer import Tokenizer

RECORDED = ("asr_en_s0p1", "asr_en_s1", "asr_en_s7p3", "asr_en_st44k")
TAGS = "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded clips as files."""
    folder = tmp_path_factory.mktemp("recorded")
    for name in RECORDED:
        clip = cases("s2048")[name]["clips"][0]
        soundfile.write(folder / f"{name}.wav", arrays("s2048")[f"{clip}.pcm16"], 16_000, subtype="PCM_16")
    rows = [{"id": name, "audio": f"{name}.wav", "reference": "x"} for name in RECORDED]
    return write_manifest(folder / "manifest.jsonl", rows)


def test_the_recorded_clips_get_the_recorded_text(checkpoints: dict[str, Path], manifest: Path, tmp_path: Path) -> None:
    checkpoint = checkpoints["s2048"]
    done = command(
        "evaluate",
        "task=asr/manifest",
        f"task.corpus.manifest={manifest}",
        "model=qwen_audio",
        f"model.path={checkpoint}",
        "model.dtype=float32",
        f'task.prompt.qwen_audio="{TAGS}"',
        "task.generation.max_new_tokens=24",
        f"run.dir={tmp_path / 'out'}",
    )
    assert done.returncode == 0, done.stderr
    tokenizer = Tokenizer.read(checkpoint, read_architecture(checkpoint))
    rows = {row["id"]: row for row in read_lines(tmp_path / "out/asr/manifest/predictions.jsonl")}
    for name in RECORDED:
        entry = cases("s2048")[name]
        assert rows[name]["raw"] == tokenizer.decode(entry["greedy"]).strip()
        assert rows[name]["prompt"] == entry["text"].replace(f"{entry['clips'][0]}.wav", "1")
        assert rows[name]["prompt_tokens"] == entry["spans"][0] + 6 and rows[name]["new_tokens"] == 24


def test_an_unknown_tag_is_refused_before_the_model_loads(
    checkpoints: dict[str, Path], manifest: Path, tmp_path: Path
) -> None:
    done = command(
        "evaluate",
        "task=asr/manifest",
        f"task.corpus.manifest={manifest}",
        "model=qwen_audio",
        f"model.path={checkpoints['s2048']}",
        'task.prompt.qwen_audio="<|startoftranscription|>"',
        f"run.dir={tmp_path / 'out'}",
    )
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert done.stderr.strip().endswith(
        "<|startoftranscription|> is no tag of this model; did you mean <|startoftranscript|>?"
    )


def test_tiny_needs_nothing(tmp_path: Path) -> None:
    arguments = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "task.language=en"]
    arguments.append("task.generation.max_new_tokens=12")
    done = command("evaluate", *arguments, "model=tiny", f"run.dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    rows = read_lines(tmp_path / "out/asr/manifest/predictions.jsonl")
    assert len({row["raw"] for row in rows}) == len(rows) == 8


def test_a_conversation(tmp_path: Path) -> None:
    make(tmp_path / "chat", chat=True)
    history = [["<audio>1</audio>What is it?", "A bell."]]
    audio = [str(CLIPS / "bells.flac"), str(CLIPS / "train.flac")]
    rows = [
        {"id": "fresh", "audio": audio, "reference": "x", "question": "Which is a train?"},
        {"id": "later", "audio": audio, "reference": "x", "question": "And this?", "history": history},
    ]
    manifest = write_manifest(tmp_path / "manifest.jsonl", rows)
    arguments = ["task=qa/manifest", f"task.corpus.manifest={manifest}", f"model.path={tmp_path / 'chat'}"]
    generation = "task.generation.max_new_tokens=8"
    done = command("evaluate", *arguments, "model=qwen_audio_chat", generation, f"run.dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    fresh, later = read_lines(tmp_path / "out/qa/manifest/predictions.jsonl")
    assert "user\nAudio 1:<audio>1</audio>\nAudio 2:<audio>2</audio>\nWhich is a train?<|im_end|>" in fresh["prompt"]
    assert "user\nAudio 1:<audio>2</audio>\nAnd this?<|im_end|>" in later["prompt"] and "A bell." in later["prompt"]
    assert fresh["raw"] != later["raw"] and "<|" not in fresh["raw"]


def test_the_parent_stays_light() -> None:
    import subprocess

    code = "import sys, evaluate.models.tiny.model; print(json.dumps([m for m in ('torch', 'transformers', 'tiktoken') if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", "import json\n" + code], cwd=CHECKOUT, capture_output=True, text=True)
    assert json.loads(done.stdout) == []
