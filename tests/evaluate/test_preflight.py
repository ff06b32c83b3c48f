"""The preflight: every problem of a suite at once, in a sentence each; what stops nothing is a remark."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import CHECKOUT, CLIPS, command, write_manifest

from evaluate import preflight
from evaluate.__main__ import main
from evaluate.config import Config, Generation, ModelConfig, Task
from evaluate.preflight import examine, prepare, size
from evaluate.refusals import Refusals, RefusedError
from metrics.base import MetricError

Tone = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
MINIATURE = CHECKOUT / "datasets_prep/miniature/data"
TINY = ModelConfig("evaluate.models.tiny.model.TinyQwenAudio", name="tiny", path=None)


def task_of(manifest: Path, name: str = "t", **settings: Any) -> Task:
    task = Task(name=name, prompt={"plain": "say"}, metrics={"wer": None}, **settings)
    task.corpus.manifest = str(manifest)
    return task


def config_of(*tasks: Task) -> Config:
    return Config(tasks={f"k{number}": task for number, task in enumerate(tasks)}, model=TINY)


def test_all_problems_of_a_suite_are_said_at_once(capsys: Capture, tmp_path: Path) -> None:
    shutil.copytree(MINIATURE / "librispeech", tmp_path / "librispeech")
    shutil.copytree(MINIATURE / "cochlscene", tmp_path / "cochlscene")
    for clip in (tmp_path / "cochlscene/CochlScene").rglob("*.wav"):
        clip.write_bytes(b"no audio at all")
    run = tmp_path / "run"
    words = ["suite=quick", "model=tiny", f"data.root={tmp_path}", f"run.dir={run}"]
    words += [
        "tasks.librispeech.prompt.qwen_audio='<|startoftranscription|>'",
        "tasks.librispeech.normalizer=whisper_eng",
    ]
    words += ["tasks.librispeech.generation.max_new_tokens=9000", "tasks.cochlscene.generation.max_new_tokens=8000"]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "evaluate: 5 problems:"
    for place, what in enumerate(
        (
            "  task asr/librispeech: generation.max_new_tokens=9000: tiny has room for less than 8192",
            "  task asr/librispeech: metric 'wer': no normalizer named 'whisper_eng'",
            "  task asr/librispeech: the prompt's <|startoftranscription|> is no tag of this model; did you mean",
            f"  below data.root={tmp_path} these are not prepared: s2tt/covost2_en_de (en_de.test); s2tt/covost2_de_en",
            "  task asc/cochlscene: the clips of its first 4 samples cannot be opened, such as: CochlScene/Test/",
        ),
        1,
    ):
        assert said[place].startswith(what), said[place]
    assert len(said) == 6 and not run.exists()


def test_one_problem_is_one_sentence(capsys: Capture) -> None:
    words = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "model=tiny", "task.language=en"]
    assert main([*words, "task.normalizer=whisper_eng"]) == 2
    assert capsys.readouterr().err.startswith("evaluate: metric 'wer': no normalizer")
    for more in ("preflight=off", "show=prompt"):
        assert main([*words, "check=true", more]) == 2
        assert f"check=true is the preflight alone; leave {more} out" in capsys.readouterr().err
    refusals = Refusals()
    with refusals.kept():
        raise RefusedError(["one", "two"])
    with refusals.kept():
        raise MetricError("three")
    with pytest.raises(RefusedError, match=r"^3 problems:\n  one\n  two\n  three$"):
        refusals.stop_if_any()


def test_without_a_model_the_data_is_looked_at_all_the_same(tmp_path: Path, tone: Tone) -> None:
    good = write_manifest(tmp_path / "good.jsonl", [{"id": "a", "audio": tone("a.wav").name, "reference": "r"}])
    bad = write_manifest(tmp_path / "bad.jsonl", [{"id": "a", "audio": "a.wav", "refrence": "r"}])
    config = config_of(task_of(good, "good"), task_of(bad, "bad"), task_of(good, "metric", normalizer="bsic"))
    config.model = ModelConfig("evaluate.models.whisper.Whisper", name="w", path=str(tmp_path / "nothing"))
    found = prepare(config, list(config.tasks.values()))
    assert found.model is None and len(found.problems) == 3
    for problem, what in zip(
        found.problems, ("no such folder", "no 'reference'", "task metric: metric 'wer'"), strict=True
    ):
        assert what in problem


def ready_of(task: Task) -> Any:
    found = prepare(Config(task=task, model=TINY), [task])
    assert not found.problems
    return found.tasks[0]


def test_the_first_clips_are_opened(tmp_path: Path, tone: Tone) -> None:
    rows = [{"id": str(n), "audio": tone(f"{n}.wav").name, "reference": "some words"} for n in range(6)]
    task = ready_of(task_of(write_manifest(tmp_path / "m.jsonl", rows)))
    found = examine([task], tmp_path)
    assert (found.problems, found.remarks, found.clips) == ([], [], {"t": 4}) and 0 < found.needed < found.free
    (tmp_path / "1.wav").unlink()
    found = examine([task], tmp_path)
    assert found.problems == [] and found.clips == {"t": 3}
    assert found.remarks == ["task t: of its first 4 samples 1 will fail: 1.wav is not there"]
    for name in "023":
        (tmp_path / f"{name}.wav").write_bytes(b"")
    problem = "task t: the clips of its first 4 samples cannot be opened, such as: 0.wav is an empty file"
    assert examine([task], tmp_path).problems == [problem]
    assert examine([task], tmp_path, {"t": 0}).problems == [], "finished: its clips may be gone"


def test_metrics_are_tried_on_the_tasks_own_samples(tmp_path: Path, tone: Tone) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "true"} for n in range(3)]
    task = ready_of(task_of(write_manifest(tmp_path / "m.jsonl", rows), extractor="yes_no"))
    (problem,) = examine([task], tmp_path).problems
    assert problem.startswith("task t: metric 'wer' reads no right answer as one: its extractor is 'yes_no'")


def test_a_disk_without_room_is_refused(tmp_path: Path, tone: Tone) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "r"} for n in range(300)]
    task = ready_of(task_of(write_manifest(tmp_path / "m.jsonl", rows)))
    small = examine([task], tmp_path / "not/there/yet")
    assert small.needed == 2 * examine([task], tmp_path, {"t": 150}).needed and small.needed < 2e6
    task.task.generation = Generation(max_new_tokens=10**12)
    (problem,) = examine([task], tmp_path / "run").problems
    assert (
        problem.startswith(f"run.dir={tmp_path / 'run'}: its disk has ") and "the answers may need 3,600,000" in problem
    )
    assert (size(512_000), size(3_456_000), size(1.5e12)) == ("512 kB", "3.5 MB", "1,500.0 GB")


def test_an_estimate_holds_what_answers_take(own: Path, tmp_path: Path, tone: Tone) -> None:
    rows = [{"id": str(n), "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""} for n in range(20)]
    manifest, run = write_manifest(tmp_path / "m.jsonl", rows), tmp_path / "run"
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}"]
    done = command("evaluate", *words, f"run.dir={run}", "task.generation.max_new_tokens=4")
    assert done.returncode == 0, done.stderr
    found = examine([ready_of(task_of(manifest, generation=Generation(max_new_tokens=4)))], tmp_path)
    taken = preflight.FILES * (run / "own/echo/predictions.jsonl").stat().st_size
    assert taken < found.needed < 2 * taken


def test_a_run_is_refused_and_goes_on_without_the_preflight(own: Path, tmp_path: Path) -> None:
    rows = [{"id": str(n), "audio": f"{n}.wav", "reference": "8000 samples", "hint": ""} for n in range(5)]
    manifest, run = write_manifest(tmp_path / "m.jsonl", rows), tmp_path / "run"
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}"]
    words.append(f"run.dir={run}")
    done = command("evaluate", *words)
    assert done.returncode == 2 and "cannot be opened, such as: 0.wav is not there" in done.stderr
    assert done.stderr.count("\n") == 2 and not (run / "run.json").exists()
    done = command("evaluate", *words, "preflight=off")
    assert done.returncode == 1 and "5 failed" in done.stderr
    assert command("evaluate", *words, "max_failed=9").returncode == 0, "finished before: nothing is looked at"


def test_check_says_what_it_looked_at_and_writes_nothing(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    run = tmp_path / "run"
    words = ["suite=quick", "data=miniature", "model=whisper", f"model.path={make_whisper('--multilingual')}"]
    done = command("evaluate", *words, f"run.dir={run}", "check=true", "limit=5")
    assert done.returncode == 0, done.stderr
    first, second, *left, disk, last = done.stdout.splitlines()
    assert first.startswith("asr/librispeech: 5 prompts of style whisper; clips of 4 opened; wer_qwen_audio, wer_qwen2")
    assert "cer tried; it hears (of 4 samples a first logit moves by " in first and first.endswith(
        " with another clip)"
    )
    assert second.startswith("s2tt/covost2_de_en: 4 prompts") and len(left) == 3
    assert all(line.startswith("left out: ") for line in left)
    assert disk.startswith("disk: the answers may need ") and last == "nothing stands in the way of this run"
    assert not run.exists()


def test_check_lists_what_a_run_would_trip_over(own: Path, tmp_path: Path, tone: Tone) -> None:
    """Its directory, a task's metric, a model that does not load: all three at once."""
    row = {"id": "a", "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""}
    manifest, run = write_manifest(tmp_path / "m.jsonl", [row]), tmp_path / "run"
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}"]
    words.append(f"run.dir={run}")
    assert command("evaluate", *words).returncode == 0
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    code = own / "echo_model.py"
    code.write_text(code.read_text().replace("self.device = device", "raise FileNotFoundError('no such weights')"))
    done = command("evaluate", *words, "check=true", "task.extractor=yes_no", "task.generation.max_new_tokens=9")
    assert done.returncode == 2 and done.stdout == ""
    said = done.stderr.splitlines()
    assert said[-4] == "evaluate: 3 problems:"
    for line, what in zip(
        said[-3:], ("what differs: generation", "reads no right answer", "does not load"), strict=True
    ):
        assert what in line
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == files
