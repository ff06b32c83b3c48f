"""Configuration: it composes as promised, and each kind of error is one sentence with the nearest valid name."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig
from support import CHECKOUT, CLIPS, command, write_manifest

from evaluate.__main__ import main
from evaluate.config import Config, ConfigError, LongAudio, Task, tasks_of

MANIFEST = f"task.corpus.manifest={CLIPS}/manifest.jsonl"
TASK = ["task=asr/manifest", MANIFEST]
Capture = pytest.CaptureFixture[str]


def refused(capsys: Capture, *arguments: str) -> str:
    """Run a command line in this process; it must be refused with one sentence, which is returned."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("evaluate: ") and said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["modle=whisper", *TASK], "unknown key 'modle'; did you mean 'model'?"),
        (["model=wisper", *TASK], "no model named 'wisper'; did you mean 'whisper'?"),
        (["model=whisper", "task=asr/manifes"], "no task named 'asr/manifes'; did you mean 'asr/manifest'?"),
        (["model=whisper", "suite=nothing_like_it"], "no suite named 'nothing_like_it'"),
        (["engine=lokal", "model=whisper", *TASK], "no engine named 'lokal'; did you mean 'local'?"),
        (["model=whisper", "model.pth=x", *TASK], "unknown key 'model.pth'; did you mean 'path'?"),
        (["model=whisper", "model.path=x", "+model.pth=x", *TASK], "unknown key 'model.pth'; did you mean 'path'?"),
        (["model=whisper", "model.path=x", "+nonsense=1", *TASK], "unknown key 'nonsense'"),
        (["model=whisper", "model.path=x", "task.generation.max_token=1", *TASK], "did you mean 'max_new_tokens'?"),
        (["model=whisper", "model.path=x", "task.metrics.wer.normaliser=none", *TASK], "did you mean 'normalizer'?"),
        (
            ["model=whisper", "model.path=x", "task.generation.max_new_tokens=many", *TASK],
            "max_new_tokens=many: it is a whole number",
        ),
        (["model=whisper", "model.path=x", "model.dtype=float23", *TASK], "model.dtype: invalid value 'float23'"),
        (["model=whisper", "model.path=x", "task.long_audio=cut", *TASK], "task.long_audio: invalid value 'cut'"),
        (["model=whisper", *TASK], "model.path is not set, and it has no default: say model.path=..."),
        (TASK, "no model: say model=NAME"),
        (["model=whisper", "model.path=x"], "nothing to run: give task=NAME or suite=NAME"),
        (["model=whisper", "model.path=x", *TASK, "run.dir=/tmp/a=b"], "'run.dir=\"/tmp/a=b\"'"),
        (["model=whisper", "model.path=x", *TASK, "run.dir=/tmp/a{b"], "'run.dir=\"/tmp/a{b\"'"),
        (["model=whisper", "model.path=a,b", *TASK], "add -m to run each"),
        (["nonsense", *TASK], "'nonsense' is no override: write KEY=VALUE"),
        (["model=whisper", "model.path=x", *TASK, "batch.max_clips=0"], "batch.max_clips=0: it is at least 1"),
        (
            ["model=whisper", "model.path=x", *TASK, "engine.devices_per_worker=inf"],
            "engine.devices_per_worker=inf: it is a",
        ),
        (
            ["model=whisper", "model.path=x", *TASK, "batch.max_seconds=-1"],
            "batch.max_seconds=-1: it is more than 0 and finite",
        ),
        (["model=whisper", "model.path=x", *TASK, "limit=0"], "limit=0 of asr/manifest: it is at least 1"),
        (["model=whisper", "model.path=x", *TASK, "show=promt"], "show=promt: it is config or prompt"),
        (["model=whisper", "model.path=x", *TASK, "engine.kind=slurm"], "engine.kind=slurm: it is one of local, ray"),
        (["model=whisper", "model.path=x", *TASK, "task.name=../x"], "task.name=../x"),
        (["hydra.searchpath=[file:///no/such/folder]", *TASK], "there is no folder /no/such/folder"),
        (["model=null", *TASK], "cannot compose model=null"),
        (["model=whisper", "model.path=x", *TASK, "task.generation.temperature=nan"], "temperature at least 0"),
        (["model=whisper", "model.path=x", *TASK, "model.name=../../x"], "model.name=../../x"),
        (
            ["model=whisper", "model.path=x", *TASK, "task.metrics.bleu=null"],
            "is not there to be changed: say +task.metrics.bleu",
        ),
        (["model=whisper", "model.path=x", *TASK, "hydra/launcher=joblib"], "hydra/launcher goes with -m"),
        (["model=whisper", *TASK, "hydra.job.chdir=true"], "hydra.job.chdir: of Hydra's own settings there is"),
        (["--cfg", "job", *TASK], "--cfg: there are -m and --help"),
        (["-m", "model=whisper", "model.path=a[b,c", *TASK], "is quoted twice"),
        (["model=whisper", "model.path=x", *TASK, "model._target_=evaluate.models.base.Model"], "is not a whole model"),
        (["list", "datasets"], "list what? say list tasks|suites|models|metrics"),
        (["model=whisper", "model.path=x", *TASK, "model._target_=evaluate.nothing.Model"], "cannot be imported"),
        (["model=whisper", "model.path=x", *TASK, "model._target_=json.JSONDecoder"], "is no subclass of"),
        (["model=whisper", "model.path=x", *TASK], "model.path=x: no such folder, and no hub id"),
    ],
)
def test_one_sentence_with_the_nearest_name(capsys: Capture, arguments: list[str], said: str) -> None:
    assert said in refused(capsys, *arguments)


