"""The demo as the README shows it: each of its commands is run, word for word but for the folders."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CHECKOUT, CLIPS, command, read_lines

README = (CHECKOUT / "README.md").read_text("utf-8")
SHOWN = [
    line.partition("  #")[0].removeprefix("python -m evaluate ")
    for line in re.findall(r"^python -m evaluate .*data=miniature.*$", README, re.MULTILINE)
]
SUITE = re.search(r"```yaml\n(# @package _global_\n.*?)```", README, re.DOTALL)
"""The README's own."""
SAMPLES = {
    "asr/librispeech": 16,
    "s2tt/covost2_en_de": 4,
    "s2tt/covost2_de_en": 4,
    "asc/cochlscene": 15,
    "aqa/clothoaqa": 15,
}


def run(shown: str, old: str, new: object) -> str:
    """One of the README's commands with another folder; what it printed."""
    assert old in shown
    done = command("evaluate", *shlex.split(shown.replace(old, str(new))))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_readme_shows_each_variation() -> None:
    wanted = ("limit=2", "each.generation.max_new_tokens=8", "hydra.searchpath=", "model=tiny,whisper")
    assert len(SHOWN) == 5 and all(word in shown for word, shown in zip(wanted, SHOWN[1:], strict=True))


def test_make_demo(tmp_path: Path) -> None:
    """The recipe's own commands: every type of task, the table that the README shows, and the page."""
    recipe = re.search(r"^demo: .*\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe
    table = ""
    for line in recipe[1].replace("results/runs", str(tmp_path)).splitlines():
        run, *words = shlex.split(line.partition(">")[0])
        if run == "$(RUN)":
            done = command(words[1], *words[2:])
            assert done.returncode == 0, done.stderr
            table = done.stdout if "leaderboard" in words else table
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| ")]
    shown = [line.split("|")[1:3] for line in README.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row not in shown] == []
    own = {"classify", "translate"}  # for manifests of one's own alone
    types = {path.name for path in (CHECKOUT / "configs/task").iterdir()} - own
    assert types == {name.strip().partition("/")[0] for name, _ in rows if "/" in name} - {"all"}
    assert (tmp_path / "demo/report.html").stat().st_size > 1e6


def test_two_samples_a_task(tmp_path: Path) -> None:
    said = run(SHOWN[1], "results/runs/two", tmp_path / "run")
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert {name: task["expected"] for name, task in record["tasks"].items()} == dict.fromkeys(SAMPLES, 2)
    assert f"the data of all {len(SAMPLES)} tasks is not as published" in said
    assert "more scores are in leaderboard.md" in said
    assert "wer_qwen_audio" not in said and "wer_qwen_audio" in (tmp_path / "run/leaderboard.md").read_text()


def test_eight_tokens_an_answer(tmp_path: Path) -> None:
    run(SHOWN[2], "results/runs/short", tmp_path / "run")
    for name, count in SAMPLES.items():
        rows = read_lines(tmp_path / "run" / name / "predictions.jsonl")
        assert len(rows) == count and max(row["new_tokens"] for row in rows) <= 8
        assert "asr" not in name or any("hit_max_new_tokens" in row["flags"] for row in rows)


def test_a_suite_outside_of_the_checkout(tmp_path: Path) -> None:
    assert SUITE
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite/mine.yaml").write_text(SUITE[1].replace("de.jsonl", str(CLIPS / "manifest.jsonl")))
    run(f"{SHOWN[3]} run.dir={tmp_path / 'run'} tasks.mine.limit=3", "/home/me/configs", tmp_path)
    assert len(read_lines(tmp_path / "run/asr/mine/predictions.jsonl")) == 3
    assert {row["subset"] for row in read_lines(tmp_path / "run/asr/clean/predictions.jsonl")} == {"test-clean"}
    assert len(read_lines(tmp_path / "run/s2tt/covost2_zh-CN_en/predictions.jsonl")) == 4


def test_two_models(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    """Each in a folder of its own; what Whisper cannot do is left out of its table, and said."""
    place = f"'run.dir={tmp_path}/${{model.name}}' run.sweep={tmp_path}/both each.generation.max_new_tokens=8"
    said = run(f"{SHOWN[4]} {place}", "/models/whisper-base", make_whisper("--multilingual"))
    whisper = json.loads((tmp_path / "whisper/run.json").read_text())
    assert list(whisper["tasks"]) == ["asr/librispeech", "s2tt/covost2_de_en"]
    assert list(whisper["left_out"]) == ["s2tt/covost2_en_de", "asc/cochlscene", "aqa/clothoaqa"]
    assert "whisper was not asked asc/cochlscene, aqa/clothoaqa: no prompt for model whisper" in said
    assert "no prompt" in (tmp_path / "whisper/leaderboard.md").read_text()
    assert "left_out" not in json.dumps(whisper["config"]) and len(whisper["config"]["tasks"]) == 2
    assert set(json.loads((tmp_path / "tiny/run.json").read_text())["tasks"]) == set(SAMPLES)
    merged = json.loads((tmp_path / "both/leaderboard.json").read_text())
    assert {line["model"] for line in merged} == {"tiny", "whisper"}
    both = command("results", "leaderboard", tmp_path / "tiny", tmp_path / "whisper", "--layout", "long")
    assert both.returncode == 0 and "| whisper | s2tt/covost2_de_en" in both.stdout


def test_a_suite_that_a_model_can_do_nothing_of(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    (tmp_path / "suite").mkdir()
    text = "# @package _global_\ndefaults:\n  - /task@tasks.scenes: asc/cochlscene\n  - override /data: miniature\n"
    (tmp_path / "suite/scenes.yaml").write_text(text)
    words = [f"hydra.searchpath=[file://{tmp_path}]", "suite=scenes", "model=whisper", f"model.path={make_whisper()}"]
    done = command("evaluate", *words, f"run.dir={tmp_path / 'run'}")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
    assert "no task of the suite suits the model, not even asc/cochlscene: no prompt" in done.stderr


def test_what_is_not_prepared_says_how(tmp_path: Path) -> None:
    done = command("evaluate", "task=asc/cochlscene", f"data.root={tmp_path}", "model=tiny")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"python -m datasets_prep prepare cochlscene --root {tmp_path} --source FOLDER" in done.stderr


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed; it runs the README's targets")
@pytest.mark.parametrize("paper", ["qwen-audio", "qwen2-audio"])
def test_reproducing_a_paper_is_a_suite(paper: str) -> None:
    done = subprocess.run(
        ["make", "-n", f"reproduce-{paper}", "MODEL=my model", "DATA=my data", "ARGS=limit=3"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    name = paper.replace("-", "_")
    run_dir = f"results/runs/{name}-{name}_paper"
    wanted = f"suite={name}_paper model={name} 'model.path=\"my model\"' 'data.root=\"my data\"' 'run.dir=\"{run_dir}\"' limit=3"
    assert done.returncode == 0 and wanted in done.stdout and f'results verify "{run_dir}"' in done.stdout
    done = subprocess.run(["make", "-o", "setup", f"reproduce-{paper}"], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 2 and f"say: make reproduce-{paper} MODEL=" in done.stdout
