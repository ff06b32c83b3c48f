"""Layers of settings: generation by prompt style, checkpoints by model, and the run directories of a sweep."""

from collections.abc import Callable
from pathlib import Path

import pytest
from corpora import make_root
from support import CLIPS, command

from evaluate.__main__ import main
from evaluate.compose import said_keys
from evaluate.config import Config, ConfigError, EachGeneration, Generation, ModelConfig, Task, generation_of, tasks_of
from evaluate.models.base import make_model
from evaluate.tasks import ready

TASK = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "task.language=en"]
Capture = pytest.CaptureFixture[str]


def config_of(**layer: int) -> Config:
    styled = {"qwen_audio": EachGeneration(max_new_tokens=4, **layer), "chat": EachGeneration(temperature=0.5)}
    return Config(task=Task(name="t", generation=Generation(max_new_tokens=64), generation_for=styled))


def used(config: Config, *explicit: str, style: str = "qwen_audio") -> Generation:
    (task,) = tasks_of(config, said_keys(explicit))
    return generation_of(task, style)


def test_a_style_goes_before_the_task_and_null_follows_it() -> None:
    assert used(config_of()) == Generation(max_new_tokens=4)
    assert used(config_of(), style="chat") == Generation(max_new_tokens=64, temperature=0.5)
    assert used(config_of(), style="plain") == Generation(max_new_tokens=64)


def test_each_goes_before_the_style() -> None:
    config = config_of(seed=3)
    config.each.generation.max_new_tokens = 8
    assert used(config) == Generation(max_new_tokens=8, seed=3)


@pytest.mark.parametrize("said", ["task.generation.max_new_tokens=64", "task.generation={max_new_tokens:64}"])
def test_the_command_line_goes_before_the_style(said: str) -> None:
    assert used(config_of(seed=3), said) == Generation(max_new_tokens=64, seed=3)


def test_what_the_command_line_says_of_a_style_goes_before_all() -> None:
    config = config_of()
    config.each.generation.max_new_tokens = 8
    assert used(config, "task.generation_for.qwen_audio.max_new_tokens=4").max_new_tokens == 4


def test_of_one_task_of_a_suite() -> None:
    config = Config(tasks={key: config_of().task or Task() for key in "ab"})
    config.tasks["a"].name = "other"
    tasks = tasks_of(config, said_keys(["tasks.a.generation.max_new_tokens=64"]))
    assert [generation_of(task, "qwen_audio").max_new_tokens for task in tasks] == [64, 4]


def test_a_style_is_held_to_the_same_range() -> None:
    config = config_of()
    assert config.task
    config.task.generation_for["qwen_audio"].max_new_tokens = 0
    with pytest.raises(ConfigError, match="generation of t: max_new_tokens is at least 1"):
        tasks_of(config)


def test_the_command_line_knows_the_layers(capsys: Capture, own: Path, tmp_path: Path) -> None:
    """The length that was used is in the fingerprint, and a wrong style has a sentence."""
    task = (own / "task/own/echo.yaml").read_text() + "generation_for: {plain: {max_new_tokens: 5}}\n"
    (own / "task/own/styled.yaml").write_text(task.replace("own/echo", "own/styled"))
    (own / "task/own/wrong.yaml").write_text(task.replace("plain: {max", "plian: {max"))
    given = [f"hydra.searchpath=['file://{own}']", "model=echo", f"task.corpus.manifest={CLIPS}/manifest.jsonl"]
    given.append("task.prompt.plain=say")
    assert main([*given, "task=own/wrong"]) == 2
    assert "generation_for of task own/echo: no model has the prompt style 'plian'; did you mean 'plain'?" in (
        capsys.readouterr().err
    )
    assert main([*given, "task=own/styled", "task.generation_for.plain.max_token=3"]) == 2
    assert "did you mean 'max_new_tokens'?" in capsys.readouterr().err
    assert main([*given, "task=own/styled", "+task.generation_for.chat.max_new_tokens=3"]) == 2
    assert "is added in a task's file; generation.X=... goes before it" in capsys.readouterr().err
    run = [*given, "task=own/styled", f"run.dir='{tmp_path / 'run'}'", "max_failed=99"]
    assert command("evaluate", *run).returncode == 0
    done = command("evaluate", *run, "task.generation.max_new_tokens=256")
    assert done.returncode == 2 and "what differs: generation" in done.stderr
    assert command("evaluate", *run, "task.generation.max_new_tokens=5").returncode == 0


def test_ready_leaves_its_task_as_it_was() -> None:
    model = make_model(ModelConfig("evaluate.models.tiny.model.TinyQwenAudio", name="tiny", path=None))
    task = Task(name="t", prompt={"plain": "say"}, metrics={"wer": None}, generation_for={"plain": EachGeneration(3)})
    task.corpus.manifest = str(CLIPS / "manifest.jsonl")
    made = ready(task, "", model)
    assert made.task.generation.max_new_tokens == 3 and task.generation.max_new_tokens == 256


def test_a_sweep_over_models_of_which_one_has_a_checkpoint(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    run = [f"run.dir='{tmp_path}/${{model.name}}'", f"run.sweep={tmp_path}/all"]
    done = command("evaluate", "-m", *TASK, "model=tiny,whisper", f"checkpoints.whisper={make_whisper()}", "limit=2",
                   "task.generation.max_new_tokens=3", *run)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / name / "leaderboard.md").is_file() for name in ("tiny", "whisper"))


def test_checkpoints_and_the_path(capsys: Capture, own: Path) -> None:
    show = [*TASK, "model=whisper", "show=config"]
    assert main([*show, "checkpoints.whisper=/a"]) == 0
    assert "path: /a\n" in capsys.readouterr().out
    assert main([*show, "checkpoints.whisper=/a", "model.path=/b"]) == 0
    assert "path: /b\n" in capsys.readouterr().out
    assert main([*show, "checkpoints.tiny=/a"]) == 2
    assert "model.path is not set" in capsys.readouterr().err
    assert main([*show, "checkpoints.whispr=/a", "model.path=/b"]) == 2
    assert "checkpoints.whispr: no model named 'whispr'; did you mean 'whisper'?" in capsys.readouterr().err
    assert main([*show, "checkpoints={whisper:/a}"]) == 0
    assert "path: /a\n" in capsys.readouterr().out
    search = f"hydra.searchpath=['file://{own}']"
    assert main([search, *show, "checkpoints.whisper=/a", "checkpoints.echo=/c"]) == 0
    assert "echo: /c\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("swept", "key"),
    [("model.name=a,b", "model.name"), ("task.generation.max_new_tokens=3,4", "task.generation.max_new_tokens")],
)
def test_the_jobs_of_a_sweep_do_not_share_a_run_directory(capsys: Capture, swept: str, key: str) -> None:
    assert main(["-m", *TASK, "model=tiny", swept, "run.dir=out"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.out == ""
    assert f"differ in {key}: let run.dir tell them apart, as in 'run.dir=out/${{{key}}}'" in captured.err


def test_a_sweep_over_pairs_has_its_own_directories(capsys: Capture, tmp_path: Path) -> None:
    root = make_root(tmp_path / "data")
    sweep = ["-m", "model=tiny", "task=s2tt/covost2", "task.pair=en_de,de_en", f"data.root={root}", "show=prompt"]
    assert main(sweep) == 0
    said = capsys.readouterr().out
    assert "s2tt/covost2_en_de, sample" in said and "s2tt/covost2_de_en, sample" in said