def test_more_refusals_before_any_model_is_loaded(
    capsys: Capture, tmp_path: Path, make_whisper: Callable[..., Path]
) -> None:
    good = [*TASK, "model=whisper", f"model.path={make_whisper()}", f"run.dir={tmp_path / 'run'}"]
    (tmp_path / "empty").mkdir()
    for arguments, said in [
        ([f"model.path={tmp_path / 'empty'}"], "holds no config.json"),
        ([f"model.path={CLIPS}/manifest.jsonl"], "is a file; give the folder"),
        (["model.path=openai/whisper-tiny", "model.revision=main"], "copy the checkpoint's folder"),
        (["task.corpus.manifest=null"], "names no manifest: set its corpus.manifest=FILE.jsonl"),
        (["task.corpus.manifest=none.jsonl"], "no manifest at none.jsonl"),
        (["+task.prompt.wisper=transcribe"], "no model has the prompt style 'wisper'; did you mean 'whisper'?"),
        (["task.prompt.whisper=transcribe it"], "prompt.whisper is one of transcribe, translate"),
        (["task.language=de"], "is English-only"),
        (["task.prompt.whisper=translate"], "only transcribes"),
        (
            ["task=classify/manifest"],
            "no prompt for model whisper, which is spoken to as whisper; it has chat, plain",
        ),
        (["task.normalizer=whisper_eng"], "did you mean 'whisper_en'?"),
        (["task.extractor=lable"], "did you mean 'label'?"),
        (["+task.metrics.weer=null"], "did you mean 'wer'?"),
        (["+task.metrics.weer.normalizer=basic"], "is added as +task.metrics.NAME=null"),
        (["task.primary=were"], "primary=were of task asr/manifest; did you mean 'wer'?"),
        (["task.generation.max_new_tokens=445"], "has room for 444"),
        (["task.corpus.group=speeker"], "has no text in 'speeker'"),
        (["+model.options.beams=3"], "model.options.beams: whisper has no such option"),
    ]:
        assert said in refused(capsys, *good, *arguments)
    if not any((tmp_path / "run").rglob("*.jsonl")):
        assert not (tmp_path / "run" / "leaderboard.md").exists()


def test_a_device_that_is_not_there(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    arguments = [*TASK, "model=whisper", f"model.path={make_whisper()}", f"run.dir={tmp_path / 'run'}"]
    done = command("evaluate", *arguments, "engine.devices=cuda:7")
    assert done.returncode == 2 and "\nevaluate: engine.devices=cuda:7: this machine does not offer it" in done.stderr


def test_a_folder_without_weights(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "holds no weights" in refused(capsys, *TASK, "model=whisper", f"model.path={tmp_path}")


def test_a_suite_and_the_keys_of_one_task(capsys: Capture, own: Path) -> None:
    path = [f"hydra.searchpath=['file://{own}']", "suite=own_suite"]
    (own / "suite/own_suite.yaml").write_text("defaults:\n  - /task@tasks.first: own/echo\n")
    assert "begins with the line '# @package _global_'" in refused(capsys, *path, "model=echo")
    assert "say each.limit for all of its tasks, or tasks.KEY.limit" in refused(
        capsys, *path, "model=echo", "task.limit=1"
    )
    (own / "suite/own_suite.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /task@tasks.a: own/echo\n  - /task@tasks.b: own/echo\n"
    )
    assert "two tasks of the suite have the name own/echo" in refused(capsys, *path, "model=echo")
    assert "keep one" in refused(capsys, *path, "model=echo", "task=own/echo")
    (own / "suite/own_suite.yaml").write_text("# @package _global_\ndefaults: [\n")
    assert "own_suite.yaml" in refused(capsys, *path, "model=echo")


def test_each_holds_for_every_task_and_keys_for_one(capsys: Capture, own: Path, tmp_path: Path) -> None:
    path = [f"hydra.searchpath=['file://{own}']", "suite=twice", "model=echo"]
    assert main([*path, "show=config", "each.generation.max_new_tokens=8", "tasks.first.language=de", "limit=2"]) == 0
    shown = capsys.readouterr().out
    assert "language: de" in shown and "limit: 2" in shown and "max_new_tokens: 8" in shown


def test_a_job_is_composed_once_and_hydra_tells_of_itself(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing a suite of 90 tasks takes seconds."""
    compose, composed = ConfigLoaderImpl.load_configuration, []

    def counted(*arguments: Any, **more: Any) -> DictConfig:
        composed.append(arguments)
        return compose(*arguments, **more)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    place = "run.dir=x/${hydra:runtime.choices.model}"
    assert main([*TASK, "model=whisper", "model.path=p", place, "show=config"]) == 0
    assert "dir: x/whisper\n" in capsys.readouterr().out and len(composed) == 1


def test_tasks_of_lays_each_over_every_task() -> None:
    config = Config(tasks={"a": Task(name="a", limit=9), "b": Task(name="b")}, limit=3)
    config.each.generation.max_new_tokens = 8
    config.each.long_audio = LongAudio.chunk
    tasks = tasks_of(config)
    assert [(task.limit, task.generation.max_new_tokens, task.long_audio) for task in tasks] == [
        (3, 8, LongAudio.chunk)
    ] * 2
    config.each.limit = 5
    assert [task.limit for task in tasks_of(config)] == [5, 5]
    config.tasks["a"].limit = 2
    assert [task.limit for task in tasks_of(config, explicit=["tasks.a.limit"])] == [2, 5], (
        "what is said of one task wins"
    )


@pytest.mark.parametrize("name", ["a b", "../a", ".", ".lock", "run.json", "a//b", "/a", "x" * 101, "a/.b"])
def test_a_name_is_a_folder_below_the_run(name: str) -> None:
    with pytest.raises(ConfigError, match=r"task\.name="):
        tasks_of(Config(task=Task(name=name)))


def test_lists_and_help_know_the_users_own(capsys: Capture, own: Path) -> None:
    search = f"hydra.searchpath=['file://{own}']"
    for what, names in (
        ("tasks", ["asr/manifest", "own/echo"]),
        ("suites", ["twice"]),
        ("models", ["echo", "whisper"]),
    ):
        assert main(["list", what, search]) == 0
        listed = capsys.readouterr().out.split()
        assert set(names) <= set(listed) and listed == sorted(listed)
    assert main(["list", "normalizers"]) == 0
    assert "whisper_en" in capsys.readouterr().out.split()
    assert main(["--help"]) == 0
    assert "asr/" in capsys.readouterr().out


def test_show_prompt_loads_no_model(capsys: Capture, tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    arguments = [*TASK, "model=whisper", f"run.dir={tmp_path / 'run'}", "show=prompt"]
    assert main([*arguments, f"model.path={make_whisper('--multilingual')}", "task.language=de"]) == 0
    assert "<audio>1</audio><|startoftranscript|><|de|><|transcribe|><|notimestamps|>" in capsys.readouterr().out
    assert main([*arguments, f"model.path={make_whisper()}", "task.language=en"]) == 0
    assert "<audio>1</audio><|startoftranscript|><|notimestamps|>" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_a_sweep_runs_every_combination_and_leaves_no_litter(
    capsys: Capture, tmp_path: Path, own: Path, tone: Callable[..., Path]
) -> None:
    """Over tasks with a key for both, over prompts one of which is refused: the others run, the worst status stays."""
    row = {"id": "a", "audio": tone("a.wav").name, "reference": "8000 samples", "hint": ""}
    manifest = write_manifest(tmp_path / "m.jsonl", [row])
    (own / "task/own/other.yaml").write_text((own / "task/own/echo.yaml").read_text().replace("own/echo", "own/other"))
    arguments = [
        "task=own/echo,own/other", "-m", "model=echo", f"hydra.searchpath=['file://{own}']",
        f"task.corpus.manifest={manifest}", "task.prompt.plain='say {x}','say'",
    ]  # fmt: skip
    assert main([*arguments, "show=prompt"]) == 2
    said = capsys.readouterr()
    assert said.err.count("the prompt needs {x}") == 2
    assert said.out.count("own/echo, sample a") == 1 and said.out.count("own/other, sample a") == 1
    done = command(
        "evaluate", *arguments, f"run.dir='{tmp_path}/${{task.name}}-${{task.prompt.plain}}'", f"run.sweep={tmp_path}"
    )
    assert done.returncode == 2 and (tmp_path / "own/echo-say/leaderboard.md").exists(), done.stderr
    litter = [path.name for path in CHECKOUT.iterdir()]
    assert "multirun" not in litter and "outputs" not in litter and ".hydra" not in litter


def test_help_is_quick_and_knows_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, resource; from evaluate.__main__ import main; main(['--help']); main(['list', 'tasks']); "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CLIPS.parent.parent
    )
    assert float(done.stdout.split()[-1]) < 2.0


def test_the_logging_of_others_is_left_alone() -> None:
    before, root = logging.getLogger("a.library"), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    assert main([*TASK, "model=tiny", "show=config"]) in (0, 2)
    assert not before.disabled and (root.handlers, root.level) == (handlers, level)
